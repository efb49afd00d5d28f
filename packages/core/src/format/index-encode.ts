import { ascii } from "./byte-scan.ts";
import type { PackEntry } from "./pack-header.ts";

/** One pack and its blobs, to be written into an index. */
export interface IndexedPack {
  /** 32 bytes or 64 hex digits. */
  id: Uint8Array | string;
  entries: readonly PackEntry[];
}

/** The same with blobs that are made one by one. */
export interface ListedPack extends Pick<IndexedPack, "id"> {
  readonly entries: Iterable<PackEntry>;
}

const START = ascii('{"packs":[');
const OBJECT_ID = ascii('{"id":"');
const BLOBS = ascii('","blobs":[');
const DATA = ascii('","type":"data","offset":');
const TREE = ascii('","type":"tree","offset":');
const LENGTH = ascii(',"length":');
const UNCOMPRESSED = ascii(',"uncompressed_length":');
const END = ascii("]}");
const END_OF_FILE = ascii("]}\n");

const COMMA = 0x2c;
const CLOSE = 0x7d;
const DIGITS = ascii("0123456789abcdef");
// More than the texts above, a 64-digit id and three numbers of ten digits.
const MAX_BLOB_TEXT = 192;
const MAX_PACK_TEXT = 96;
const MAX_UINT32 = 0xffff_ffff;

/** How much is to be encoded at most. */
export interface IndexSize {
  readonly packs: number;
  readonly blobs: number;
}

/**
 * The JSON of an index file as restic writes it, with its newline; packs and blobs in the order given. Those that are made one by one
 * need not be in memory all at once; then `size` says how many there are. The result is a view of a larger buffer.
 *
 * @throws {RangeError} If an id is not 32 bytes or 64 digits, a number has more than 32 bits, or there is more than `size` says.
 */
export function encodeIndex(packs: readonly IndexedPack[]): Uint8Array<ArrayBuffer>;
export function encodeIndex(packs: Iterable<ListedPack>, size: IndexSize): Uint8Array<ArrayBuffer>;
export function encodeIndex(
  packs: readonly IndexedPack[] | Iterable<ListedPack>,
  size: IndexSize = sizeOf(packs as readonly IndexedPack[]),
): Uint8Array<ArrayBuffer> {
  const text = new IndexText(32 + size.packs * MAX_PACK_TEXT + size.blobs * MAX_BLOB_TEXT);
  text.literal(START);
  let isFirst = true;
  for (const pack of packs) {
    if (!isFirst) text.byte(COMMA);
    isFirst = false;
    encodePack(text, pack);
  }
  text.literal(END_OF_FILE);
  return text.result();
}

function sizeOf(packs: readonly IndexedPack[]): IndexSize {
  return { packs: packs.length, blobs: packs.reduce((sum, pack) => sum + pack.entries.length, 0) };
}

function encodePack(text: IndexText, pack: ListedPack): void {
  text.literal(OBJECT_ID);
  if (typeof pack.id === "string") text.hexText(pack.id);
  else text.hex(pack.id);
  text.literal(BLOBS);
  let isFirst = true;
  for (const entry of pack.entries) {
    if (!isFirst) text.byte(COMMA);
    isFirst = false;
    encodeBlob(text, entry);
  }
  text.literal(END);
}

function encodeBlob(text: IndexText, entry: PackEntry): void {
  text.literal(OBJECT_ID);
  text.hex(entry.id);
  text.literal(entry.type === "data" ? DATA : TREE);
  text.uint(entry.offset);
  text.literal(LENGTH);
  text.uint(entry.length);
  if (entry.uncompressedLength !== 0) {
    text.literal(UNCOMPRESSED);
    text.uint(entry.uncompressedLength);
  }
  text.byte(CLOSE);
}

/** ASCII text put together as bytes, ten times as fast as joining strings. */
class IndexText {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(maxSize: number) {
    this.#bytes = new Uint8Array(maxSize);
  }

  result(): Uint8Array<ArrayBuffer> {
    if (this.#at > this.#bytes.length)
      throw new RangeError("Cannot encode index: there is more of it than was said");
    return this.#bytes.subarray(0, this.#at);
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  literal(text: Uint8Array): void {
    const bytes = this.#bytes;
    const start = this.#at;
    for (let at = 0; at < text.length; at++) bytes[start + at] = text[at] ?? 0;
    this.#at = start + text.length;
  }

  hex(id: Uint8Array): void {
    if (id.length !== 32) throw new RangeError("Cannot encode index: an id is not 32 bytes");
    const bytes = this.#bytes;
    const start = this.#at;
    for (let at = 0; at < 32; at++) {
      const byte = id[at] ?? 0;
      bytes[start + 2 * at] = DIGITS[byte >> 4] ?? 0;
      bytes[start + 2 * at + 1] = DIGITS[byte & 15] ?? 0;
    }
    this.#at = start + 64;
  }

  hexText(id: string): void {
    if (!/^[0-9a-f]{64}$/.test(id))
      throw new RangeError("Cannot encode index: an id is not 64 hex digits");
    this.literal(ascii(id));
  }

  uint(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > MAX_UINT32) {
      throw new RangeError("Cannot encode index: a number has more than 32 bits");
    }
    let width = 1;
    for (let bound = 10; value >= bound; bound *= 10) width++;
    let rest = value;
    for (let at = this.#at + width - 1; at >= this.#at; at--) {
      const tenth = Math.trunc(rest / 10);
      this.#bytes[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    this.#at += width;
  }
}
