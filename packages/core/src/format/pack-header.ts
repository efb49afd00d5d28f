import { TsbakError } from "../errors.ts";
import type { BlobType } from "./blob-type.ts";

/** Where one blob lies in a pack. */
export interface PackEntry {
  type: BlobType;
  /** SHA-256 of the uncompressed plain bytes, 32 bytes. */
  id: Uint8Array;
  offset: number;
  /** Bytes in the pack, sealed. */
  length: number;
  /** 0 if the blob is not compressed. */
  uncompressedLength: number;
}

/** The largest sealed header that a reader accepts. */
export const MAX_HEADER_SIZE: number = 16 * 1024 * 1024;
/** What sealing adds to any bytes (format section 2). */
export const SEAL_OVERHEAD = 32;
/** The length of the sealed header, little-endian, at the end of a pack. */
export const PACK_TRAILER_SIZE = 4;
/** How many entries always fit into a header, compressed or not. */
export const MAX_PACK_ENTRIES: number = Math.floor((MAX_HEADER_SIZE - SEAL_OVERHEAD) / 41);

/** Bytes of an entry of a plain header, for a blob that is not compressed, and one that is. */
export const PLAIN_ENTRY = 37;
export const COMPRESSED_ENTRY = 41;
const ID_SIZE = 32;
const MAX_UINT32 = 0xffff_ffff;

/** Bytes at the end of a pack after its blobs: sealed header and trailer. From entries, or from how many are of each form. */
export function packHeaderSize(
  entries:
    readonly Pick<PackEntry, "uncompressedLength">[] | { compressed: number; uncompressed: number },
): number {
  let size = SEAL_OVERHEAD + PACK_TRAILER_SIZE;
  if ("compressed" in entries) {
    return size + entries.compressed * COMPRESSED_ENTRY + entries.uncompressed * PLAIN_ENTRY;
  }
  for (const entry of entries)
    size += entry.uncompressedLength === 0 ? PLAIN_ENTRY : COMPRESSED_ENTRY;
  return size;
}

/**
 * The plain header of a pack (format section 5). Offsets are not stored: entries must follow one another from 0.
 *
 * @throws {RangeError} If an id is not 32 bytes, a gap lies between entries, or the header would be too large to read.
 */
export function encodePackHeader(entries: readonly PackEntry[]): Uint8Array<ArrayBuffer> {
  const size = packHeaderSize(entries) - SEAL_OVERHEAD - PACK_TRAILER_SIZE;
  if (size + SEAL_OVERHEAD > MAX_HEADER_SIZE) {
    throw new RangeError(`Cannot encode pack header: ${entries.length} entries are too many`);
  }
  const header = new Uint8Array(size);
  let at = 0;
  let offset = 0;
  for (const entry of entries) {
    checkEntry(entry, offset);
    at = putPackEntry(header, at, entry);
    offset += entry.length;
  }
  return header;
}

/** Write one entry of a plain header at `at`, and return where it ends. */
export function putPackEntry(
  header: Uint8Array,
  at: number,
  entry: Omit<PackEntry, "offset">,
): number {
  const view = new DataView(header.buffer, header.byteOffset);
  const isCompressed = entry.uncompressedLength !== 0;
  const end = at + (isCompressed ? COMPRESSED_ENTRY : PLAIN_ENTRY);
  view.setUint8(at, (entry.type === "tree" ? 1 : 0) + (isCompressed ? 2 : 0));
  view.setUint32(at + 1, entry.length, true);
  if (isCompressed) view.setUint32(at + 5, entry.uncompressedLength, true);
  header.set(entry.id, end - ID_SIZE);
  return end;
}

function checkEntry(entry: PackEntry, offset: number): void {
  if (entry.id.length !== ID_SIZE)
    throw new RangeError("Cannot encode pack header: an id is not 32 bytes");
  if (entry.offset !== offset) {
    throw new RangeError(
      `Cannot encode pack header: a blob is at ${entry.offset}, but the one before ends at ${offset}`,
    );
  }
  if (
    entry.length < SEAL_OVERHEAD ||
    offset + entry.length > MAX_UINT32 ||
    entry.uncompressedLength > MAX_UINT32
  ) {
    throw new RangeError("Cannot encode pack header: a length is out of range");
  }
}

/**
 * The entries of a plain header, in the order of the pack, with offsets summed up. Ids are copies.
 *
 * @throws {TsbakError} `corrupt` for an unknown type, a cut entry, a blob shorter than its seal, or a pack beyond 4 GiB.
 */
export function decodePackHeader(plain: Uint8Array): PackEntry[] {
  return Array.from(packEntries(plain), ({ id, ...place }) => ({ ...place, id: id.slice() }));
}

/**
 * The same one after the other, for who does not keep them: the ids are views of the header.
 *
 * @throws {TsbakError} `corrupt` as `decodePackHeader`, when it comes to what is wrong.
 */
export function* packEntries(plain: Uint8Array): Generator<PackEntry> {
  if (plain.length + SEAL_OVERHEAD > MAX_HEADER_SIZE) throw badHeader("it is too large");
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  let offset = 0;
  for (let at = 0; at < plain.length;) {
    const kind = view.getUint8(at);
    if (kind > 3) throw badHeader(`blob type ${kind} is not known`);
    const size = kind < 2 ? PLAIN_ENTRY : COMPRESSED_ENTRY;
    if (at + size > plain.length) throw badHeader("its last entry is cut off");
    const length = view.getUint32(at + 1, true);
    const uncompressedLength = kind < 2 ? 0 : view.getUint32(at + 5, true);
    if (length < SEAL_OVERHEAD) throw badHeader(`a blob of ${length} bytes is too short`);
    if (kind >= 2 && uncompressedLength === 0)
      throw badHeader("a compressed blob has no uncompressed length");
    const id = plain.subarray(at + size - ID_SIZE, at + size);
    yield { type: kind % 2 === 1 ? "tree" : "data", id, offset, length, uncompressedLength };
    offset += length;
    if (offset > MAX_UINT32) throw badHeader("its blobs exceed 4 GiB");
    at += size;
  }
}

/**
 * True if a plain header lists contents of files and no tree.
 *
 * @throws {TsbakError} `corrupt` as `decodePackHeader`, up to the first tree.
 */
export function listsOnlyContents(plain: Uint8Array): boolean {
  for (const { type } of packEntries(plain)) if (type === "tree") return false;
  return true;
}

/** The four bytes that end a pack, for a sealed header of this many bytes. */
export function encodePackTrailer(sealedHeaderSize: number): Uint8Array<ArrayBuffer> {
  const trailer = new Uint8Array(PACK_TRAILER_SIZE);
  new DataView(trailer.buffer).setUint32(0, sealedHeaderSize, true);
  return trailer;
}

/**
 * The size of the sealed header, from the last bytes of a pack (at least four) and the size of the whole pack.
 *
 * @throws {TsbakError} `corrupt` if there is no room for such a header, or it is larger than `MAX_HEADER_SIZE`.
 */
export function decodePackTrailer(tail: Uint8Array, packSize: number): number {
  if (tail.length < PACK_TRAILER_SIZE) throw badHeader("the pack is too short");
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  const size = view.getUint32(tail.length - PACK_TRAILER_SIZE, true);
  if (size < SEAL_OVERHEAD || size > packSize - PACK_TRAILER_SIZE || size > MAX_HEADER_SIZE) {
    throw badHeader(`its size is given as ${size} bytes in a pack of ${packSize}`);
  }
  return size;
}

function badHeader(reason: string): TsbakError {
  return new TsbakError("corrupt", `Cannot read pack header: ${reason}`);
}
