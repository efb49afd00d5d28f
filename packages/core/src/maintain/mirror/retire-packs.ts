/**
 * Room at a mirror that forgets by itself: packs go that only the mirror has and nothing there needs.
 *
 *   (1) Packs and index files of the source stay, whoever needs them: they would come again with the next run.
 *   (2) A pack of which any blob is needed by a snapshot there, or one in the grace of its trash, stays as it is, unless each such blob is in another pack that
 *       stays. Nothing is repacked.
 *   (3) A new index for what stays is written first, then the old index files go, then the packs. Whatever is killed in between, all that
 *       snapshots need is listed and there.
 *
 * @module
 */
import type { FileRef } from "../../backend/backend.ts";
import { removeFiles } from "../../backend/remove-files.ts";
import { TsbakError } from "../../errors.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import { listSnapshots } from "../../repository/snapshots.ts";
import { emptyTrash, graceSnapshots } from "../../repository/trash.ts";
import { BlobMarks, createMarks } from "../prune/blob-marks.ts";
import { IndexFiles } from "../prune/index-files.ts";
import { throwIfMissing } from "../prune/late-comers.ts";
import { markUsed, startMarking } from "../prune/mark-used.ts";
import { PackMap } from "../verify/pack-map.ts";
import { strayFiles } from "./delete-strays.ts";
import type { Listing } from "./listing.ts";
import type { MirrorRun } from "./mirror-run.ts";

/** What is at both places. */
export interface Sides {
  readonly source: Listing;
  readonly target: Listing;
}

/**
 * Delete at the target what nothing needs. Everybody else is kept out of it, and `sides` were listed since.
 *
 * @throws {TsbakError} `corrupt` if a snapshot, an index file or a tree there cannot be read, or anything is missing: nothing was deleted.
 */
export async function retirePacks(run: MirrorRun, sides: Sides): Promise<void> {
  const strays = strayFiles(sides.target, sides.source);
  if (strays.pack.size > 0 || strays.index.size > 0) {
    const files = new IndexFiles(run.mirror);
    await files.loadNew(run.call);
    const marks = await markNeeded(files.index, run);
    const stay = packsToStay(files, marks, sides);
    const gone = await replaceIndex(run, files, stay, sides);
    const { packs } = files.index;
    const staying = new Set([...stay].map((pack) => packs[pack]));
    const condemned = [...strays.pack.keys()].filter((name) => !staying.has(name));
    await deleteFiles(run, gone, sides.target.index, "index");
    await deleteFiles(run, condemned, sides.target.pack, "pack");
  }
  await emptyTrash(run.mirror, run.call);
}

async function markNeeded(
  index: BlobIndex,
  { mirror: repository, call }: MirrorRun,
): Promise<BlobMarks> {
  const shared = createMarks(index.size);
  const roots = (await listSnapshots(repository, {}, call)).map(({ snapshot }) => snapshot.tree);
  const spared = (await graceSnapshots(repository, call)).map(({ snapshot }) => snapshot.tree);
  const pool = startMarking(1);
  try {
    const scene = { repository, index, marks: shared, spared };
    throwIfMissing(await markUsed(scene, roots, pool, call));
  } finally {
    await pool.close();
  }
  return new BlobMarks(shared);
}

/** Numbers of the packs that stay. */
function packsToStay(
  files: IndexFiles,
  marks: BlobMarks,
  { source, target }: Sides,
): ReadonlySet<number> {
  const { index } = files;
  const stay = new Set(files.packsOf(ofSource(files, source)));
  for (const [number, name] of index.packs.entries()) {
    if (source.pack.has(name)) stay.add(number);
  }
  const isThere = index.packs.map((name) => target.pack.has(name));
  const isSafe = new Uint8Array(index.size);
  const takeCare = (mayStay: boolean): void => {
    for (let entry = 0; entry < index.size; entry++) {
      const first = index.firstCopyOf(entry);
      const pack = index.packNumberAt(entry);
      if (!marks.has(first) || isSafe[first] === 1 || isThere[pack] !== true) continue;
      if (mayStay) stay.add(pack);
      if (stay.has(pack)) isSafe[first] = 1;
    }
  };
  takeCare(false);
  takeCare(true);
  for (let entry = 0; entry < index.size; entry++) {
    const first = index.firstCopyOf(entry);
    if (marks.has(first) && isSafe[first] === 0) throw lostBlob(index.idAt(first));
  }
  return stay;
}

function ofSource(files: IndexFiles, source: Listing): string[] {
  return [...files.names].filter((name) => source.index.has(name));
}

/** Write an index of what stays in those index files that only the target has and that list more than that. Gives the names of these. */
async function replaceIndex(
  run: MirrorRun,
  files: IndexFiles,
  stay: ReadonlySet<number>,
  { source }: Sides,
): Promise<readonly string[]> {
  const listed = files.packsOf(ofSource(files, source));
  const isOut = (pack: number): boolean => !stay.has(pack) || listed.has(pack);
  const own = [...files.names].filter((name) => !source.index.has(name));
  const gone = own.filter((name) => [...files.packsOf([name])].some(isOut));
  const left = files.packsOf([...files.names].filter((name) => !gone.includes(name)));
  const packs = [...files.packsOf(gone)].filter((pack) => stay.has(pack) && !left.has(pack));
  await files.save(packs, new PackMap(files.index), run.call);
  return gone;
}

async function deleteFiles(
  run: MirrorRun,
  names: readonly string[],
  sizes: ReadonlyMap<string, number>,
  kind: "index" | "pack",
): Promise<void> {
  const refs = names.map((name): FileRef => ({ kind, name }));
  const failures = await removeFiles(run.target, refs, run.call);
  const stays = new Set(failures.map(({ ref }) => ref.name));
  for (const name of names) {
    if (!stays.has(name)) run.log.delete({ kind, name }, sizes.get(name) ?? 0);
  }
  const [failure] = failures;
  // What an index lists must stay.
  if (failure !== undefined) throw failure.error;
}

function lostBlob(id: string): TsbakError {
  return new TsbakError(
    "corrupt",
    `Cannot prune the mirror: blob ${id}, which a snapshot there needs, is in no pack that is there; nothing was deleted, run "tsbak verify" on it`,
  );
}
