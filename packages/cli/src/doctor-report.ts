import type { DoctorReport, SnapshotEntry, VerifyProblem, VerifyReport } from "@tsbak/core";
import { formatCount, formatLocalTime, printable } from "./format-text.ts";

/** So many of the snapshots in the trash are named. */
const SHOWN_IN_TRASH = 5;

/** What a doctor found, in plain words: what is damaged, and what it costs. */
export function describeDiagnosis(
  report: VerifyReport,
  snapshots: readonly SnapshotEntry[],
): string[] {
  if (report.errors.length === 0) return ["the repository is whole, nothing is damaged"];
  return [
    `${formatCount(report.errors.length, "problem")} found:`,
    ...report.errors.map(({ message }) => `  ${message}`),
    ...describeAffected(report, snapshots),
  ];
}

/** The snapshots that cannot be restored in full, and what in them. */
function describeAffected(report: VerifyReport, snapshots: readonly SnapshotEntry[]): string[] {
  const paths = affectedPaths(report.errors);
  const isCertain = report.errors.every(({ kind }) => kind !== "snapshot-damaged");
  if (paths.size === 0) {
    return [
      isCertain
        ? "all snapshots can still be restored in full"
        : "all other snapshots can still be restored in full",
    ];
  }
  const lines = [
    `${formatCount(paths.size, "snapshot")} cannot be restored in full as things are:`,
  ];
  for (const [id, places] of paths) {
    lines.push(`  ${describeSnapshot(id, snapshots)}`);
    lines.push(...[...places].sort().map((path) => `    ${path}`));
  }
  const rest = report.errors.reduce(
    (sum, { affected, affectedCount }) => sum + affectedCount - affected.length,
    0,
  );
  if (rest > 0) lines.push(`  and ${rest} more files and folders`);
  return lines;
}

function affectedPaths(errors: readonly VerifyProblem[]): Map<string, Set<string>> {
  const paths = new Map<string, Set<string>>();
  for (const { snapshot, path } of errors.flatMap(({ affected }) => affected)) {
    const known = paths.get(snapshot) ?? new Set();
    paths.set(snapshot, known.add(path));
  }
  return paths;
}

function describeSnapshot(id: string, snapshots: readonly SnapshotEntry[]): string {
  const snapshot = snapshots.find((entry) => entry.id === id)?.snapshot;
  if (snapshot === undefined) return `snapshot ${id.slice(0, 8)}`;
  const { time, hostname, paths } = snapshot;
  const what = paths.map(printable).join(", ");
  return `snapshot ${id.slice(0, 8)} of ${what} on ${printable(hostname)}, ${formatLocalTime(time)}`;
}

/** What was done about it. */
export function describeTreatment({ treatment }: DoctorReport): string[] {
  if (treatment === undefined) return [];
  const { snapshotsMended, keysMended, packsSalvaged, blobsSalvaged, blobsFound } = treatment;
  const placed = treatment.packsPlaced.length;
  const lines = [
    ...snapshotsMended.map((id) => `snapshot ${id.slice(0, 8)} is there again`),
    ...keysMended.map((id) => `key ${id.slice(0, 8)} is there again`),
  ];
  if (placed > 0) {
    lines.push(`put ${formatCount(placed, "pack")} in place that lay in wrong folders`);
  }
  if (packsSalvaged.length > 0) {
    const packs = formatCount(packsSalvaged.length, "damaged pack");
    lines.push(`saved ${formatCount(blobsSalvaged, "blob")} out of ${packs}`);
  }
  for (const [source, count] of blobsFound) {
    lines.push(`found ${formatCount(count, "lost blob")} in ${source}`);
  }
  return lines;
}

/** What to do about what is still wrong; removing comes last. */
export function describeNextSteps(report: DoctorReport, hasOther: boolean): string[] {
  const kinds = new Set(report.after.errors.map(({ kind }) => kind));
  const lines: string[] = [];
  if (kinds.size === 0) return lines;
  if (!hasOther) {
    lines.push(
      "if there is a mirror or another copy of this repository: tsbak doctor --from-repo <location>",
    );
  }
  if (kinds.has("blob-missing") || kinds.has("pack-damaged") || kinds.has("pack-missing")) {
    lines.push(
      "if the files are still on a machine: tsbak backup --force <paths> there, which stores again what is lost, then tsbak doctor",
      "if nothing else is left: tsbak repair snapshots, which takes what is lost out of the snapshots and keeps the rest",
    );
  }
  if (kinds.has("snapshot-damaged")) {
    lines.push(
      "the files of a lost snapshot are still in the repository: tsbak recover finds them",
      "if nothing else is left: tsbak repair snapshots --forget, which removes snapshots that cannot be read",
    );
  }
  if (kinds.has("key-damaged")) {
    lines.push("the damaged key can be replaced: tsbak key add, then tsbak key remove");
  }
  if (kinds.has("tree-damaged") || kinds.has("tree-invalid")) {
    lines.push(
      "folders that were written wrongly: tsbak repair snapshots keeps what can be read of them",
    );
  }
  return ["what can still be done, in this order:", ...lines.map((line) => `  - ${line}`)];
}

/** Snapshots in the trash: whoever misses some should know before anything else is tried. */
export function describeTrash(trash: DoctorReport["inTrash"]): string[] {
  if (trash.length === 0) return [];
  const shown = trash.slice(-SHOWN_IN_TRASH);
  const rest = trash.length - shown.length;
  return [
    `${formatCount(trash.length, "forgotten snapshot")} in the trash of the repository:`,
    ...shown.map(({ id }) => `  ${describeSnapshot(id, shown)}`),
    ...(rest > 0 ? [`  and ${rest} that were forgotten earlier`] : []),
    `if any of them is missed: tsbak undelete ${trash.at(-1)!.id.slice(0, 8)}`,
  ];
}

/** Snapshots that only the cache has. */
export function describeForgotten(snapshots: readonly SnapshotEntry[]): string[] {
  if (snapshots.length === 0) return [];
  return [
    `the cache on this machine has ${formatCount(snapshots.length, "snapshot")} that the repository has not:`,
    ...snapshots.map(({ id }) => `  ${describeSnapshot(id, snapshots)}`),
    "if nobody forgot them on another machine, --snapshots-from-cache brings them back",
  ];
}
