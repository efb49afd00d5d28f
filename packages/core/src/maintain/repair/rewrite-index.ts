import { forEachConcurrent } from "../../async/map-concurrent.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { encodeIndex, type IndexedPack } from "../../format/index-file.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { PackMap } from "../verify/pack-map.ts";
import { packEntries } from "./index-plan.ts";

/** An index file is complete at this many blobs (restic format, section 7). */
const FULL_BLOBS = 50_000;

/** Told after each file that was written or removed. */
export type IndexProgress = (
  phase: "indexes-written" | "indexes-removed",
  done: number,
  total: number,
) => void;

/**
 * Put a new index in place of old files. At every instant all that is in `listed` or in the old files can be found: the new files
 * are durable before the first of the old ones goes. Killed in between it leaves packs that are listed twice, which is harmless.
 */
export async function rewriteIndex(
  repository: Repository,
  { listed, obsolete }: { readonly listed: BlobIndex; readonly obsolete: readonly string[] },
  call: CallOptions,
  onProgress: IndexProgress = () => undefined,
): Promise<void> {
  const options = { ...call, concurrency: repository.backend.connections };
  const written = new Set<string>();
  const total = Math.ceil(listed.size / FULL_BLOBS);
  const write = async (packs: readonly IndexedPack[]): Promise<void> => {
    written.add(await repository.saveFile("index", encodeIndex(packs), call));
    onProgress("indexes-written", written.size, Math.max(total, written.size));
  };
  await forEachConcurrent(indexFiles(listed), write, options);
  let removed = 0;
  const remove = async (name: string): Promise<void> => {
    await repository.backend.remove({ kind: "index", name }, call);
    onProgress("indexes-removed", ++removed, obsolete.length);
  };
  await forEachConcurrent(
    obsolete.filter((name) => !written.has(name)),
    remove,
    options,
  );
  repository.dropIndex();
}

/** What goes into each file. All blobs of a pack go into one. */
function* indexFiles(listed: BlobIndex): Generator<IndexedPack[]> {
  const map = new PackMap(listed);
  let packs: IndexedPack[] = [];
  let blobs = 0;
  for (const [number, id] of listed.packs.entries()) {
    packs.push({ id, entries: [...packEntries(listed, map, number)] });
    blobs += map.blobsIn(number);
    if (blobs < FULL_BLOBS) continue;
    yield packs;
    packs = [];
    blobs = 0;
  }
  if (packs.length > 0) yield packs;
}
