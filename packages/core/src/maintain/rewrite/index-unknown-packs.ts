import { mapConcurrent } from "../../async/map-concurrent.ts";
import { throwIfAborted } from "../../async/interrupted.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import { encodePackHeader, type PackEntry } from "../../format/pack-header.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import { IndexWriter } from "../../repository/index-writer.ts";
import { readPackHeader } from "../../repository/read-pack-header.ts";
import type { Repository } from "../../repository/repository.ts";

/** Options of `indexUnknownPacks`. */
export interface UnknownPackOptions extends CallOptions {
  /** Told of packs that do not say what they hold. */
  readonly onDamaged?: ((pack: string, error: TsbakError) => void) | undefined;
}

/**
 * Note in the index, and in new index files, what is in packs that no index names: a backup that was killed leaves such. Nothing
 * is taken away. Gives the number of those packs.
 */
export async function indexUnknownPacks(
  repository: Repository,
  index: BlobIndex,
  options: UnknownPackOptions = {},
): Promise<number> {
  const names = await repository.listNames("pack", options);
  const unknown = names.filter((name) => !index.hasPack(name)).sort();
  const writer = new IndexWriter((bytes) => repository.saveFile("index", bytes, options));
  const read = async (name: string): Promise<[string, PackEntry[]] | undefined> => {
    try {
      return [name, await readPackHeader(repository, name, options)];
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
      options.onDamaged?.(name, error);
      return undefined;
    }
  };
  let count = 0;
  const concurrency = repository.backend.connections;
  for await (const found of mapConcurrent(unknown, read, { concurrency })) {
    throwIfAborted(options.signal);
    if (found === undefined) continue;
    const [name, entries] = found;
    const number = index.packNumber(name);
    for (const entry of entries) index.add(entry.type, entry.id, 0, number, entry);
    await writer.add(name, encodePackHeader(entries));
    count++;
  }
  await writer.flush();
  return count;
}
