import type { CallOptions } from "../backend/backend.ts";
import { fromHex } from "../bytes/hex.ts";
import { isTsbakError } from "../errors.ts";
import type { BlobIndex, BlobLocation } from "./blob-index.ts";
import { openBlob, readBlob } from "./read-blob.ts";
import type { Repository } from "./repository.ts";

/** Bytes between two blobs of a pack that are read along with them rather than skipped. */
const LARGEST_GAP = 64 << 10;
/** One read is not longer, in bytes, unless a single blob is. */
const LONGEST_RUN = 4 << 20;

interface Wanted {
  readonly id: string;
  readonly place: BlobLocation;
}

/** Blobs that lie near one another in a pack, and are read in one go. */
interface Run {
  readonly pack: string;
  readonly start: number;
  end: number;
  readonly blobs: Wanted[];
}

/**
 * The plain bytes of data blobs by their ids, authenticated. Blobs that lie near one another in a pack are read together.
 *
 * @throws {TsbakError} `not-found` or `corrupt` if a blob has no copy that is whole.
 */
export async function readBlobs(
  repository: Repository,
  index: BlobIndex,
  ids: ReadonlySet<string>,
  options: CallOptions = {},
): Promise<Map<string, Uint8Array>> {
  const opened = new Map<string, Uint8Array>();
  const found = [...ids].flatMap((id): Wanted[] => {
    const entry = index.find("data", fromHex(id));
    return entry < 0 ? [] : [{ id, place: index.locationAt(entry) }];
  });
  await Promise.all(
    groupRuns(found).map(async (run) => {
      for (const [id, plain] of await openRun(repository, run, options)) opened.set(id, plain);
    }),
  );
  for (const id of ids) {
    if (opened.has(id)) continue;
    // Any other copy, and if there is none, the reason.
    opened.set(id, await readBlob(repository, index, "data", id, options));
  }
  return opened;
}

function groupRuns(blobs: Wanted[]): Run[] {
  const runs: Run[] = [];
  const sorted = blobs.sort(({ place: a }, { place: b }) =>
    a.pack === b.pack ? a.offset - b.offset : a.pack < b.pack ? -1 : 1,
  );
  for (const blob of sorted) {
    const { pack, offset, length } = blob.place;
    const run = runs.at(-1);
    const isNear =
      run?.pack === pack &&
      offset - run.end <= LARGEST_GAP &&
      offset + length - run.start <= LONGEST_RUN;
    if (run !== undefined && isNear) {
      run.end = Math.max(run.end, offset + length);
      run.blobs.push(blob);
    } else runs.push({ pack, start: offset, end: offset + length, blobs: [blob] });
  }
  return runs;
}

/** What could be opened. */
async function openRun(
  repository: Repository,
  { pack, start, end, blobs }: Run,
  options: CallOptions,
): Promise<[string, Uint8Array][]> {
  try {
    const range = { offset: start, length: end - start };
    const bytes = await repository.backend.read({ kind: "pack", name: pack }, range, options);
    return blobs.flatMap(({ id, place }) => {
      const from = place.offset - start;
      const plain = tryOpen(repository, bytes.subarray(from, from + place.length), place, id);
      return plain === undefined ? [] : [[id, plain]];
    });
  } catch (error) {
    if (isDamage(error)) return [];
    throw error;
  }
}

function tryOpen(
  repository: Repository,
  sealed: Uint8Array,
  place: BlobLocation,
  id: string,
): Uint8Array | undefined {
  try {
    return openBlob(repository, sealed, place, id);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

function isDamage(error: unknown): boolean {
  return isTsbakError(error, "corrupt") || isTsbakError(error, "not-found");
}
