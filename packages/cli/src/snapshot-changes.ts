import type { SnapshotChange, SnapshotEntry } from "@tsbak/core";
import { formatCount, formatLocalTime, printable } from "./format-text.ts";
import type { Output } from "./output.ts";

/** One line about a snapshot, as restic has it. */
export function describeSnapshot({ id, snapshot }: SnapshotEntry): string {
  const { paths, time, username, hostname } = snapshot;
  const who = `${username}@${hostname}`;
  return printable(
    `snapshot ${id.slice(0, 8)} of [${paths.join(" ")}] at ${formatLocalTime(time)} by ${who}`,
  );
}

/** Tell what became of a snapshot; of a dry run, what would have. */
export function reportChange(output: Output, change: SnapshotChange, dryRun: boolean): void {
  const { old, saved, isRemoved } = change;
  const name = `snapshot ${old.id.slice(0, 8)}`;
  if (dryRun) {
    output.say(
      `${name}: would ${isRemoved ? "be replaced by a new one" : "get a new one beside it"}`,
    );
  } else if (saved !== undefined) {
    output.say(`${name}: saved new snapshot ${saved.id.slice(0, 8)}`);
  }
  if (isRemoved && !dryRun) output.say(`${name}: removed`);
  output.message({
    message_type: "changed",
    old_snapshot_id: old.id,
    new_snapshot_id: saved?.id,
  });
}

/** That the old ones are not gone yet, and with them what was left out of the new ones. */
export function sayKept(output: Output): void {
  output.say(
    `the old snapshots are kept for a while: "tsbak undelete" brings them back, and prune spares their data until then (--grace 0: not at all)`,
  );
}

/** The last line: how many snapshots were changed. */
export function reportChanges(output: Output, count: number, dryRun = false): void {
  const verb = dryRun ? "would modify" : "modified";
  const nothing = `no snapshots ${dryRun ? "would be" : "were"} modified`;
  output.say(count === 0 ? nothing : `${verb} ${formatCount(count, "snapshot")}`);
  output.message({ message_type: "summary", changed_snapshots: count });
}
