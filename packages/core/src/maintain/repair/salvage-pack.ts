import { throwIfAborted } from "../../async/interrupted.ts";
import {
  CONFIG_REF,
  type ByteRange,
  type CallOptions,
  type FileRef,
} from "../../backend/backend.ts";
import { toHex } from "../../bytes/hex.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import type { BlobType } from "../../format/blob-type.ts";
import {
  decodePackHeader,
  decodePackTrailer,
  PACK_TRAILER_SIZE,
  type PackEntry,
} from "../../format/pack-header.ts";
import type { Repository } from "../../repository/repository.ts";
import type { RescueWriter } from "./rescue-writer.ts";

/** A blob of a damaged pack that could not be read. */
export interface UnreadBlob {
  readonly type: BlobType;
  readonly id: string;
  readonly reason: string;
}

/** What could be got out of a damaged pack. */
export interface SalvagedPack {
  readonly name: string;
  /** Blobs that were saved, each counted once. */
  readonly saved: number;
  /** What the index or the header lists beside these. */
  readonly unread: readonly UnreadBlob[];
}

/** A damaged pack as far as the store gives it. */
export interface DamagedPack {
  readonly name: string;
  /** The whole file; undefined if the store cannot read it as a whole. */
  readonly bytes: Uint8Array | undefined;
  /** What the index says of it. */
  readonly listed: Iterable<PackEntry>;
}

/**
 * Hand every blob of a pack to `writer` that opens, decompresses and has the hash of its id, by what the index says of the pack and by
 * what the pack's own header says: one may be right where the other is not.
 *
 * @throws {TsbakError} what the backend throws, but for damage.
 */
export async function salvagePack(
  repository: Repository,
  pack: DamagedPack,
  writer: RescueWriter,
  call: CallOptions,
): Promise<SalvagedPack> {
  const saved = new Set<string>();
  const unread = new Map<string, UnreadBlob>();
  for (const entry of candidates(repository, pack)) {
    throwIfAborted(call.signal);
    const { type } = entry;
    const id = toHex(entry.id);
    const key = `${type} ${id}`;
    if (saved.has(key)) continue;
    try {
      const stored = await loadStored(repository, pack, entry, call);
      await writer.addStored(id, { type, stored, uncompressedLength: entry.uncompressedLength });
      saved.add(key);
      unread.delete(key);
    } catch (error) {
      // A file in the wrong folder is listed, and is not there.
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
      unread.set(key, { type, id, reason: error.message });
    }
  }
  return { name: pack.name, saved: saved.size, unread: [...unread.values()] };
}

function* candidates(repository: Repository, { bytes, listed }: DamagedPack): Generator<PackEntry> {
  yield* listed;
  if (bytes !== undefined) yield* headerEntries(repository, bytes);
}

/** What the header of a whole pack lists; nothing if it is damaged. */
export function headerEntries({ opener }: Repository, bytes: Uint8Array): readonly PackEntry[] {
  try {
    const end = bytes.length - PACK_TRAILER_SIZE;
    const start = end - decodePackTrailer(bytes.subarray(Math.max(end, 0)), bytes.length);
    return decodePackHeader(opener.open(bytes.subarray(start, end)));
  } catch (error) {
    if (isTsbakError(error, "corrupt")) return [];
    throw error;
  }
}

/**
 * From the bytes at hand, and if they are damaged, from the store once more: the fault may have been on the way, and a disk that fails at
 * one place may be read at others.
 */
async function loadStored(
  repository: Repository,
  { name, bytes }: DamagedPack,
  entry: PackEntry,
  call: CallOptions,
): Promise<Uint8Array> {
  const { offset, length } = entry;
  try {
    if (bytes === undefined) throw new TsbakError("corrupt", "Cannot read pack as a whole");
    return openStored(repository, bytes.slice(offset, offset + length), entry);
  } catch (error) {
    if (!isTsbakError(error, "corrupt")) throw error;
    const ref = { kind: "pack", name } as const;
    return openStored(repository, await readDamaged(repository, ref, entry, call), entry);
  }
}

/**
 * Read a file, or a part of it, that may lie on a broken place of a disk.
 *
 * @throws {TsbakError} `corrupt` if it cannot be read though the store can be reached; else what the backend throws.
 */
export async function readDamaged(
  { backend }: Repository,
  ref: FileRef,
  range: ByteRange | undefined,
  call: CallOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await backend.read(ref, range, call);
  } catch (error) {
    if (!isTsbakError(error, "unavailable")) throw error;
    // What is out of reach for a while must not be taken for lost.
    await backend.read(CONFIG_REF, undefined, call);
    throw new TsbakError("corrupt", error.message, { cause: error });
  }
}

/** The stored form of a blob, proven to be whole. */
function openStored(
  { opener, zstd }: Repository,
  sealed: Uint8Array,
  { id, uncompressedLength }: PackEntry,
): Uint8Array {
  const stored = opener.open(sealed);
  const plain = uncompressedLength === 0 ? stored : zstd.decompress(stored, uncompressedLength);
  if (sha256Hex(plain) === toHex(id)) return stored;
  throw new TsbakError("corrupt", "Cannot open blob: its contents have another hash");
}
