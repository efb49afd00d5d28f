import type { CacheReader } from "../../backend/cache-reader.ts";
import type { CallOptions, FileRef } from "../../backend/backend.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { snapshotFilesInTrash } from "../../repository/trash.ts";

/** A place that may have copies of whole files of the repository, sealed as they are. */
export interface RawSource {
  /** The file, if it is there and has the hash that names it. */
  read(ref: FileRef, call: CallOptions): Promise<Uint8Array | undefined>;
}

/** The cache of this machine, which keeps snapshots and index files. */
export function cachedFiles(cache: CacheReader): RawSource {
  return {
    read: async ({ kind, name }) => {
      if (kind !== "snapshot" && kind !== "index" && kind !== "pack") return undefined;
      return ifNamed(name, cache.read(kind, name));
    },
  };
}

/** A repository that was copied from this one file by file, or this one from it. In any other there is no file of such a name. */
export function mirroredFiles({ backend }: Repository): RawSource {
  return {
    read: async (ref, call) => {
      try {
        return ifNamed(ref.name, await backend.read(ref, undefined, call));
      } catch (error) {
        if (isTsbakError(error, "not-found") || isTsbakError(error, "corrupt")) return undefined;
        throw error;
      }
    },
  };
}

/** The trash of the repository itself, which holds snapshots that were forgotten, also such as are there again. */
export function trashedFiles(repository: Repository): RawSource {
  let files: Promise<ReadonlyMap<string, Uint8Array>> | undefined;
  return {
    read: async ({ kind, name }, call) => {
      if (kind !== "snapshot") return undefined;
      files ??= snapshotFilesInTrash(repository, call);
      return ifNamed(name, (await files).get(name));
    },
  };
}

function ifNamed(name: string, bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes !== undefined && sha256Hex(bytes) === name ? bytes : undefined;
}
