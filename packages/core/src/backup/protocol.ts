/**
 * What the main thread of a backup and its workers say to each other (design D5): files and ranges go out, finished packs
 * and lists of blobs come back; contents of files never travel.
 *
 * @module
 */
import type { CompressionLevel } from "../compress/zstd.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import type { PatternSource } from "../fs/filter.ts";
import type { FileStat } from "../fs/stat.ts";
import type { TagFile } from "../fs/tag-file.ts";
import type { SharedBlobIndex } from "../repository/shared-index.ts";
import type { SharedClaims } from "../repository/claim-table.ts";
import type { FinishedPack } from "../repository/open-packs.ts";
import type { SharedPackMemory } from "../repository/pack-memory.ts";
import type { SharedPack } from "../repository/tree-packs.ts";
import type { DirectoryPlace } from "./directory-place.ts";
import type { Listing } from "./listing.ts";

/** What looking at directories takes, beside the index. */
export interface ListingSetup {
  readonly patterns: readonly PatternSource[];
  readonly oneFileSystem: boolean;
  readonly cacheDirectory: Uint8Array | undefined;
  readonly tagFiles: readonly TagFile[];
  readonly ignoreFileNames: readonly string[];
  readonly largestSize: number | undefined;
  readonly withAtime: boolean;
  readonly withBirthTime: boolean;
  readonly withInodeFlags: boolean;
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
  readonly reportItems: boolean;
}

/** What a worker is started with. */
export interface BackupSetup {
  readonly key: MasterKey;
  readonly version: 1 | 2;
  readonly chunker: "rabin" | "fastcdc";
  /** Hex, as in the config. */
  readonly polynomial: string;
  readonly compression: CompressionLevel;
  readonly extraVerify: boolean;
  /** Target size of packs in bytes. */
  readonly packSize: number;
  readonly index: SharedBlobIndex;
  readonly claims: SharedClaims;
  readonly listing: ListingSetup;
  /** Memory of the packs that all threads fill, and of those on their way to the backend. */
  readonly packMemory: SharedPackMemory;
  readonly openPacks: SharedArrayBuffer;
}

/** A directory to be looked at, and what the parent snapshot has of it. */
export interface ListedDirectory {
  readonly place: DirectoryPlace;
  readonly before: ParentSubtree | undefined;
  /** Leave out what is the same if nothing changed, and go on in the directories below. */
  readonly mayOmit: boolean;
}

/** A directory's tree in the parent snapshot. */
export interface ParentSubtree {
  readonly id: string;
  /** Where it lies, and most trees of its neighbours. */
  readonly pack: SharedPack;
}

/** What a worker can be asked to do. */
export type BackupTask =
  /** Look at directories. */
  | {
      readonly kind: "list";
      readonly directories: readonly ListedDirectory[];
      /** How many entries, about, may be looked at in directories below. */
      readonly budget: number;
    }
  /** Store whole files. `paths` holds raw paths, each ended by NUL; `stats` a fingerprint for each. */
  | { readonly kind: "files"; readonly paths: Uint8Array; readonly stats: Float64Array }
  /** Find the cuts of a large file and report them by `cuts` events. */
  | { readonly kind: "cut"; readonly file: number; readonly path: Uint8Array }
  /** Store chunks of a large file: pairs of offset and length. */
  | { readonly kind: "ranges"; readonly path: Uint8Array; readonly ranges: Float64Array }
  /** Store one chunk of a stream. */
  | { readonly kind: "chunk"; readonly bytes: Uint8Array };

/** What a worker reports while a task goes on. */
export type BackupEvent =
  | { readonly kind: "pack"; readonly pack: FinishedPack }
  /** Ends of the next chunks of a large file, ascending offsets. */
  | { readonly kind: "cuts"; readonly file: number; readonly ends: Float64Array };

/** What was new in a task, in blobs and bytes. */
export interface StoreCounts {
  blobs: number;
  /** Plain bytes of new blobs. */
  added: number;
  /** Bytes that they take in packs. */
  packed: number;
}

/** A file that needs more said about it than its contents. `at` is its place in the task. */
export interface FileNote {
  readonly at: number;
  /** The file could not be read: a message for people. Then it has no contents. */
  readonly error?: string | undefined;
  /** The state of the file that was stored, where that is not the one in the task. */
  readonly stat?: FileStat | undefined;
  /** It changed during the second reading, too. */
  readonly unstable?: boolean | undefined;
}

/** The end of a task; what does not apply to its kind is empty. */
export interface BackupResult {
  /** For each file or range the ids of its blobs as JSON: `"…","…"`. */
  readonly contents: readonly string[];
  /** Bytes read for each file or range. */
  readonly sizes: Float64Array;
  readonly notes: readonly FileNote[];
  readonly counts: StoreCounts;
  readonly listings: readonly Listing[];
}

/** Numbers that one fingerprint takes; the first is the size. */
export const FINGERPRINT_NUMBERS = 7;
const LOW_WORD = 0xffffffffn;

/** Room for the fingerprints of `count` files. */
export function createFingerprints(count: number): Float64Array<ArrayBuffer> {
  return new Float64Array(count * FINGERPRINT_NUMBERS);
}

/** Write the fingerprint of file number `at`: whatever changes with the contents. */
export function setFingerprint(into: Float64Array, at: number, stat: FileStat): void {
  const base = at * FINGERPRINT_NUMBERS;
  into[base] = stat.size;
  into[base + 1] = Number(stat.inode & LOW_WORD);
  into[base + 2] = Number(stat.inode >> 32n);
  into[base + 3] = stat.mtimeSeconds;
  into[base + 4] = stat.mtimeNanoseconds;
  into[base + 5] = stat.ctimeSeconds;
  into[base + 6] = stat.ctimeNanoseconds;
}

/** True if `stat` has the fingerprint of file number `at`. */
export function hasFingerprint(from: Float64Array, at: number, stat: FileStat): boolean {
  const base = at * FINGERPRINT_NUMBERS;
  return (
    from[base] === stat.size &&
    from[base + 3] === stat.mtimeSeconds &&
    from[base + 4] === stat.mtimeNanoseconds &&
    from[base + 5] === stat.ctimeSeconds &&
    from[base + 6] === stat.ctimeNanoseconds &&
    from[base + 1] === Number(stat.inode & LOW_WORD) &&
    from[base + 2] === Number(stat.inode >> 32n)
  );
}
