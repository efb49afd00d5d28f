/**
 * What `forget` prints, as restic does, and what our guards have to say.
 *
 * @module
 */
import { describeGroup, encodeJson, type ForgetGroup, type JsonValue } from "@tsbak/core";
import type { Context } from "./context.ts";
import { describeZone, formatCount, formatSize, printable } from "./format-text.ts";
import { groupTitle, snapshotJson, snapshotTable } from "./snapshot-table.ts";

/** What of a group is kept and what is removed, each as a table; nothing with `--quiet` or `--json`. */
export function printForgetGroup(
  { output, environment }: Context,
  planned: ForgetGroup,
  compact: boolean,
): void {
  const { group, keep, remove } = planned;
  const isGrouped = [group.host, group.paths, group.tags].some((part) => part !== undefined);
  if (isGrouped) output.say(groupTitle(group), 2);
  const reasons = new Map(keep.map((kept) => [kept.entry.id, kept.reasons]));
  const kept = keep.map(({ entry }) => entry);
  const parts = [
    ["keep", snapshotTable(kept.toSorted(byTimeUp), compact, reasons), kept.length],
    ["remove", snapshotTable(remove.toReversed(), compact), remove.length],
  ] as const;
  for (const [word, table, count] of parts) {
    if (count === 0) continue;
    output.say(`${word} ${count} snapshots:`);
    for (const line of table) output.say(line);
    output.say(describeZone(environment));
    output.say(`${count} snapshots`);
    output.say("");
  }
}

/** How much of a group would be removed. */
export function describeRemoval({ group, keep, remove }: ForgetGroup): string {
  const name = printable(describeGroup(group));
  return `${remove.length} of ${remove.length + keep.length} snapshots of "${name}" would be removed`;
}

/** Tell what of a group is held back, and why. */
export function warnOfGuards(context: Context, planned: ForgetGroup): void {
  for (const line of guardLines(planned)) warnOfGroup(context, planned, line);
}

/** A line about a group. */
export function warnOfGroup({ output }: Context, { group }: ForgetGroup, line: string): void {
  output.warnProblem(line, { message: line, during: "forget", item: describeGroup(group) });
}

/** The groups in restic's JSON: null for an empty list. */
export function forgetJson(groups: readonly ForgetGroup[]): string {
  return `[${groups.map(groupJson).join(",")}]`;
}

/** `{0a1b2c3d 1b2c3d4e}`, as restic prints a set of ids. */
export function idSetText(ids: readonly string[]): string {
  const short = ids.map((id) => id.slice(0, 8)).sort();
  return `{${short.join(" ")}}`;
}

/** Why nothing of a group is removed, and what of it is not believed; each a line with what can be done about it. */
function guardLines({ group, shrink, isFrozen, distrusted }: ForgetGroup): string[] {
  const name = printable(describeGroup(group));
  const lines: string[] = [];
  if (distrusted.size > 0) {
    const [id = "", reason = ""] = [...distrusted][0] ?? [];
    lines.push(
      `${formatCount(distrusted.size, "snapshot")} of "${name}" not counted and not removed: otherwise others would be removed in favour of ` +
        `${distrusted.size === 1 ? "it" : "them"}, though the time cannot be believed (${id.slice(0, 8)}: ${reason}); ` +
        `if it is right, use --trust-times`,
    );
  }
  if (shrink !== undefined && isFrozen) {
    const { newest, files, bytes } = shrink;
    lines.push(
      `Nothing of "${name}" is removed: the newest snapshot ${newest.id.slice(0, 8)} has ${formatCount(files.now, "file")} and ` +
        `${formatSize(bytes.now)}, those before it ${formatCount(files.usual, "file")} and ${formatSize(bytes.usual)}; ` +
        `if that is right, run forget once with --allow-shrink`,
    );
  }
  return lines;
}

function byTimeUp(
  a: { readonly snapshot: { readonly time: string } },
  b: { readonly snapshot: { readonly time: string } },
): number {
  return Date.parse(a.snapshot.time) - Date.parse(b.snapshot.time);
}

function groupJson({ group, keep, remove }: ForgetGroup): string {
  const list = (values: readonly string[] | undefined): JsonValue =>
    values === undefined || values.length === 0 ? null : [...values];
  const array = (items: readonly string[]): string =>
    items.length === 0 ? "null" : `[${items.join(",")}]`;
  const fields = [
    `"tags":${encodeJson(list(group.tags))}`,
    `"host":${encodeJson(group.host ?? "")}`,
    `"paths":${encodeJson(list(group.paths))}`,
    `"keep":${array(keep.map(({ entry }) => snapshotJson(entry)))}`,
    `"remove":${array(remove.map((entry) => snapshotJson(entry)))}`,
    `"reasons":${array(
      keep.map(
        ({ entry, reasons }) =>
          `{"snapshot":${snapshotJson(entry)},"matches":${encodeJson([...reasons])}}`,
      ),
    )}`,
  ];
  return `{${fields.join(",")}}`;
}
