import { encodeJson, encodeSnapshot, type JsonValue, type SnapshotEntry } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatLocalTime, formatSize, printable } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import type { Grouping } from "../parse-values.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { formatTable } from "../table.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `snapshots`. */
export interface SnapshotsFlags extends FilterFlags {
  readonly compact?: boolean;
  readonly latest?: number;
  readonly groupBy?: Grouping;
}

/** Snapshots that have something in common; what does not count is undefined. */
interface Group {
  readonly host: string | undefined;
  readonly paths: readonly string[] | undefined;
  readonly tags: readonly string[] | undefined;
  entries: SnapshotEntry[];
}

const ALL: Grouping = { host: false, paths: false, tags: false };

/** `snapshots`: list snapshots, oldest first. */
export async function runSnapshots(
  context: Context,
  args: readonly string[],
  flags: SnapshotsFlags,
): Promise<ExitCode> {
  const repository = await openNamedRepository(context);
  const entries = await withLock(context, repository, { readOnly: true }, (signal) =>
    selectSnapshots(context, repository, args, { flags, signal }),
  );
  const isGrouped = Object.values(flags.groupBy ?? ALL).includes(true);
  const groups = groupSnapshots(entries, flags.groupBy ?? ALL);
  for (const group of groups) group.entries = keepLatest(group.entries, flags.latest, isGrouped);
  if (context.output.json) printJson(context, groups, isGrouped);
  else for (const group of groups) printGroup(context, group, flags.compact ?? false, isGrouped);
  return EXIT.ok;
}

function groupSnapshots(entries: readonly SnapshotEntry[], by: Grouping): Group[] {
  const groups = new Map<string, Group>();
  for (const entry of entries) {
    const { hostname, paths, tags } = entry.snapshot;
    const key = {
      host: by.host ? hostname : undefined,
      paths: by.paths ? [...paths].sort() : undefined,
      tags: by.tags ? [...tags].sort() : undefined,
    };
    const name = JSON.stringify(key);
    const group = groups.get(name) ?? { ...key, entries: [] };
    group.entries.push(entry);
    groups.set(name, group);
  }
  // Without grouping there is one group, even an empty one.
  if (groups.size === 0)
    return [{ host: undefined, paths: undefined, tags: undefined, entries: [] }];
  return [...groups.keys()].sort().map((name) => groups.get(name)!);
}

/** The newest of a group, or of each host and paths. Entries ascend by time. */
function keepLatest(
  entries: readonly SnapshotEntry[],
  count: number | undefined,
  isGrouped: boolean,
): SnapshotEntry[] {
  if (count === undefined) return [...entries];
  const seen = new Map<string, number>();
  const kept = entries.toReversed().filter(({ snapshot }) => {
    const key = isGrouped ? "" : JSON.stringify([snapshot.hostname, snapshot.paths]);
    const number = (seen.get(key) ?? 0) + 1;
    seen.set(key, number);
    return number <= count;
  });
  return kept.reverse();
}

function printJson({ output }: Context, groups: readonly Group[], isGrouped: boolean): void {
  if (!isGrouped) return output.print(snapshotList(groups[0]?.entries ?? []));
  const texts = groups
    .filter(({ entries }) => entries.length > 0)
    .map(({ host, paths, tags, entries }) => {
      const key: JsonValue = {
        hostname: host ?? "",
        paths: paths === undefined ? null : [...paths],
        tags: tags === undefined || tags.length === 0 ? null : [...tags],
      };
      return `{"group_key":${encodeJson(key)},"snapshots":${snapshotList(entries)}}`;
    });
  output.print(`[${texts.join(",")}]`);
}

function snapshotList(entries: readonly SnapshotEntry[]): string {
  return `[${entries.map(snapshotJson).join(",")}]`;
}

/** The JSON of a snapshot file with its id at the end, without a closing brace if more is to follow. */
export function snapshotJson({ id, snapshot }: SnapshotEntry, rest: unknown = ""): string {
  const text = Buffer.from(encodeSnapshot(snapshot)).toString("utf8").slice(0, -1);
  const more = typeof rest === "string" ? rest : "";
  return `${text},"id":"${id}","short_id":"${id.slice(0, 8)}"${more}}`;
}

function printGroup({ output }: Context, group: Group, compact: boolean, isGrouped: boolean): void {
  const { entries } = group;
  if (isGrouped && entries.length > 0) output.print(groupTitle(group));
  if (entries.length > 0) {
    for (const line of snapshotTable(entries, compact)) output.print(line);
    output.say("Timestamps shown in local time");
  }
  output.print(`${entries.length} snapshots`);
}

function groupTitle({ host, paths, tags }: Group): string {
  const parts = [
    host === undefined ? "" : `host [${printable(host)}]`,
    tags === undefined ? "" : `tags [${printable(tags.join(", "))}]`,
    paths === undefined ? "" : `paths [${printable(paths.join(", "))}]`,
  ];
  return `snapshots for (${parts.filter((part) => part !== "").join(", ")}):`;
}

function snapshotTable(entries: readonly SnapshotEntry[], compact: boolean): string[] {
  const hasSizes = entries.some(({ snapshot }) => snapshot.summary !== undefined);
  const pathColumn = compact ? [] : [{ title: "Paths" }];
  const sizeColumn = hasSizes ? [{ title: "Size", align: "right" as const }] : [];
  const titles = ["ID", "Time", "Host".padEnd(compact ? 4 : 10), "Tags".padEnd(compact ? 4 : 10)];
  const columns = [...titles.map((title) => ({ title })), ...pathColumn, ...sizeColumn];
  const rows = entries.map(({ id, snapshot }) => {
    const { summary } = snapshot;
    const size = summary === undefined ? "" : formatSize(summary.totalBytesProcessed);
    const tags = snapshot.tags.map(printable);
    return [
      [id.slice(0, 8)],
      [formatLocalTime(snapshot.time)],
      [printable(snapshot.hostname)],
      compact ? tags : [tags.join(",")],
      ...(compact ? [] : [snapshot.paths.map(printable)]),
      ...(hasSizes ? [[size]] : []),
    ];
  });
  return formatTable(columns, rows);
}
