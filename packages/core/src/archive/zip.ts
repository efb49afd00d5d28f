import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { crc32, createDeflateRaw, deflateRawSync } from "node:zlib";
import type { ArchiveEntry, ArchiveItem } from "./entry.ts";
import {
  encodeCentralHeader,
  encodeDescriptor,
  encodeEnd,
  encodeLocalHeader,
  ZIP_METHOD,
  type ZipContents,
} from "./zip-records.ts";

/** Contents up to this size are compressed before their header is written, which then is complete. */
const MOST_GATHERED = 256 << 10;
/** Contents that might need more than 32 bits for their sizes, also if compressing makes them longer. */
const LEAST_WIDE = 2 ** 32 - 2 ** 26;

/**
 * The bytes of a zip archive. Only files, directories and symlinks may be in it; of their metadata it holds modes, owners by
 * number, and times to the second. What is kept until the end is about 150 bytes an entry.
 */
export async function* writeZip(
  items: AsyncIterable<ArchiveItem>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for await (const { entry, contents } of items) {
    const start = offset;
    const parts = writeEntry(entry, entry.kind === "symlink" ? [entry.linkTarget] : contents);
    for (let part = await parts.next(); ; part = await parts.next()) {
      if (part.done === true) {
        directory.push(encodeCentralHeader(entry, part.value, start));
        break;
      }
      offset += part.value.length;
      yield part.value;
    }
  }
  const size = directory.reduce((sum, record) => sum + record.length, 0);
  yield* directory;
  yield encodeEnd(directory.length, size, offset);
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Gives what was written in the end. */
function writeEntry(
  entry: ArchiveEntry,
  contents: Chunks,
): AsyncGenerator<Uint8Array, ZipContents, undefined> {
  return entry.size <= MOST_GATHERED
    ? writeGathered(entry, contents)
    : writeStreamed(entry, contents);
}

async function* writeGathered(
  entry: ArchiveEntry,
  contents: Chunks,
): AsyncGenerator<Uint8Array, ZipContents, undefined> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of contents) chunks.push(chunk);
  const plain = Buffer.concat(chunks);
  const packed = entry.kind === "file" && plain.length > 0 ? deflate(plain) : plain;
  const isSmaller = packed.length < plain.length;
  const stored = isSmaller ? packed : plain;
  const written: ZipContents = {
    method: isSmaller ? ZIP_METHOD.deflated : ZIP_METHOD.stored,
    crc: crc32(plain),
    packed: stored.length,
    plain: plain.length,
    isStreamed: false,
    isWide: false,
  };
  yield encodeLocalHeader(entry, written);
  yield stored;
  return written;
}

/** Without the large buffers that Node would make for each call and leave to the garbage collection. */
function deflate(plain: Uint8Array): Uint8Array {
  return deflateRawSync(plain, { chunkSize: Math.max(plain.length, 64) });
}

async function* writeStreamed(
  entry: ArchiveEntry,
  contents: Chunks,
): AsyncGenerator<Uint8Array, ZipContents, undefined> {
  const isWide = entry.size >= LEAST_WIDE;
  const start = { method: ZIP_METHOD.deflated, crc: 0, packed: 0, plain: 0 };
  const written = { ...start, isStreamed: true, isWide };
  yield encodeLocalHeader(entry, written);
  const count = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of contents) {
      written.crc = crc32(chunk, written.crc);
      written.plain += chunk.length;
      yield chunk;
    }
  };
  const compressor = createDeflateRaw();
  const feeding = pipeline(
    Readable.from(count(), { objectMode: true, highWaterMark: 1 }),
    compressor,
  );
  // Its failure is thrown below, or where the compressor is read.
  feeding.catch(() => undefined);
  for await (const chunk of compressor) {
    written.packed += (chunk as Uint8Array).length;
    yield chunk as Uint8Array;
  }
  await feeding;
  yield encodeDescriptor(written);
  return written;
}
