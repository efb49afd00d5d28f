/**
 * Snapshots as `snapshots` and `forget` print them.
 *
 * @module
 */
import { encodeSnapshot, type SnapshotEntry, type SnapshotGroupKey } from "@tsbak/core";
import { formatLocalTime, formatSize, printable } from "./format-text.ts";
import { formatTable } from "./table.ts";

/** The JSON of a snapshot file with its id at the end, without a closing brace if more is to follow. */
export function snapshotJson({ id, snapshot }: SnapshotEntry, rest: unknown = ""): string {
  const text = Buffer.from(encodeSnapshot(snapshot)).toString("utf8").slice(0, -1);
  const more = typeof rest === "string" ? rest : "";
  return `${text},"id":"${id}","short_id":"${id.slice(0, 8)}"${more}}`;
}

/** What the snapshots below have in common, as restic puts it. */
export function groupTitle({ host, paths, tags }: SnapshotGroupKey): string {
  const parts = [
    host === undefined ? "" : `host [${printable(host)}]`,
    tags === undefined ? "" : `tags [${printable(tags.join(", "))}]`,
    paths === undefined ? "" : `paths [${printable(paths.join(", "))}]`,
  ];
  return `snapshots for (${parts.filter((part) => part !== "").join(", ")}):`;
}

/** Lines of a table of snapshots. `reasons` are why each is kept, by its id; the short form leaves out these and the paths. */
export function snapshotTable(
  entries: readonly SnapshotEntry[],
  compact: boolean,
  reasons?: ReadonlyMap<string, readonly string[]>,
): string[] {
  const hasSizes = entries.some(({ snapshot }) => snapshot.summary !== undefined);
  const hasReasons = reasons !== undefined && !compact;
  const reasonColumn = hasReasons ? [{ title: "Reasons" }] : [];
  const pathColumn = compact ? [] : [{ title: "Paths" }];
  const sizeColumn = hasSizes ? [{ title: "Size" }] : [];
  const titles = ["ID", "Time", "Host".padEnd(compact ? 4 : 10), "Tags".padEnd(compact ? 4 : 10)];
  const columns = [
    ...titles.map((title) => ({ title })),
    ...reasonColumn,
    ...pathColumn,
    ...sizeColumn,
  ];
  const rows = entries.map(({ id, snapshot }) => {
    const { summary } = snapshot;
    const size = summary === undefined ? "" : formatSize(summary.totalBytesProcessed);
    const tags = snapshot.tags.map(printable);
    return [
      [id.slice(0, 8)],
      [formatLocalTime(snapshot.time)],
      [printable(snapshot.hostname)],
      compact ? tags : [tags.join(",")],
      ...(hasReasons ? [reasons.get(id) ?? []] : []),
      ...(compact ? [] : [snapshot.paths.map(printable)]),
      ...(hasSizes ? [[size]] : []),
    ];
  });
  const isSpaced = !compact && entries.some(({ snapshot }) => snapshot.paths.length > 1);
  return formatTable(columns, rows, isSpaced);
}
