import { isSame, isUpdate, STANDING } from "./entry-table.ts";
import { leaveStanding, type LeaveContext } from "./leave-standing.ts";

/** Tell what a restore would do, and count it as if it had been done. */
export function reportPlan(context: LeaveContext): void {
  const { plan } = context;
  for (let file = 0; file < plan.files.length; file++) reportFile(file, context);
  for (const { entry } of plan.specialNodes) reportOther("other", plan.specials, entry, context);
  for (const { entry, kind } of plan.hardLinks) {
    reportOther(kind === "file" ? "link" : "other", plan.links, entry, context);
  }
  // The target itself is in no snapshot.
  for (let entry = 1; entry < plan.directories.length; entry++) {
    context.progress.done("dir", 0, () => plan.path(plan.directories, entry));
  }
}

function reportFile(file: number, { plan, progress }: LeaveContext): void {
  const standing = plan.files.standing(file);
  const size = plan.files.size(file);
  const path = (): Uint8Array => plan.path(plan.files, file);
  if (standing === STANDING.kept) return;
  if (isSame(standing)) return progress.unchanged("file", size, path);
  progress.wrote(size);
  progress.done("file", size, path, isUpdate(standing));
}

function reportOther(
  type: "link" | "other",
  table: LeaveContext["plan"]["links"],
  entry: number,
  context: LeaveContext,
): void {
  if (leaveStanding(type, table, entry, context)) return;
  context.progress.done(type, 0, () => context.plan.path(table, entry));
}
