import { pageMemory } from "../bytes/page-memory.ts";
import type { Zstd } from "../compress/zstd.ts";
import type { Opener } from "../crypto/opener.ts";
import { ROOM_AFTER_MESSAGE, type GroupHasher } from "../crypto/sha256-group.ts";
import { SHA256_SIZE } from "../crypto/sha256.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import { DIRECT_BLOCK, LEAST_DIRECT } from "../fs/direct-write.ts";
import { plainLengthOf } from "./shared-index.ts";

/** A blob that is to be opened. */
export interface SealedBlob {
  /** Is overwritten. */
  readonly sealed: Uint8Array<ArrayBuffer>;
  /** In bytes; 0 if it is not compressed. */
  readonly uncompressedLength: number;
  /** In hex. */
  readonly id: string;
  /** If it has `LEAST_DIRECT` bytes, its contents shall begin so many after a block of `DIRECT_BLOCK` begins; fewer than it has. */
  readonly shift: number;
}

/** Contents, good until the next group is opened, or the error `corrupt`. */
export type OpenedBlob = Uint8Array<ArrayBuffer> | TsbakError;

/** Contents that are opened together, in bytes: they stay in the processor's cache until they are hashed. */
const GROUP_SIZE = 4 << 20;
/** Bytes before the ciphertext of a sealed blob. */
const IV_SIZE = 16;
/** No blob is as large; an index may say anything. */
const LARGEST_BLOB = 2 ** 30;
/** Memory for longer blobs than any usual chunker makes is not kept. */
const KEPT_SIZE = 9 << 20;

/** Opens blobs in groups, because that is how hashing is fastest, and without new memory for each. For one thread. */
export class BlobGroups {
  readonly #opener: Opener;
  readonly #zstd: Zstd;
  readonly #hasher: GroupHasher;
  readonly #memory = pageMemory(KEPT_SIZE);

  constructor(opener: Opener, zstd: Zstd, hasher: GroupHasher) {
    this.#opener = opener;
    this.#zstd = zstd;
    this.#hasher = hasher;
  }

  /** Open blobs group by group, and give each to `use` with its number, in their order. */
  open(blobs: readonly SealedBlob[], use: (opened: OpenedBlob, at: number) => void): void {
    for (let at = 0; at < blobs.length;) {
      const group = this.#takeGroup(blobs, at);
      this.#openGroup(group).forEach((opened, of) => use(opened, at + of));
      at += group.length;
    }
  }

  #takeGroup(blobs: readonly SealedBlob[], first: number): readonly SealedBlob[] {
    let size = 0;
    for (let at = first; at < blobs.length; at++) {
      size += roomOf(lengthOf(blobs[at] as SealedBlob));
      if (size > GROUP_SIZE && at > first) return blobs.slice(first, at);
    }
    return blobs.slice(first);
  }

  #openGroup(group: readonly SealedBlob[]): OpenedBlob[] {
    const size = group.reduce((sum, blob) => sum + roomOf(lengthOf(blob)), 0);
    if (size > LARGEST_BLOB) {
      return [new TsbakError("corrupt", `Cannot read blob: ${size} bytes are too many`)];
    }
    const memory = size <= KEPT_SIZE ? this.#memory : pageMemory(size);
    let at = 0;
    const opened = group.map((blob) => {
      const length = lengthOf(blob);
      const isLarge = length >= LEAST_DIRECT;
      const start = isLarge ? Math.ceil(at / DIRECT_BLOCK) * DIRECT_BLOCK + blob.shift : at;
      at += roomOf(length);
      return this.#tryOpen(blob, memory.subarray(start, start + length));
    });
    return this.#compare(group, opened, memory);
  }

  #tryOpen(blob: SealedBlob, plain: Uint8Array<ArrayBuffer>): OpenedBlob {
    const { sealed, uncompressedLength } = blob;
    try {
      if (uncompressedLength === 0) return this.#opener.openInto(sealed, plain);
      this.#zstd.decompressInto(this.#opener.openInto(sealed, sealed.subarray(IV_SIZE)), plain);
      return plain;
    } catch (error) {
      if (!isTsbakError(error, "corrupt")) throw error;
      return error;
    }
  }

  /** Put an error in the place of what has another hash than it should. */
  #compare(
    group: readonly SealedBlob[],
    opened: readonly OpenedBlob[],
    memory: Uint8Array<ArrayBuffer>,
  ): OpenedBlob[] {
    // What did not open must not be among the messages: each is padded where it lies.
    const messages = opened
      .filter((blob) => blob instanceof Uint8Array)
      .map(({ byteOffset, length }) => ({ start: byteOffset, length }));
    const digests = Buffer.alloc(messages.length * SHA256_SIZE);
    this.#hasher.hash({ memory, messages }, digests);
    let from = 0;
    return opened.map((blob, at) => {
      if (!(blob instanceof Uint8Array)) return blob;
      const { id } = group[at] as SealedBlob;
      const digest = digests.toString("hex", from, (from += SHA256_SIZE));
      if (digest === id) return blob;
      const message = `Cannot read blob ${id.slice(0, 8)}: its contents have another hash`;
      return new TsbakError("corrupt", message);
    });
  }
}

/**
 * Move what `BlobGroups` opened so that it begins `shift` bytes after a block begins. Only the new view is good then. Contents of
 * fewer bytes than `LEAST_DIRECT` stay where they are.
 */
export function moveOpened(plain: Uint8Array<ArrayBuffer>, shift: number): Uint8Array<ArrayBuffer> {
  const from = plain.byteOffset;
  const start = from - (from % DIRECT_BLOCK) + shift;
  if (plain.length < LEAST_DIRECT || start === from) return plain;
  const memory = new Uint8Array(plain.buffer);
  return memory.copyWithin(start, from, from + plain.length).subarray(start, start + plain.length);
}

function lengthOf({ sealed, uncompressedLength }: SealedBlob): number {
  return plainLengthOf(sealed.length, uncompressedLength);
}

/** Memory that the contents of one blob take in a group, wherever in a block they begin. */
function roomOf(length: number): number {
  return length + ROOM_AFTER_MESSAGE + (length >= LEAST_DIRECT ? 2 * DIRECT_BLOCK : 0);
}
