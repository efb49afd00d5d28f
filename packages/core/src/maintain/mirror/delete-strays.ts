import { forEachConcurrent } from "../../async/map-concurrent.ts";
import { TsbakError } from "../../errors.ts";
import { WRITE_ORDER, type ListedKind, type Listing } from "./listing.ts";
import type { MirrorRun } from "./mirror-run.ts";

/**
 * Delete on the target what is not in `kept`: snapshots first, then the index and the packs, so that whatever is there still has
 * all that it refers to. Keys go last.
 *
 * @throws {TsbakError} `invalid-argument` if no snapshot would be left there, unless `mayEmpty`.
 */
export async function deleteStrays(
  run: MirrorRun,
  target: Listing,
  kept: Listing,
  mayEmpty: boolean,
): Promise<void> {
  const order: readonly ListedKind[] = ["snapshot", "index", "pack", "key"];
  const strays = strayFiles(target, kept);
  refuseEmptying(target, strays, mayEmpty);
  const sizes = order.flatMap((kind) => [...strays[kind].values()]);
  run.log.begin(
    "delete",
    sizes.length,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  for (const kind of order) {
    await forEachConcurrent(
      strays[kind],
      async ([name, size], signal) => {
        await run.target.remove({ kind, name }, { ...run.call, signal });
        run.log.delete({ kind, name }, size);
        run.log.step(size);
      },
      { concurrency: run.concurrency, signal: run.call.signal },
    );
  }
}

/** What is in `target` and not in `kept`. */
export function strayFiles(target: Listing, kept: Listing): Listing {
  const only = (kind: ListedKind): ReadonlyMap<string, number> =>
    new Map([...target[kind]].filter(([name]) => !kept[kind].has(name)));
  const [key, pack, index, snapshot] = WRITE_ORDER.map(only);
  return { key: key!, pack: pack!, index: index!, snapshot: snapshot! };
}

/** An empty source is more often an accident than a wish. */
function refuseEmptying(target: Listing, strays: Listing, mayEmpty: boolean): void {
  const { size } = target.snapshot;
  if (mayEmpty || size === 0 || strays.snapshot.size < size) return;
  throw new TsbakError(
    "invalid-argument",
    `Cannot delete on the target: none of its ${size} snapshots is in the source, so none would be left; if that is meant, add --unsafe-allow-remove-all`,
  );
}
