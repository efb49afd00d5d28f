import {
  byTime,
  drill,
  findSnapshot,
  makeScratchFolder,
  removeScratchFolder,
  type DrillReport,
  type Repository,
  type SnapshotChoice,
  type SnapshotEntry,
} from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatCount, formatLocalTime, formatSize, printable } from "./format-text.ts";
import { withLock } from "./with-lock.ts";

/** Flags of a drill. */
export interface DrillFlags {
  readonly drill?: number;
  readonly canary?: readonly string[];
  readonly drillTarget?: string;
  readonly drillSeed?: number;
}

/** True if a drill is wanted. */
export function wantsDrill({ drill: files, canary }: DrillFlags): boolean {
  return files !== undefined || canary !== undefined;
}

/** Restore files of the newest snapshot, print what came of it, and return how many problems there were. */
export async function runDrill(
  context: Context,
  repository: Repository,
  flags: DrillFlags & { readonly snapshots?: SnapshotChoice | undefined },
): Promise<number> {
  const folder = flags.drillTarget ?? makeScratchFolder("drill");
  try {
    const wish = { readOnly: true, settlesLater: true };
    const report = await withLock(context, repository, wish, async (signal, lock) => {
      const found = await findNewest(repository, flags.snapshots ?? {}, signal);
      const time = formatLocalTime(found.snapshot.time);
      context.output.say(
        `drill: restoring from snapshot ${found.id.slice(0, 8)} of ${time} to ${printable(folder)}`,
      );
      return drill(repository, found, {
        files: flags.drill ?? 0,
        canaries: flags.canary,
        seed: flags.drillSeed ?? Math.floor(Math.random() * 2 ** 31),
        target: folder,
        mayWrite: lock.settled,
        signal,
      });
    });
    printDrill(context, report);
    return report.problems.length;
  } finally {
    if (flags.drillTarget === undefined) removeScratchFolder(folder);
  }
}

/** The newest of those that were chosen. */
async function findNewest(
  repository: Repository,
  { names = [], filter }: SnapshotChoice,
  signal: AbortSignal,
): Promise<SnapshotEntry> {
  const wanted = names.length === 0 ? ["latest"] : names;
  const found: SnapshotEntry[] = [];
  for (const name of wanted) found.push(await findSnapshot(repository, name, filter, { signal }));
  return found.sort(byTime).at(-1) as SnapshotEntry;
}

function printDrill({ output }: Context, report: DrillReport): void {
  for (const { path, message } of report.problems) {
    const text = `drill: ${path}: ${printable(message)}`;
    output.warnMessage(`error: ${text}`, { message_type: "error", message: text });
  }
  output.message({
    message_type: "drill",
    snapshot_id: report.snapshot,
    seed: report.seed,
    files: report.files,
    bytes: report.bytes,
    files_compared_with_source: report.compared,
    num_errors: report.problems.length,
  });
  const files = `${formatCount(report.files, "file")}, ${formatSize(report.bytes)}`;
  output.say(
    `drill: restored ${files} (seed ${report.seed}) and compared them with what was saved`,
  );
  if (report.compared > 0) {
    const compared = `${formatCount(report.compared, "file")} of this machine`;
    output.say(`drill: compared ${compared} that nobody has changed since`);
  }
}
