import { ByteScan, ascii } from "./byte-scan.ts";
import type { IndexSink } from "./index-file.ts";

const START = ascii('{"packs":[');
const OBJECT_ID = ascii('{"id":"');
const BLOBS = ascii('","blobs":[');
const DATA = ascii('","type":"data","offset":');
const TREE = ascii('","type":"tree","offset":');
const LENGTH = ascii(',"length":');
const UNCOMPRESSED = ascii(',"uncompressed_length":');
const END = ascii("]}");

const COMMA = 0x2c;
const CLOSE = 0x7d;
const MAX_UINT32 = 0xffff_ffff;

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
  readonly #scan: ByteScan;
  readonly #sink: IndexSink;
  readonly #packId = new Uint8Array(32);
  readonly #blobId = new Uint8Array(32);

  constructor(bytes: Uint8Array, sink: IndexSink) {
    this.#scan = new ByteScan(bytes);
    this.#sink = sink;
  }

  run(): boolean {
    const scan = this.#scan;
    if (!scan.accept(START)) return false;
    do {
      if (!this.#pack()) return false;
    } while (scan.acceptByte(COMMA));
    if (!scan.accept(END)) return false;
    scan.acceptByte(0x0a);
    return scan.at === scan.bytes.length;
  }

  #pack(): boolean {
    const scan = this.#scan;
    if (!scan.accept(OBJECT_ID) || !scan.hexInto(this.#packId) || !scan.accept(BLOBS)) return false;
    this.#sink.pack(this.#packId);
    this.calls++;
    do {
      if (!this.#blob()) return false;
    } while (scan.acceptByte(COMMA));
    return scan.accept(END);
  }

  #blob(): boolean {
    const scan = this.#scan;
    if (!scan.accept(OBJECT_ID) || !scan.hexInto(this.#blobId)) return false;
    const isData = scan.accept(DATA);
    if (!isData && !scan.accept(TREE)) return false;
    const offset = scan.uint();
    if (offset < 0 || !scan.accept(LENGTH)) return false;
    const length = scan.uint();
    if (length < 0 || offset + length > MAX_UINT32) return false;
    let uncompressedLength = 0;
    if (scan.accept(UNCOMPRESSED)) {
      uncompressedLength = scan.uint();
      if (uncompressedLength < 0 || uncompressedLength > MAX_UINT32) return false;
    }
    if (!scan.acceptByte(CLOSE)) return false;
    this.#sink.blob(isData ? "data" : "tree", this.#blobId, offset, length, uncompressedLength);
    this.calls++;
    return true;
  }
}
