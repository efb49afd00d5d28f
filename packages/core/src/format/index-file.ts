import { fromHex } from "../bytes/hex.ts";
import { TsbakError } from "../errors.ts";
import type { BlobType } from "./blob-type.ts";
import { Fields } from "./fields.ts";
import { scanIndex } from "./index-scan.ts";
import type { JsonValue } from "./json.ts";
import { parseJsonBytes } from "./json.ts";

export type { IndexedPack, ListedPack } from "./index-encode.ts";
export { encodeIndex } from "./index-encode.ts";

/** Receives the contents of an index file: each pack, followed by its blobs. */
export interface IndexSink {
  /** `id` is 32 bytes, valid only during the call. */
  pack(id: Uint8Array): void;
  /** `id` is 32 bytes, valid only during the call. `uncompressedLength` is 0 if the blob is not compressed. */
  blob(
    type: BlobType,
    id: Uint8Array,
    offset: number,
    length: number,
    uncompressedLength: number,
  ): void;
}

const MAX_UINT32 = 0xffff_ffff;

/**
 * Pass everything in an index file to `sink`, in the order of the file. Entries are neither sorted nor merged.
 *
 * Bytes as restic writes them are scanned directly. At the first byte that differs, the whole file is parsed as JSON, and what
 * the sink already got is left out, so it never gets an entry twice. If this throws, the sink may have got a part.
 *
 * @throws {TsbakError} `corrupt` if it is not JSON, or a field is missing, malformed or beyond 32 bits.
 * @throws {TsbakError} `unsupported` for the array form of restic 0.1.
 */
export function decodeIndex(bytes: Uint8Array, sink: IndexSink): void {
  const delivered = scanIndex(bytes, sink);
  if (delivered >= 0) return;
  const rest = new RemainingSink(sink, -1 - delivered);
  decodeAnyIndex(parseJsonBytes(bytes, "index"), rest);
  if (rest.missing > 0)
    throw new TsbakError("corrupt", 'Cannot read index: field "packs" is repeated');
}

/** Leaves out the first calls, which the scanner has made already. */
class RemainingSink implements IndexSink {
  /** Calls still to be left out. */
  missing: number;
  readonly #sink: IndexSink;

  constructor(sink: IndexSink, delivered: number) {
    this.#sink = sink;
    this.missing = delivered;
  }

  pack(id: Uint8Array): void {
    if (this.missing > 0) this.missing--;
    else this.#sink.pack(id);
  }

  blob(
    type: BlobType,
    id: Uint8Array,
    offset: number,
    length: number,
    uncompressedLength: number,
  ): void {
    if (this.missing > 0) this.missing--;
    else this.#sink.blob(type, id, offset, length, uncompressedLength);
  }
}

function decodeAnyIndex(value: JsonValue, sink: IndexSink): void {
  if (Array.isArray(value)) {
    throw new TsbakError(
      "unsupported",
      "Cannot read index: it has the format of restic 0.1; use restic 0.17 to migrate",
    );
  }
  for (const packValue of new Fields(value, "index").array("packs") ?? []) {
    const pack = new Fields(packValue, "index");
    sink.pack(fromHex(pack.requiredId("id")));
    for (const blobValue of pack.array("blobs") ?? [])
      decodeBlob(new Fields(blobValue, "index"), sink);
  }
}

function decodeBlob(blob: Fields, sink: IndexSink): void {
  const type = blob.requiredString("type");
  if (type !== "data" && type !== "tree") throw blob.bad("type", '"data" or "tree"');
  const offset = blob.uint32("offset");
  const length = blob.uint32("length");
  if (offset + length > MAX_UINT32) throw blob.bad("length", "within a pack of 4 GiB");
  sink.blob(
    type,
    fromHex(blob.requiredId("id")),
    offset,
    length,
    blob.uint32("uncompressed_length"),
  );
}
