import {
  encodeJson,
  groupSnapshots,
  type JsonValue,
  type SnapshotEntry,
  type SnapshotGroup,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { describeZone } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import type { Grouping } from "../parse-values.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { groupTitle, snapshotJson, snapshotTable } from "../snapshot-table.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `snapshots`. */
export interface SnapshotsFlags extends FilterFlags {
  readonly compact?: boolean;
  readonly latest?: number;
  readonly groupBy?: Grouping;
}

const ALL: Grouping = { host: false, paths: false, tags: false };
const EMPTY: SnapshotGroup = { host: undefined, paths: undefined, tags: undefined, entries: [] };

/** `snapshots`: list snapshots, oldest first. */
export async function runSnapshots(
  context: Context,
  args: readonly string[],
  flags: SnapshotsFlags,
): Promise<ExitCode> {
  const repository = await openNamedRepository(context, { locks: true });
  const entries = await withLock(context, repository, { readOnly: true }, (signal) =>
    selectSnapshots(context, repository, args, { flags, signal }),
  );
  const isGrouped = Object.values(flags.groupBy ?? ALL).includes(true);
  const found = groupSnapshots(entries, flags.groupBy ?? ALL);
  // Without grouping there is one group, even an empty one.
  const groups = (found.length === 0 ? [EMPTY] : found).map((group) => ({
    ...group,
    entries: keepLatest(group.entries, flags.latest, isGrouped),
  }));
  if (context.output.json) printJson(context, groups, isGrouped);
  else for (const group of groups) printGroup(context, group, flags.compact ?? false, isGrouped);
  return EXIT.ok;
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

function printJson(
  { output }: Context,
  groups: readonly SnapshotGroup[],
  isGrouped: boolean,
): void {
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

function printGroup(
  { output, environment }: Context,
  group: SnapshotGroup,
  compact: boolean,
  isGrouped: boolean,
): void {
  const { entries } = group;
  if (isGrouped && entries.length > 0) output.print(groupTitle(group));
  if (entries.length > 0) {
    for (const line of snapshotTable(entries, compact)) output.print(line);
    output.say(describeZone(environment));
  }
  output.print(`${entries.length} snapshots`);
}
