import { looksLikeText } from "./text.ts";
import { TsbakError } from "../errors.ts";
import { loadZstdLibrary } from "./zstd-library.ts";
import { loadNodeZstd } from "./zstd-node.ts";
import { loadWasmZstd } from "./zstd-wasm.ts";

/** How hard to compress, in restic's words. `off` spares data blobs only: trees and index files always compress. */
export type CompressionLevel = "off" | "fastest" | "auto" | "better" | "max";

/**
 * Zstandard (RFC 8878) of whole byte arrays. Frames are written without checksum and dictionary, with the content
 * size. Results are the caller's own memory. One instance serves one thread.
 */
export interface Zstd {
  readonly name: string;

  /** `level` is zstd's own, 1 to 22; see `zstdLevel`. */
  compress(bytes: Uint8Array, level: number): Uint8Array<ArrayBuffer>;

  /**
   * As `compress`, into memory that is there, and returns the length of the frame.
   *
   * @throws {RangeError} Unless `out` has at least `maxCompressedLength(bytes.length)` bytes.
   */
  compressInto(bytes: Uint8Array, level: number, out: Uint8Array): number;

  /**
   * The content of one or more frames, which must be exactly `length` bytes. No more than that is ever allocated.
   *
   * @throws {TsbakError} `corrupt` if a frame is bad or the content has another length.
   */
  decompress(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer>;

  /**
   * As `decompress`, with exactly the length of `out`, into memory that is there. After an error `out` holds anything.
   *
   * @throws {TsbakError} `corrupt` as `decompress`.
   */
  decompressInto(bytes: Uint8Array, out: Uint8Array): void;

  /**
   * The content of one or more frames where nobody said how long it is.
   *
   * @throws {TsbakError} `corrupt` if a frame is bad or the content is longer than `maxLength`.
   */
  decompressUnknown(bytes: Uint8Array, maxLength: number): Uint8Array<ArrayBuffer>;
}

const LEVELS: Readonly<Record<CompressionLevel, number>> = {
  // What is compressed in spite of `off`, such as trees, is compressed as usual.
  off: 3,
  fastest: 1,
  auto: 3,
  better: 7,
  max: 12,
};

/** The same for anything longer than `SHORT` that is not text. */
const LEVEL_OF_BINARIES = 2;
/** In bytes. Below this the levels differ by little in time, as zstd works in smaller tables then. */
const SHORT = 16_384;

/**
 * The level of zstd that comes nearest in effort to restic's level of this name. By itself ("auto") it goes by the
 * contents: on programs and libraries level 3 takes two fifths more time than level 2 and saves 2 %; on logs a sixth
 * more time, and saves up to 12 %.
 */
export function zstdLevel(level: CompressionLevel, bytes: Uint8Array): number {
  const isBinary = level === "auto" && bytes.length > SHORT && !looksLikeText(bytes);
  return isBinary ? LEVEL_OF_BINARIES : LEVELS[level];
}

let loading: Promise<Zstd> | undefined;

/**
 * The fastest zstd that this machine has: the one inside Node (or the system's) called directly, which keeps its
 * contexts and so costs 2 to 5 us a call; node:zlib, 25 us a call; WebAssembly. Every call in a thread gives the
 * same one.
 *
 * @throws {TsbakError} `unsupported` if there is none.
 */
export function loadZstd(): Promise<Zstd> {
  loading ??= loadFastest();
  return loading;
}

async function loadFastest(): Promise<Zstd> {
  const zstd = loadZstdLibrary() ?? loadNodeZstd() ?? (await loadWasmZstd());
  if (zstd === undefined) {
    throw new TsbakError(
      "unsupported",
      "Cannot load zstd: neither Node nor the system has it; install @cloudpss/zstd or Node 24",
    );
  }
  return zstd;
}
