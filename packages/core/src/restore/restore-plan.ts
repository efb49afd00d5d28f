import { joinPath } from "../fs/path.ts";
import type { SpecialType } from "../fs/posix.ts";
import { BlobUses } from "./blob-uses.ts";
import { DirectoryTable, EntryTable } from "./entry-table.ts";

const SLASH = Uint8Array.of(0x2f);

/** A symlink, device or fifo. `entry` is its number in `RestorePlan.specials`. */
export interface Special {
  readonly entry: number;
  readonly type: SpecialType | "symlink";
  readonly linkTarget: Uint8Array | undefined;
  readonly device: bigint;
}

/** A further name of something: `entry` is its number in `RestorePlan.links`, `first` the first name's in the table of its kind. */
export interface HardLink {
  readonly entry: number;
  readonly kind: "file" | "special";
  readonly first: number;
}

/** A file of several blobs, which no single task can finish. */
export interface PartedFile {
  /** Uses that have not been written. */
  remaining: number;
  state: "planned" | "created" | "finished" | "failed";
  /** While the file is being made ready for its parts. */
  ready?: Promise<void> | undefined;
}

/** Everything that is to be made, except for the contents. */
export class RestorePlan {
  readonly directories: DirectoryTable = new DirectoryTable();
  readonly files: EntryTable = new EntryTable();
  readonly specials: EntryTable = new EntryTable();
  readonly links: EntryTable = new EntryTable();
  readonly specialNodes: Special[] = [];
  readonly hardLinks: HardLink[] = [];
  readonly uses: BlobUses = new BlobUses();
  readonly emptyFiles: number[] = [];
  readonly partedFiles: Map<number, PartedFile> = new Map();
  /** Files in whose place something stands. */
  readonly standingFiles: number[] = [];
  /** What stands in the directories and is not in the snapshot. */
  readonly strangers: EntryTable = new EntryTable();
  /** Of these, files that only need their metadata. */
  readonly sameFiles: number[] = [];
  /** Of these, files whose contents are there in a way, but must be cut or put elsewhere: no pack is needed for them. */
  readonly readyFiles: number[] = [];
  /** False after a tree with names that cannot be: what else it hides is not known, so that nothing may be deleted. */
  isTrusted = true;
  /** Files that are not in their place for good, so that links to them cannot be. */
  readonly failedFiles: Set<number> = new Set();
  readonly failedSpecials: Set<number> = new Set();
  /** Bytes of all files to restore. */
  bytes = 0;
  /** Files that are not to be restored, because they are there. */
  unchangedFiles = 0;

  /** Number of files to restore, each of their names counted. */
  get fileNames(): number {
    return (
      this.files.length -
      this.unchangedFiles +
      this.hardLinks.filter(({ kind }) => kind === "file").length
    );
  }

  /** Path of an entry in the snapshot, with the slash at its beginning. */
  path(table: EntryTable, entry: number): Uint8Array {
    const directory = this.directories.path(table.directory(entry));
    return joinPath(joinPath(SLASH, directory), table.name(entry));
  }
}
