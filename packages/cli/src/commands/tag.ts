import { tagSnapshots, TsbakError, type SnapshotChange, type TagWish } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { reportChanges } from "../snapshot-changes.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `tag`. */
export interface TagFlags extends FilterFlags {
  readonly set?: readonly (readonly string[])[];
  readonly add?: readonly (readonly string[])[];
  readonly remove?: readonly (readonly string[])[];
  /** Milliseconds. */
  readonly grace?: number;
}

/** `tag`: change the tags of snapshots. */
export async function runTag(
  context: Context,
  ids: readonly string[],
  flags: TagFlags,
): Promise<ExitCode> {
  const wish = tagWish(flags);
  const { output } = context;
  const repository = await openNamedRepository(context, { locks: true });
  await withLock(context, repository, { exclusive: true }, async (signal) => {
    const snapshots = await selectSnapshots(context, repository, ids, { flags, signal });
    const onChange = (change: SnapshotChange): void => printChange(context, change);
    const options = { ...wish, graceMs: flags.grace, signal, onChange };
    const changes = await tagSnapshots(repository, snapshots, options);
    reportChanges(output, changes.length);
  });
  return EXIT.ok;
}

function tagWish({ set, add, remove }: TagFlags): TagWish {
  if (set === undefined && add === undefined && remove === undefined) {
    throw badFlags("nothing is to be done; use --set, --add or --remove");
  }
  if (set !== undefined && (add ?? remove) !== undefined) {
    throw badFlags("--set takes all other tags away; use it, or --add and --remove");
  }
  return { set: flatten(set), add: flatten(add), remove: flatten(remove) };
}

/** An empty text means no tag. */
function flatten(lists: readonly (readonly string[])[] | undefined): string[] | undefined {
  return lists?.flat().filter((tag) => tag !== "");
}

function printChange({ output }: Context, { old, saved }: SnapshotChange): void {
  output.say(`old snapshot ID: ${old.id} -> new snapshot ID: ${saved?.id}`, 2);
  output.message({
    message_type: "changed",
    old_snapshot_id: old.id,
    new_snapshot_id: saved?.id,
  });
}

function badFlags(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot change tags: ${reason}`);
}
