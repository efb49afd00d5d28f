import type { IndexSink } from "./index-file.ts";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

const START = ascii('{"packs":[');
const OBJECT_ID = ascii('{"id":"');
const BLOBS = ascii('","blobs":[');
const TYPE = ascii('","type":"');
const OFFSET = ascii('","offset":');
const LENGTH = ascii(',"length":');
const UNCOMPRESSED = ascii(',"uncompressed_length":');
const END = ascii("]}");

const COMMA = 0x2c;
const CLOSE = 0x7d;
const CLOSE_LIST = 0x5d;
const MAX_UINT32 = 0xffff_ffff;

/** The value of a lower-case hex digit; 255, which no digit reaches, for all other bytes. */
const NIBBLES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = "0123456789abcdef".indexOf(String.fromCharCode(byte));
  return value < 0 ? 255 : value;
});

/**
 * Pass an index to `sink` if it has exactly the form that Go writes. Gives the number n of calls made, or -1 - n if the
 * bytes depart from that form after n calls; then somebody else must read them.
 *
 * An index of a million blobs is 200 MB of JSON and must load in half a second, which no JSON parser does.
 */
export function scanIndex(bytes: Uint8Array, sink: IndexSink): number {
  const scan = new IndexScan(bytes, sink);
  return scan.run() ? scan.calls : -1 - scan.calls;
}

class IndexScan {
  calls = 0;
  readonly #bytes: Uint8Array;
  readonly #sink: IndexSink;
  readonly #packId = new Uint8Array(32);
  readonly #blobId = new Uint8Array(32);
  #at = 0;

  constructor(bytes: Uint8Array, sink: IndexSink) {
    this.#bytes = bytes;
    this.#sink = sink;
  }

  run(): boolean {
    if (!this.#accept(START)) return false;
    do {
      if (!this.#pack()) return false;
    } while (this.#acceptByte(COMMA));
    if (!this.#accept(END)) return false;
    this.#acceptByte(0x0a);
    return this.#at === this.#bytes.length;
  }

  #pack(): boolean {
    if (!this.#accept(OBJECT_ID) || !this.#hex(this.#packId) || !this.#accept(BLOBS)) return false;
    this.#sink.pack(this.#packId);
    this.calls++;
    do {
      if (!this.#blob()) return false;
    } while (this.#acceptByte(COMMA));
    return this.#acceptByte(CLOSE_LIST) && this.#acceptByte(CLOSE);
  }

  #blob(): boolean {
    if (!this.#accept(OBJECT_ID) || !this.#hex(this.#blobId) || !this.#accept(TYPE)) return false;
    const type = this.#type();
    if (type === undefined || !this.#accept(OFFSET)) return false;
    const offset = this.#uint();
    if (offset < 0 || !this.#accept(LENGTH)) return false;
    const length = this.#uint();
    if (length < 0 || offset + length > MAX_UINT32) return false;
    let uncompressedLength = 0;
    if (!this.#acceptByte(CLOSE)) {
      if (!this.#accept(UNCOMPRESSED)) return false;
      uncompressedLength = this.#uint();
      if (uncompressedLength < 0 || !this.#acceptByte(CLOSE)) return false;
    }
    this.#sink.blob(type, this.#blobId, offset, length, uncompressedLength);
    this.calls++;
    return true;
  }

  #type(): "data" | "tree" | undefined {
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at += 4;
    if (
      bytes[at] === 0x64 &&
      bytes[at + 1] === 0x61 &&
      bytes[at + 2] === 0x74 &&
      bytes[at + 3] === 0x61
    )
      return "data";
    if (
      bytes[at] === 0x74 &&
      bytes[at + 1] === 0x72 &&
      bytes[at + 2] === 0x65 &&
      bytes[at + 3] === 0x65
    )
      return "tree";
    return undefined;
  }

  /** An integer of at most 32 bits, or -1. */
  #uint(): number {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let value = 0;
    for (;;) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9 || at - start > 10) break;
      value = value * 10 + digit;
      at++;
    }
    this.#at = at;
    const hasLeadingZero = bytes[start] === 0x30 && at > start + 1;
    return at === start || hasLeadingZero || value > MAX_UINT32 ? -1 : value;
  }

  #hex(target: Uint8Array): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    if (start + 64 > bytes.length) return false;
    let all = 0;
    for (let at = 0; at < 32; at++) {
      const high = NIBBLES[bytes[start + 2 * at] ?? 0] ?? 255;
      const low = NIBBLES[bytes[start + 2 * at + 1] ?? 0] ?? 255;
      all |= high | low;
      target[at] = (high << 4) | low;
    }
    this.#at = start + 64;
    return all < 16;
  }

  #accept(expected: Uint8Array): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    for (let at = 0; at < expected.length; at++) {
      if (bytes[start + at] !== expected[at]) return false;
    }
    this.#at = start + expected.length;
    return true;
  }

  #acceptByte(expected: number): boolean {
    if (this.#bytes[this.#at] !== expected) return false;
    this.#at++;
    return true;
  }
}
