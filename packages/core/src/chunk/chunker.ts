import { FastCdcChunker } from "./fastcdc.ts";
import { RabinChunker } from "./rabin.ts";

/** How a repository cuts files: `rabin` as restic does, or `fastcdc`, faster, where restic never writes. */
export type ChunkerKind = "rabin" | "fastcdc";

/**
 * Cuts a stream of bytes where its content says so, so that an insertion moves only the cuts near it.
 *
 * Every chunk but the last is 512 KiB to 8 MiB long. The cuts of equal streams are equal however the bytes arrive.
 * The caller reads into `memory`, at any offset, and moves bytes in it as it likes. Not for use by two threads.
 */
export interface Chunker {
  readonly memory: Uint8Array;

  /** A chunk that begins with so many zeros consists of them, and of nothing more. */
  readonly zeroLength: number;

  /**
   * The offset in `memory` where the chunk ends that starts at `start`, when the bytes up to `end` are there and,
   * if `isEnd`, no more follow. -1 if more bytes are needed, or none are left.
   *
   * After -1 the next call must be for the same chunk with the same bytes and more; they may have been moved. Call
   * `reset` to give a chunk up. With 8 MiB from `start` on there is always an answer.
   */
  cut(start: number, end: number, isEnd: boolean): number;

  /** Forgets a chunk whose end was not found, because its file ends in an error. */
  reset(): void;
}

/** Room for two chunks of the greatest size. */
const DEFAULT_SIZE = 16 * 2 ** 20;

/**
 * A chunker with a `memory` of `size` bytes. The polynomial is the repository's; `fastcdc` does not use it.
 *
 * @throws {TsbakError} `unsupported` if the polynomial is not of degree 53.
 */
export function createChunker(
  kind: ChunkerKind,
  polynomial: bigint,
  size: number = DEFAULT_SIZE,
): Chunker {
  return kind === "rabin" ? new RabinChunker(polynomial, size) : new FastCdcChunker(size);
}
