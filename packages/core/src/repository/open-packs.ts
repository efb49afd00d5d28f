import type { MasterKey } from "../crypto/master-key.ts";
import type { BlobType } from "../format/blob-type.ts";
import { PackBuilder, type FinishedPack, type LooseBlobs } from "./pack-builder.ts";
import { PrivatePackMemory, type PackMemory } from "./pack-memory.ts";

/** What adding a blob came to. */
export interface AddedBlob {
  /** Bytes that the blob takes in its pack. */
  readonly length: number;
  /** The pack, if the blob made it full. */
  readonly finished: FinishedPack | undefined;
}

/** Random bits are drawn by the block: one system call for 4096 blobs. */
const RANDOM_BYTES = 512;

/**
 * The packs that a thread is filling: two of a type at a time, and each blob goes to one of them by chance. Without that, the
 * order and sizes of blobs in a pack would tell a thief of the repository where known files were cut (restic
 * format, section 5: "Chunking attacks on file backup services").
 */
export class OpenPacks {
  readonly #builders: readonly [PackBuilder, PackBuilder];
  readonly #random = new Uint8Array(RANDOM_BYTES);
  #nextBit = RANDOM_BYTES * 8;

  /** `targetSize` in bytes. One object is used for one type of blob only. */
  constructor(key: MasterKey, targetSize: number, memory: PackMemory) {
    const open = (): PackBuilder => new PackBuilder(key, targetSize, memory);
    this.#builders = [open(), open()];
  }

  /** Seal and append a blob to one of the packs. See `PackBuilder.add`. */
  add(type: BlobType, id: Uint8Array, stored: Uint8Array, uncompressedLength: number): AddedBlob {
    const builder = this.#builders[this.#randomBit()] as PackBuilder;
    const length = builder.add(type, id, stored, uncompressedLength);
    return { length, finished: builder.isFull ? builder.finish() : undefined };
  }

  /** Take all blobs of packs that are not full. */
  takeLoose(): LooseBlobs[] {
    return this.#builders
      .filter((builder) => !builder.isEmpty)
      .map((builder) => builder.takeBlobs());
  }

  #randomBit(): 0 | 1 {
    if (this.#nextBit === RANDOM_BYTES * 8) {
      crypto.getRandomValues(this.#random);
      this.#nextBit = 0;
    }
    const byte = this.#random[this.#nextBit >> 3] as number;
    return ((byte >> (this.#nextBit++ & 7)) & 1) as 0 | 1;
  }
}

/**
 * Merge the loose blobs of several threads into as few packs as their sizes allow; each is finished. The bytes are copied, so
 * their slots may be given back.
 */
export function mergeLoose(
  key: MasterKey,
  targetSize: number,
  loose: readonly LooseBlobs[],
): FinishedPack[] {
  const finished: FinishedPack[] = [];
  const builder = new PackBuilder(key, targetSize, new PrivatePackMemory(targetSize));
  for (const { bytes, entries } of loose) {
    for (const entry of entries) {
      builder.addSealed(bytes.subarray(entry.offset, entry.offset + entry.length), entry);
      if (builder.isFull) finished.push(builder.finish());
    }
  }
  if (!builder.isEmpty) finished.push(builder.finish());
  return finished;
}
