import { looksIncompressible } from "../compress/incompressible.ts";
import { maxCompressedLength } from "../compress/zstd-bound.ts";
import { zstdLevel, type CompressionLevel, type Zstd } from "../compress/zstd.ts";
import { equalBytes } from "../bytes/compare.ts";
import { ElasticMemory } from "../bytes/elastic-memory.ts";
import type { BlobType } from "../format/blob-type.ts";

/** The form in which a blob is stored before it is sealed. */
export interface EncodedBlob {
  readonly stored: Uint8Array;
  /** Length of the plain bytes, or 0 if `stored` is the plain bytes. */
  readonly uncompressedLength: number;
}

/** How blobs are encoded. */
export interface EncoderOptions {
  readonly version: 1 | 2;
  readonly compression: CompressionLevel;
  /** Compress even what grows by it, from version 2 on: for who wants nothing to be left that is not compressed. */
  readonly always?: boolean | undefined;
  /** Have zstd tell of every blob whether it becomes shorter, not samples of it. */
  readonly tries?: boolean | undefined;
  /** Decompress each blob again before it is sealed, and compare. */
  readonly extraVerify: boolean;
  /** Only rarely is a blob longer than some 64 KiB: keep no memory for those that are. */
  readonly mostlyShort?: boolean | undefined;
}

/** Enough for most chunks: to take memory for a longer one and give it back costs as much as to fill it. */
const KEPT_ROOM = 3 << 20;
/** Zstd asks for room that it hardly ever touches, and what is not touched costs nothing. */
const KEPT_FRAME_ROOM = maxCompressedLength(4 << 20);
/** What is kept of both where blobs are mostly short. */
const KEPT_SHORT = 64 << 10;
/** The longest chunk (restic format, section 11). */
const LONGEST = 8 << 20;

/**
 * Compresses blobs as the repository's version and the user's wish allow. Trees are always compressed in version 2, else
 * restic's prune packs them anew; data that does not look compressible is stored plain, which costs no time to read.
 */
export class BlobEncoder {
  readonly #zstd: Zstd;
  readonly #options: EncoderOptions;
  readonly #frame: ElasticMemory;
  readonly #again: ElasticMemory;

  constructor(zstd: Zstd, options: EncoderOptions) {
    this.#zstd = zstd;
    this.#options = options;
    const isShort = options.mostlyShort === true;
    const longestFrame = maxCompressedLength(LONGEST);
    this.#frame = new ElasticMemory(isShort ? KEPT_SHORT : KEPT_FRAME_ROOM, longestFrame);
    this.#again = new ElasticMemory(isShort ? KEPT_SHORT : KEPT_ROOM, LONGEST);
  }

  /** The stored form, valid until the next call; it may be `plain` itself. */
  encode(type: BlobType, plain: Uint8Array): EncodedBlob {
    if (!this.#isCompressed(type, plain)) return { stored: plain, uncompressedLength: 0 };
    const frame = this.#frame.take(maxCompressedLength(plain.length));
    const level = zstdLevel(this.#options.compression, plain);
    const length = this.#zstd.compressInto(plain, level, frame);
    const stored = frame.subarray(0, length);
    const mayGrow = type === "tree" || this.#options.always === true;
    if (!mayGrow && stored.length >= plain.length) {
      return { stored: plain, uncompressedLength: 0 };
    }
    if (this.#options.extraVerify) this.#verify(stored, plain);
    return { stored, uncompressedLength: plain.length };
  }

  #isCompressed(type: BlobType, plain: Uint8Array): boolean {
    // An uncompressed length of 0 means "not compressed", so an empty blob cannot be.
    if (this.#options.version === 1 || plain.length === 0) return false;
    if (type === "tree" || this.#options.always === true) return true;
    const { compression, tries = false } = this.#options;
    return compression !== "off" && (tries || !looksIncompressible(plain));
  }

  /** Faulty memory or a fault in a library shows here, before anything relies on the blob. */
  #verify(stored: Uint8Array, plain: Uint8Array): void {
    const again = this.#again.take(plain.length);
    this.#zstd.decompressInto(stored, again);
    if (equalBytes(again, plain)) return;
    throw new Error(
      "Cannot save blob: what was compressed does not decompress to the same bytes; test this machine's memory",
    );
  }
}
