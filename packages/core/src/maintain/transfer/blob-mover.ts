import { fromHex } from "../../bytes/hex.ts";
import type { BlobType } from "../../format/blob-type.ts";
import type { BlobEncoder } from "../../repository/blob-encoder.ts";
import type { AddedBlob, FinishedPack, OpenPacks } from "../../repository/open-packs.ts";
import { PackGroups, storedForm, type GroupTools, type OpenedBlob } from "../verify/pack-groups.ts";
import type { PackSource } from "../verify/pack-source.ts";
import type { Recompression } from "./transfer-protocol.ts";

/** What one thread moves blobs with. */
export interface MoverTools extends GroupTools {
  readonly encoder: BlobEncoder;
  readonly packs: Readonly<Record<BlobType, OpenPacks>>;
  readonly sharesKey: boolean;
  readonly version: 1 | 2;
  readonly recompress: Recompression;
  readonly onPack: (type: BlobType, pack: FinishedPack) => void;
  /** Waited for before each group of blobs, and when a pack is full. What it throws ends the task. */
  readonly room: () => Promise<void> | void;
}

/** See `GroupLimits`. */
const GROUP_SIZE = 2 << 20;
const LARGEST_GAP = 128 << 10;

/** Takes blobs out of packs and puts them into the target's open packs. For one thread. */
export class BlobMover {
  readonly #tools: MoverTools;
  readonly #groups: PackGroups;

  constructor(tools: MoverTools) {
    this.#tools = tools;
    this.#groups = new PackGroups(tools, {
      size: GROUP_SIZE,
      gap: LARGEST_GAP,
      // Where they are sealed anew, that is what is needed of them.
      opensInPlace: !tools.sharesKey,
    });
  }

  /**
   * Move blobs, given by their index entries in the order of their offsets. What does not open, or has another hash, is not moved, and
   * its entries are returned.
   */
  async move(source: PackSource, entries: Uint32Array): Promise<number[]> {
    const damaged: number[] = [];
    for (let at = 0; at < entries.length;) {
      await this.#tools.room();
      const end = this.#groups.endOfGroup(entries, at);
      await this.#moveGroup(source, entries.subarray(at, end), damaged);
      at = end;
    }
    return damaged;
  }

  /** Store the contents of an entry, which were read and hashed elsewhere. */
  async store(entry: number, plain: Uint8Array): Promise<void> {
    const type = this.#typeOf(entry);
    if (this.#add(type, this.#encoded(type, this.#idOf(entry), plain))) await this.#tools.room();
  }

  async #moveGroup(source: PackSource, entries: Uint32Array, damaged: number[]): Promise<void> {
    const onDamaged = (entry: number): unknown => damaged.push(entry);
    for (const blob of this.#groups.open(source, entries, onDamaged)) {
      if (this.#put(blob)) await this.#tools.room();
    }
  }

  /** True if a pack is full now. */
  #put({ entry, id, sealed, plain }: OpenedBlob): boolean {
    const { index, packs, sharesKey } = this.#tools;
    const type = this.#typeOf(entry);
    const uncompressedLength = index.uncompressedLengthAt(entry);
    if (this.#isEncodedAnew(type, uncompressedLength)) {
      return this.#add(type, this.#encoded(type, id, plain));
    }
    if (sharesKey) {
      return this.#add(type, packs[type].addSealed({ type, id, sealed, uncompressedLength }));
    }
    const stored = storedForm(sealed);
    return this.#add(type, packs[type].add({ type, id, stored, uncompressedLength }));
  }

  /** Version 1 has nothing compressed; from version 2 on restic's prune would pack trees anew that are not. */
  #isEncodedAnew(type: BlobType, uncompressedLength: number): boolean {
    const { version, recompress } = this.#tools;
    if (version === 1) return uncompressedLength !== 0;
    return uncompressedLength === 0 && (type === "tree" || recompress !== "none");
  }

  #encoded(type: BlobType, id: Uint8Array, plain: Uint8Array): AddedBlob {
    const { encoder, packs } = this.#tools;
    return packs[type].add({ type, id, ...encoder.encode(type, plain) });
  }

  #add(type: BlobType, { finished }: AddedBlob): boolean {
    if (finished !== undefined) this.#tools.onPack(type, finished);
    return finished !== undefined;
  }

  #typeOf(entry: number): BlobType {
    return this.#tools.index.isTreeAt(entry) ? "tree" : "data";
  }

  #idOf(entry: number): Uint8Array {
    return fromHex(this.#tools.index.idAt(entry));
  }
}
