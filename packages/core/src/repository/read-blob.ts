import type { CallOptions } from "../backend/backend.ts";
import type { Opener } from "../crypto/opener.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import type { Zstd } from "../compress/zstd.ts";
import type { BlobType } from "../format/blob-type.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import type { BlobIndex, BlobLocation } from "./blob-index.ts";
import type { UnpackedContext } from "./unpacked.ts";

/** What opening a blob takes; every thread has its own. */
export interface BlobOpener {
  readonly opener: Opener;
  readonly zstd: Zstd;
}

/**
 * The plain bytes of a sealed blob.
 *
 * @throws {TsbakError} `corrupt` unless it authenticates, decompresses to its exact length and has the hash `id`.
 */
export function openBlob(
  tools: BlobOpener,
  sealed: Uint8Array,
  place: { readonly uncompressedLength: number },
  id: string,
): Uint8Array<ArrayBuffer> {
  const stored = tools.opener.open(sealed);
  const plain =
    place.uncompressedLength === 0
      ? stored
      : tools.zstd.decompress(stored, place.uncompressedLength);
  if (sha256Hex(plain) !== id) {
    throw new TsbakError(
      "corrupt",
      `Cannot read blob ${id.slice(0, 8)}: its contents have another hash; run "tsbak verify --read-data"`,
    );
  }
  return plain;
}

/**
 * Read, authenticate and decompress one blob, from any of its copies that is whole.
 *
 * @throws {TsbakError} `not-found` if the index does not know it, else the error of the last copy.
 */
export async function readBlob(
  context: UnpackedContext,
  index: BlobIndex,
  type: BlobType,
  id: string,
  options?: CallOptions,
): Promise<Uint8Array> {
  let failure: unknown = new TsbakError(
    "not-found",
    `Cannot read ${type} blob ${id.slice(0, 8)}: it is not in the index; run "tsbak verify"`,
  );
  for (const place of index.locate(type, id)) {
    try {
      return await readCopy(context, place, id, options);
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function readCopy(
  context: UnpackedContext,
  place: BlobLocation,
  id: string,
  options?: CallOptions,
): Promise<Uint8Array> {
  const sealed = await context.backend.read({ kind: "pack", name: place.pack }, place, options);
  return openBlob(context, sealed, place, id);
}
