import { releaseMemory } from "../bytes/release-memory.ts";
import { unpackedEncoding } from "../format/unpacked.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import type { Opener } from "../crypto/opener.ts";
import type { Sealer } from "../crypto/sealer.ts";
import type { Zstd } from "../compress/zstd.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import type { CachedBackend } from "../backend/cache.ts";
import type { Backend, CallOptions, FileKind } from "../backend/backend.ts";

/** What sealing and opening whole files takes. */
export interface UnpackedContext {
  readonly backend: Backend;
  readonly sealer: Sealer;
  readonly opener: Opener;
  readonly zstd: Zstd;
  /** Set if `backend` is this cache. */
  readonly cache?: CachedBackend | undefined;
  /** Repository version: files are compressed from version 2 on. */
  readonly version: 1 | 2;
}

/** Far above any index file; protects against a hostile frame. */
const MAX_PLAIN_SIZE = 1 << 30;
const COMPRESSED_MARK = 2;
const LEVEL = 3;

/** A file that is ready to be stored. */
export interface SealedFile {
  readonly kind: FileKind;
  /** The hash of its bytes. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Seal and store an index, snapshot or lock file (restic format, section 6). Returns its name. */
export async function saveUnpacked(
  context: UnpackedContext,
  kind: FileKind,
  plain: Uint8Array,
  options?: CallOptions,
): Promise<string> {
  const file = sealUnpacked(context, kind, plain);
  await writeSealed(context, file, options);
  return file.name;
}

/** Seal an index, snapshot or lock file, for who must know its name before it is stored. */
export function sealUnpacked(
  context: UnpackedContext,
  kind: FileKind,
  plain: Uint8Array,
): SealedFile {
  const marked = context.version >= 2 ? compressed(context, plain) : undefined;
  const bytes = context.sealer.seal(marked ?? plain);
  if (marked !== undefined) releaseMemory(marked.buffer);
  return { kind, name: sha256Hex(bytes), bytes };
}

/** Store a sealed file. */
export async function writeSealed(
  context: UnpackedContext,
  { kind, name, bytes }: SealedFile,
  options?: CallOptions,
): Promise<void> {
  try {
    await context.backend.write({ kind, name }, bytes, options);
  } catch (error) {
    // Named by their own hash: what is there already is what was to be written.
    if (!isTsbakError(error, "already-exists")) throw error;
  }
}

/**
 * Read and open an index, snapshot or lock file.
 *
 * @throws {TsbakError} `corrupt` if the bytes do not have the hash that names them, or do not open; the
 * read is repeated once before that is believed.
 */
export async function loadUnpacked(
  context: UnpackedContext,
  kind: FileKind,
  name: string,
  options?: CallOptions,
): Promise<Uint8Array> {
  return openUnpacked(context, await readVerified(context, kind, name, options));
}

/**
 * The plain bytes of a sealed index, snapshot or lock file, whatever its name.
 *
 * @throws {TsbakError} `corrupt` if they do not open.
 */
export function openUnpacked(context: UnpackedContext, sealed: Uint8Array): Uint8Array {
  const plain = context.opener.open(sealed);
  if (context.version === 1 || unpackedEncoding(plain) !== "zstd") return plain;
  const text = context.zstd.decompressUnknown(plain.subarray(1), MAX_PLAIN_SIZE);
  releaseMemory(plain.buffer);
  return text;
}

function compressed(context: UnpackedContext, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = context.zstd.compress(plain, LEVEL);
  const marked = new Uint8Array(frame.length + 1);
  marked[0] = COMPRESSED_MARK;
  marked.set(frame, 1);
  return marked;
}

/**
 * The stored bytes of a file that is named by its hash.
 *
 * @throws {TsbakError} `corrupt` if they do not have it; the read is repeated once before that is believed.
 */
export async function readVerified(
  context: UnpackedContext,
  kind: FileKind,
  name: string,
  options?: CallOptions,
): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt++) {
    const bytes = await context.backend.read({ kind, name }, undefined, options);
    if (sha256Hex(bytes) === name) return bytes;
    // It may be only our copy that is damaged.
    context.cache?.forget({ kind, name });
    if (attempt === 2) {
      throw new TsbakError(
        "corrupt",
        `Cannot load ${kind} ${name.slice(0, 8)}: its bytes do not have the hash that names them; ` +
          `the file is damaged, run "tsbak verify"`,
      );
    }
  }
}
