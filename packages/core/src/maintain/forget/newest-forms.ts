import { encodeSnapshot, type Snapshot } from "../../format/snapshot.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import type { TrashEntry } from "../../repository/trash.ts";

/**
 * Those of the trash that are not the old form of something, in their order: no snapshot that is there or in the trash was made from them by `tag`,
 * `rewrite` or `repair snapshots`. So all that was forgotten is among them, in the last form that it had.
 *
 * @param trash Those forgotten last at the end, as `listTrash` gives them.
 */
export function newestForms(
  trash: readonly TrashEntry[],
  present: readonly SnapshotEntry[],
): TrashEntry[] {
  const origins = new Set([...trash, ...present].map(({ snapshot }) => snapshot.original));
  const taken = new Set(present.map(({ snapshot }) => formOf(snapshot)));
  const newest = trash.toReversed().filter(({ id, snapshot }) => {
    const form = formOf(snapshot);
    const isNewest = !origins.has(id) && (form === undefined || !taken.has(form));
    taken.add(form);
    return isNewest;
  });
  return newest.reverse();
}

/**
 * The same for all that `tag` makes of one snapshot, again and again: they have one `original`, the first, and differ in their tags only (format section 9).
 * What `rewrite` makes names the very snapshot that it replaces, and of two with one original both may be meant. Undefined for what was made of nothing.
 */
function formOf(snapshot: Snapshot): string | undefined {
  if (snapshot.original === undefined) return undefined;
  return Buffer.from(encodeSnapshot({ ...snapshot, tags: [] })).toString();
}
