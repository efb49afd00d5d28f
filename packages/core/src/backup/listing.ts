/**
 * What a look at one directory gives, in few large pieces: it travels from a worker to the main thread, where every object
 * would cost more than what it says.
 *
 * @module
 */

/** What is to be done about an entry. */
export const ENTRY_KIND = {
  /** Its node is complete and stands like this in the parent snapshot. */
  same: 0,
  /** Its node is complete. */
  complete: 1,
  /** Its contents have to be stored; the text is the node up to them. */
  file: 2,
  /** Its tree has to be made; the text is the node up to it. */
  directory: 3,
  /** A directory in which, and below which, nothing changed; the text is the whole node. */
  sameDirectory: 4,
} as const;

/** Something that could not be read. */
export interface ListingError {
  readonly path: Uint8Array;
  readonly message: string;
}

/** A file that need not be read, for whoever wants to be told of every entry. */
export interface ListedItem {
  readonly path: Uint8Array;
  readonly size: number;
}

/** The entries of one directory in ascending order. Ready to be posted. */
export interface Listing {
  /** The directory could not be read: as in restic, it is left out of the tree above it. */
  readonly isUnreadable: boolean;
  /** The texts of all entries, one after another, in pieces that end where a text ends. */
  readonly texts: readonly string[];
  /** Length of each text. */
  readonly lengths: Uint32Array;
  /** `ENTRY_KIND` of each entry. */
  readonly kinds: Uint8Array;
  /** Names of files to be stored and of directories, each ended by NUL; and so for the following list. */
  readonly names: Uint8Array;
  /** Their nodes in the parent snapshot. */
  readonly before: readonly (string | undefined)[];
  /** Of the directories only: their trees in the parent snapshot. */
  readonly subtrees: readonly (string | undefined)[];
  /** Of the directories only. */
  readonly devices: readonly bigint[];
  /** Of the directories only: what was found there, where someone has looked already. */
  readonly inner: readonly (Listing | undefined)[];
  /** Of the files only: see `setFingerprint`. */
  readonly stats: Float64Array;
  /** Only directories are in the listing; everything else is as in the parent's tree. */
  readonly isPartial: boolean;
  /** True if exactly these entries are in the parent's tree; then that tree stands if nothing changes below. */
  readonly isExhausted: boolean;
  /** Files that need not be read, even if their nodes differ from the parent's, and their bytes. */
  readonly unmodified: number;
  readonly bytes: number;
  /** Directories below this one that are the same as in the parent, with everything in them; it is counted above. */
  readonly sameDirectories: number;
  readonly items: readonly ListedItem[];
  readonly errors: readonly ListingError[];
  /** What people should know, though nothing is missing. */
  readonly warnings: readonly string[];
}

/** True if everything in the directory, and below it, is as in the parent's tree. */
export function isWhollySame(listing: Listing): boolean {
  const { isPartial, kinds, errors, warnings } = listing;
  return isPartial && kinds.length === 0 && errors.length === 0 && warnings.length === 0;
}
