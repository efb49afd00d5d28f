import { SEAL_OVERHEAD } from "../../crypto/sealer.ts";
import { ROOM_AFTER_MESSAGE, type GroupHasher } from "../../crypto/sha256-group.ts";
import { SHA256_SIZE } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import type { SharedIndexView } from "../../repository/shared-index.ts";
import type { BlobOpener } from "../../repository/read-blob.ts";
import type { PackSource } from "./pack-source.ts";
import type { Scratch } from "./scratch.ts";

/** What one thread opens groups of blobs with. */
export interface GroupTools extends BlobOpener {
  readonly index: SharedIndexView;
  readonly hasher: GroupHasher;
  /** Memory for one blob as it is stored, and for the contents of a group. */
  readonly stored: Scratch;
  readonly plain: Scratch;
}

/** How blobs are put together. In bytes. */
export interface GroupLimits {
  /** Contents that are opened together stay in the processor's cache until they are hashed; more of a pack is not read at once either. */
  readonly size: number;
  /** More than this is not read along between two blobs. */
  readonly gap: number;
  /** Leave the stored form in place of the ciphertext. */
  readonly opensInPlace?: boolean | undefined;
}

/** A blob whose contents have the hash that is its id. All of it is good until the next group is opened. */
export interface OpenedBlob {
  /** Its number in the index. */
  readonly entry: number;
  /** 32 bytes. */
  readonly id: Uint8Array;
  /** As it lies in the pack; see `GroupLimits.opensInPlace`. */
  readonly sealed: Uint8Array<ArrayBuffer>;
  readonly plain: Uint8Array<ArrayBuffer>;
}

/** A blob that is open and not hashed yet, and where its contents lie. */
interface Opened extends Pick<OpenedBlob, "entry" | "sealed"> {
  readonly start: number;
  readonly length: number;
}

/** Told of a blob that does not open, or has another hash. */
export type OnDamaged = (entry: number, reason: string) => void;

/** In a group: the objects for more of them would outlive the collections of short-lived ones, and gather by the hundred megabytes. */
const MOST_BLOBS = 512;

/** Opens and hashes blobs of a pack in groups, because that is how hashing is fastest. For one thread. */
export class PackGroups {
  readonly #tools: GroupTools;
  readonly #limits: GroupLimits;

  constructor(tools: GroupTools, limits: GroupLimits) {
    this.#tools = tools;
    this.#limits = limits;
  }

  /** Where the group ends that begins at `first`; at least one entry. Entries are ascending by offset. */
  endOfGroup(entries: Uint32Array, first: number): number {
    const { index } = this.#tools;
    const { size: largest, gap } = this.#limits;
    const start = index.offsetAt(entries[first] as number);
    let size = 0;
    let end = start;
    for (let at = first; at < entries.length; at++) {
      const entry = entries[at] as number;
      const offset = index.offsetAt(entry);
      const length = index.lengthAt(entry);
      size += index.uncompressedLengthAt(entry) || length;
      const isNear = offset + length - start <= largest && offset - end <= gap;
      if (at > first && (size > largest || !isNear || at - first === MOST_BLOBS)) return at;
      end = Math.max(end, offset + length);
    }
    return entries.length;
  }

  /**
   * Read, open and hash a group. What is sound is returned in the order of the entries.
   *
   * @throws What reading throws.
   */
  open(source: PackSource, entries: Uint32Array, onDamaged: OnDamaged): OpenedBlob[] {
    const { index } = this.#tools;
    const plain = this.#roomFor(entries, onDamaged);
    if (plain === undefined) return [];
    const start = index.offsetAt(entries[0] as number);
    let end = start;
    for (const entry of entries) end = Math.max(end, index.offsetAt(entry) + index.lengthAt(entry));
    const bytes = source.read(start, end);
    return this.#compare(
      this.#openAll(entries, { bytes, start }, plain, onDamaged),
      plain,
      onDamaged,
    );
  }

  /** Undefined for a blob, alone in its group, of which the index promises more than any memory holds. */
  #roomFor(entries: Uint32Array, onDamaged: OnDamaged): Uint8Array<ArrayBuffer> | undefined {
    const { index, plain } = this.#tools;
    let size = 0;
    for (const entry of entries) size += roomOf(index.plainLengthAt(entry));
    let memory: Uint8Array<ArrayBuffer> | undefined;
    this.#try(
      () => (memory = plain.atLeast(size)),
      (reason) => entries.forEach((entry) => onDamaged(entry, reason)),
    );
    return memory;
  }

  #openAll(
    entries: Uint32Array,
    { bytes, start }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly start: number },
    plain: Uint8Array<ArrayBuffer>,
    onDamaged: OnDamaged,
  ): Opened[] {
    const { index } = this.#tools;
    const opened: Opened[] = [];
    let at = 0;
    for (const entry of entries) {
      const offset = index.offsetAt(entry) - start;
      // A blob that ends beyond the pack is cut off here, and then does not open.
      const sealed = bytes.subarray(offset, offset + index.lengthAt(entry));
      const length = index.plainLengthAt(entry);
      const place = at;
      this.#try(
        () => {
          this.#open(entry, sealed, plain.subarray(place, place + length));
          opened.push({ entry, sealed, start: place, length });
        },
        (reason) => onDamaged(entry, reason),
      );
      at += roomOf(length);
    }
    return opened;
  }

  #open(entry: number, sealed: Uint8Array<ArrayBuffer>, plain: Uint8Array<ArrayBuffer>): void {
    const { index, opener, zstd, stored: scratch } = this.#tools;
    const isPlain = index.uncompressedLengthAt(entry) === 0;
    const { opensInPlace = false } = this.#limits;
    if (isPlain && !opensInPlace) {
      opener.openInto(sealed, plain);
      return;
    }
    const out = opensInPlace ? sealed.subarray(IV_SIZE) : scratch.atLeast(sealed.length);
    const stored = opener.openInto(sealed, out);
    if (isPlain) plain.set(stored);
    else zstd.decompressInto(stored, plain);
  }

  #compare(
    opened: readonly Opened[],
    memory: Uint8Array<ArrayBuffer>,
    onDamaged: OnDamaged,
  ): OpenedBlob[] {
    const { index, hasher } = this.#tools;
    const digests = new Uint8Array(opened.length * SHA256_SIZE);
    hasher.hash({ memory, messages: opened }, digests);
    const sound: OpenedBlob[] = [];
    opened.forEach(({ entry, sealed, start, length }, at) => {
      const id = digests.subarray(at * SHA256_SIZE, (at + 1) * SHA256_SIZE);
      const isSound = index.hasIdAt(entry, id);
      if (isSound) sound.push({ entry, id, sealed, plain: memory.subarray(start, start + length) });
      else onDamaged(entry, "its contents have another hash");
    });
    return sound;
  }

  #try(open: () => void, onDamage: (reason: string) => void): void {
    try {
      open();
    } catch (error) {
      if (!isTsbakError(error)) throw error;
      onDamage(error.message);
    }
  }
}

/** Bytes before the ciphertext of a sealed blob. */
const IV_SIZE: number = 16;

/** The stored form in a blob that was opened in place. */
export function storedForm(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(IV_SIZE, sealed.length - (SEAL_OVERHEAD - IV_SIZE));
}

/** Memory that the contents of one blob take in a group. */
function roomOf(length: number): number {
  return length + ROOM_AFTER_MESSAGE;
}
