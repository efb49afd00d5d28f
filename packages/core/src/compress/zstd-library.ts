/**
 * Zstandard by direct calls of the C library, through koffi.
 *
 * node:zlib makes a new context of some hundred KiB for every call, which costs 25 us; most files of a system are
 * smaller than what that time compresses. Here a thread keeps its contexts. Node >= 22.15 has the library inside
 * its executable and exports it; elsewhere the system's shared library is tried.
 *
 * @module
 */
import { createRequire } from "node:module";
import { pageMemory } from "../bytes/page-memory.ts";
import { releaseMemory } from "../bytes/release-memory.ts";
import { badFrame, wrongLength } from "./zstd-error.ts";
import { checkRoom, maxCompressedLength } from "./zstd-bound.ts";
import type { Zstd } from "./zstd.ts";

/** An address as koffi hands it out. */
type Pointer = unknown;

interface Library {
  compress(
    context: Pointer,
    out: Uint8Array,
    room: number,
    bytes: Uint8Array,
    size: number,
    level: number,
  ): number;
  decompress(
    context: Pointer,
    out: Uint8Array,
    room: number,
    bytes: Uint8Array,
    size: number,
  ): number | bigint;
  contentSize(bytes: Uint8Array, size: number): number | bigint;
  errorName(code: number | bigint): string;
  createCompressor(): Pointer;
  createDecompressor(): Pointer;
  freeCompressor(context: Pointer): number;
  freeDecompressor(context: Pointer): number;
}

interface Koffi {
  load(path: string | null): { func(prototype: string): unknown };
}

/**
 * In bytes. Up to this zstd's tables are much smaller, and a context gives memory back after a row of inputs that need less
 * than a third of it: one for all would take and clear new memory again and again.
 */
const SHORT = 16_384;
/** Results from here on are negative numbers, seen as unsigned: errors. */
const FIRST_ERROR = 2n ** 64n - 4096n;
const DESTINATION_TOO_SMALL = 2n ** 64n - 70n;

/** Undefined without koffi, or where neither Node nor the system has a usable library. */
export function loadZstdLibrary(): Zstd | undefined {
  for (const [name, path] of candidates()) {
    try {
      const zstd = new LibraryZstd(name, bind(path));
      if (isSound(zstd)) return zstd;
    } catch {
      // Not there, or without a function that is needed: the next one may do.
    }
  }
  return undefined;
}

function candidates(): readonly (readonly [name: string, path: string | null])[] {
  const system = process.platform === "darwin" ? "libzstd.1.dylib" : "libzstd.so.1";
  return [
    ["library of node", null],
    ["library of system", system],
  ];
}

function bind(path: string | null): Library {
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const library = koffi.load(path);
  const bindings = {
    compress: library.func("size_t ZSTD_compressCCtx(void*, void*, size_t, void*, size_t, int)"),
    decompress: library.func("size_t ZSTD_decompressDCtx(void*, void*, size_t, void*, size_t)"),
    contentSize: library.func("uint64_t ZSTD_getFrameContentSize(void*, size_t)"),
    errorName: library.func("str ZSTD_getErrorName(size_t)"),
    createCompressor: library.func("void* ZSTD_createCCtx()"),
    createDecompressor: library.func("void* ZSTD_createDCtx()"),
    freeCompressor: library.func("size_t ZSTD_freeCCtx(void*)"),
    freeDecompressor: library.func("size_t ZSTD_freeDCtx(void*)"),
  };
  return bindings as Library;
}

function isSound(zstd: Zstd): boolean {
  const sample = new Uint8Array(1000).map((_, at) => at % 7);
  const result = zstd.decompress(zstd.compress(sample, 3), sample.length);
  return Buffer.compare(result, sample) === 0;
}

/** What is kept for frames between calls, in bytes. */
const KEPT_SCRATCH = 256 << 10;

class LibraryZstd implements Zstd {
  readonly name: string;
  readonly #library: Library;
  readonly #shortCompressor: Pointer;
  readonly #longCompressor: Pointer;
  readonly #decompressor: Pointer;
  #scratch: Uint8Array<ArrayBuffer> | undefined;

  constructor(name: string, library: Library) {
    this.name = name;
    this.#library = library;
    this.#shortCompressor = library.createCompressor();
    this.#longCompressor = library.createCompressor();
    this.#decompressor = library.createDecompressor();
    // A worker that ends would leave its contexts, a few MiB, to the process.
    process.once("exit", () => {
      library.freeCompressor(this.#shortCompressor);
      library.freeCompressor(this.#longCompressor);
      library.freeDecompressor(this.#decompressor);
    });
  }

  compress(bytes: Uint8Array, level: number): Uint8Array<ArrayBuffer> {
    const room = maxCompressedLength(bytes.length);
    if (room > KEPT_SCRATCH) return this.#compressLong(bytes, level, room);
    this.#scratch ??= new Uint8Array(KEPT_SCRATCH);
    return this.#scratch.slice(0, this.compressInto(bytes, level, this.#scratch));
  }

  /** What zstd asks for and does not use is never touched, and so costs nothing. */
  #compressLong(bytes: Uint8Array, level: number, room: number): Uint8Array<ArrayBuffer> {
    const out = pageMemory(room);
    const frame = out.slice(0, this.compressInto(bytes, level, out));
    releaseMemory(out.buffer);
    return frame;
  }

  compressInto(bytes: Uint8Array, level: number, out: Uint8Array): number {
    checkRoom(out, bytes.length);
    const size = this.#library.compress(
      bytes.length > SHORT ? this.#longCompressor : this.#shortCompressor,
      out,
      out.length,
      bytes,
      bytes.length,
      level,
    );
    if (size > out.length) {
      throw new Error(`Cannot compress ${bytes.length} bytes: ${this.#library.errorName(size)}`);
    }
    return size;
  }

  decompress(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(length);
    this.decompressInto(bytes, out);
    return out;
  }

  decompressInto(bytes: Uint8Array, out: Uint8Array): void {
    const size = this.#decompressInto(out, bytes);
    if (size === undefined) throw wrongLength("longer", out.length);
    if (size !== out.length) throw wrongLength(size, out.length);
  }

  decompressUnknown(bytes: Uint8Array, maxLength: number): Uint8Array<ArrayBuffer> {
    const told = this.#library.contentSize(bytes, bytes.length);
    // Too large a number stands for "not told" or "no frame" as well.
    let room = told <= maxLength ? Number(told) : Math.min(maxLength, 4 * bytes.length);
    for (;;) {
      const out = new Uint8Array(room);
      const size = this.#decompressInto(out, bytes);
      if (size !== undefined) return size === room ? out : out.slice(0, size);
      if (room >= maxLength) throw wrongLength("longer", maxLength);
      room = Math.min(maxLength, Math.max(4096, 2 * room));
    }
  }

  /** Returns the size of the content, undefined if it does not fit into `out`. */
  #decompressInto(out: Uint8Array, bytes: Uint8Array): number | undefined {
    // To zstd no bytes are no frames, and no error.
    if (bytes.length === 0) throw badFrame("there are no bytes");
    const library = this.#library;
    const size = library.decompress(this.#decompressor, out, out.length, bytes, bytes.length);
    if (size <= out.length) return Number(size);
    if (size === DESTINATION_TOO_SMALL) return undefined;
    throw badFrame(size > FIRST_ERROR ? library.errorName(size) : "unknown error");
  }
}
