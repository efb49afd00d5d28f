import { Breath } from "../../async/breath.ts";
import { throwIfAborted } from "../../async/interrupted.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { byteKey } from "../../bytes/byte-key.ts";
import { createChunker, type Chunker } from "../../chunk/chunker.ts";
import { parsePolynomial } from "../../chunk/polynomial.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import type { Config } from "../../format/config.ts";
import { filePieces } from "../../fs/file-pieces.ts";
import { absolutePath, joinPath, splitPath, toPathBytes } from "../../fs/path.ts";
import type { BlobSource, FoundBlob, LostBlob, LostPlace } from "./blob-source.ts";

/**
 * The files of this machine where snapshots say that a blob was: they are cut as a backup cuts them, and a chunk that still has the hash is
 * the blob, wherever it lies in the file by now. Trees are not found here: they tell of inodes and times.
 */
export class LiveSource implements BlobSource {
  readonly title = "files on this machine";
  readonly #chunker: Chunker;
  readonly #breath = new Breath();

  constructor(config: Config) {
    const kind = config.chunker === "fastcdc" ? "fastcdc" : "rabin";
    this.#chunker = createChunker(kind, parsePolynomial(config.chunkerPolynomial));
  }

  async *find(lost: readonly LostBlob[], call: CallOptions): AsyncIterable<FoundBlob> {
    const wanted = new Set<string>();
    const files = new Map<string, { path: Uint8Array; ids: Set<string> }>();
    for (const { type, id, places } of lost) {
      if (type !== "data") continue;
      wanted.add(id);
      for (const path of places.flatMap(pathsOnDisk)) {
        const file = files.get(byteKey(path)) ?? { path, ids: new Set() };
        files.set(byteKey(path), file);
        file.ids.add(id);
      }
    }
    for (const { path, ids } of files.values()) {
      if ([...ids].some((id) => wanted.has(id))) yield* this.#findIn(path, wanted, call);
    }
  }

  async *#findIn(
    path: Uint8Array,
    wanted: Set<string>,
    call: CallOptions,
  ): AsyncIterable<FoundBlob> {
    for (const chunk of this.#chunks(path)) {
      // The lock must be kept fresh meanwhile.
      await this.#breath.take();
      throwIfAborted(call.signal);
      const id = sha256Hex(chunk);
      if (wanted.delete(id)) yield { type: "data", id, plain: chunk.slice() };
    }
  }

  /** Each is valid until the next is asked for. */
  *#chunks(path: Uint8Array): Generator<Uint8Array> {
    const chunker = this.#chunker;
    const { memory } = chunker;
    chunker.reset();
    let start = 0;
    let end = 0;
    for (const piece of filePieces(path)) {
      if (end + piece.length > memory.length) {
        memory.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      memory.set(piece, end);
      end += piece.length;
      for (let cut; (cut = chunker.cut(start, end, false)) > start; start = cut) {
        yield memory.subarray(start, cut);
      }
    }
    for (let cut; start < end && (cut = chunker.cut(start, end, true)) > start; start = cut) {
      yield memory.subarray(start, cut);
    }
  }
}

/**
 * Where a file of a snapshot may be on the disk. Of relative sources a snapshot only tells the absolute paths, so that the way from these
 * to the file must be guessed. A wrong guess does no harm, as only the hash counts.
 */
function pathsOnDisk({ snapshot, path }: LostPlace): Uint8Array[] {
  const sources = snapshot.snapshot.paths.map(toPathBytes).map((source) => absolutePath(source));
  const relative = splitPath(path);
  const below = (folder: Uint8Array): Uint8Array =>
    relative.reduce((way, name) => joinPath(way, name), folder);
  return [path, ...sources.flatMap((source) => [below(source), below(parentOf(source))])];
}

function parentOf(path: Uint8Array): Uint8Array {
  const root = toPathBytes("/");
  return splitPath(path)
    .slice(0, -1)
    .reduce((way, name) => joinPath(way, name), root);
}
