/**
 * What a look at one directory gives, in few large pieces: it travels from a worker to the main thread, where every object
 * would cost more than what it says.
 *
 * @module
 */
import { joinNulList } from "../bytes/nul-list.ts";
import type { FileStat } from "../fs/stat.ts";
import type { ParentNode } from "./parent-tree.ts";
import { createFingerprints, FINGERPRINT_NUMBERS, setFingerprint } from "./protocol.ts";

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
  /** The texts of all entries, one after another. */
  readonly texts: string;
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

/** The parts of a listing that grow with its entries. */
type ListedEntries = Pick<
  Listing,
  "texts" | "lengths" | "kinds" | "names" | "before" | "subtrees" | "devices" | "inner"
>;

const NO_ENTRIES: ListedEntries = {
  texts: "",
  lengths: new Uint32Array(0),
  kinds: new Uint8Array(0),
  names: new Uint8Array(0),
  before: [],
  subtrees: [],
  devices: [],
  inner: [],
};

/** A directory whose own metadata stands in the parent's tree as it is now. */
export interface MatchedDirectory {
  readonly name: Uint8Array;
  readonly device: bigint;
  /** Its node in the parent's tree, and the part of that before `"content"`. */
  readonly node: string;
  readonly head: string;
  /** Id of its tree there. */
  readonly subtree: string;
}

/** Puts a listing together. */
export class ListingWriter {
  #texts: string[] = [];
  #kinds: number[] = [];
  readonly #names: Uint8Array[] = [];
  readonly #before: (string | undefined)[] = [];
  readonly #subtrees: (string | undefined)[] = [];
  readonly #devices: bigint[] = [];
  readonly #inner: (Listing | undefined)[] = [];
  readonly #stats: FileStat[] = [];
  readonly #items: ListedItem[] = [];
  readonly #errors: ListingError[] = [];
  readonly #warnings: string[] = [];
  readonly #reportItems: boolean;
  #isUnreadable = false;
  #unmodified = 0;
  #bytes = 0;
  #sameDirectories = 0;
  #hasOmitted = false;

  constructor(reportItems: boolean) {
    this.#reportItems = reportItems;
  }

  /** The directory itself cannot be read. */
  unreadable(): void {
    this.#isUnreadable = true;
  }

  error(path: Uint8Array, message: string): void {
    this.#errors.push({ path: path.slice(), message });
  }

  warn(message: string): void {
    this.#warnings.push(message);
  }

  /** A node that needs nothing more. */
  addComplete(text: string, before: ParentNode | undefined): void {
    this.#texts.push(flat(text));
    this.#kinds.push(text === before?.text ? ENTRY_KIND.same : ENTRY_KIND.complete);
  }

  /** The same for a file whose contents are known. */
  addKnownFile(path: Uint8Array, size: number, text: string, before: ParentNode): void {
    this.addComplete(text, before);
    this.#unmodified++;
    this.#bytes += size;
    if (this.#reportItems) this.#items.push({ path: path.slice(), size });
  }

  addFile(name: Uint8Array, stat: FileStat, text: string, before: ParentNode | undefined): void {
    this.#add(ENTRY_KIND.file, name, text, before?.text);
    this.#stats.push(stat);
  }

  addDirectory(
    name: Uint8Array,
    stat: FileStat,
    text: string,
    before: ParentNode | undefined,
  ): void {
    this.#add(ENTRY_KIND.directory, name, text, before?.text);
    this.#subtrees.push(before?.subtree);
    this.#devices.push(stat.deviceId);
    this.#inner.push(undefined);
  }

  /** Files that are the same as in the parent, with everything else in the directory but its directories. */
  addSame(files: number, bytes: number): void {
    this.#hasOmitted = true;
    this.#unmodified += files;
    this.#bytes += bytes;
  }

  /** A directory whose own metadata is the same as in the parent, and what was found in it, if someone looked. */
  addMatchedDirectory(directory: MatchedDirectory, inner: Listing | undefined): void {
    const { name, node, head } = directory;
    const isSame = inner !== undefined && isWhollySame(inner);
    if (isSame) {
      this.addSame(inner.unmodified, inner.bytes);
      this.#sameDirectories += 1 + inner.sameDirectories;
    }
    const kind = isSame ? ENTRY_KIND.sameDirectory : ENTRY_KIND.directory;
    this.#add(kind, name, isSame ? node : head, node);
    this.#subtrees.push(directory.subtree);
    this.#devices.push(directory.device);
    this.#inner.push(isSame ? undefined : inner);
  }

  /** `isExhausted`: exactly these entries are in the parent's tree; then with `mayOmit` those that are the same are left out. */
  finish(isExhausted: boolean, mayOmit: boolean): Listing {
    const isPartial = isExhausted && mayOmit && this.#isSame();
    // A tree made of it would lack the files.
    if (this.#hasOmitted && !isPartial) throw new Error("Only a partial listing may omit files");
    if (isPartial) this.#omitSame();
    // Then nothing is left to be said of the directories, either.
    const isWhole = isPartial && this.#kinds.every((kind) => kind === ENTRY_KIND.sameDirectory);
    const stats = createFingerprints(this.#stats.length);
    this.#stats.forEach((stat, at) => setFingerprint(stats, at, stat));
    return {
      isUnreadable: this.#isUnreadable,
      ...(isWhole ? NO_ENTRIES : this.#entries()),
      stats,
      isPartial,
      isExhausted,
      unmodified: this.#unmodified,
      bytes: this.#bytes,
      sameDirectories: this.#sameDirectories,
      items: this.#items,
      errors: this.#errors,
      warnings: this.#warnings,
    };
  }

  #entries(): ListedEntries {
    return {
      texts: this.#texts.join(""),
      lengths: Uint32Array.from(this.#texts, (text) => text.length),
      kinds: Uint8Array.from(this.#kinds),
      names: joinNulList(this.#names),
      before: this.#before,
      subtrees: this.#subtrees,
      devices: this.#devices,
      inner: this.#inner,
    };
  }

  /** No entry differs, as far as can be told without looking into the directories. */
  #isSame(): boolean {
    let followed = 0;
    return this.#kinds.every((kind, at) => {
      if (kind === ENTRY_KIND.same) return true;
      if (kind === ENTRY_KIND.complete || kind === ENTRY_KIND.file) return false;
      const before = this.#before[followed++];
      if (kind === ENTRY_KIND.sameDirectory) return true;
      return before?.startsWith(`${this.#texts[at] ?? ""}"content"`) === true;
    });
  }

  #omitSame(): void {
    this.#texts = this.#texts.filter((_, at) => this.#kinds[at] !== ENTRY_KIND.same);
    this.#kinds = this.#kinds.filter((kind) => kind !== ENTRY_KIND.same);
  }

  #add(kind: number, name: Uint8Array, text: string, before: string | undefined): void {
    this.#texts.push(flat(text));
    this.#kinds.push(kind);
    this.#names.push(name);
    this.#before.push(before);
  }
}

/**
 * The same text in one piece. One that was put together keeps its two dozen parts, four times as much memory, until someone looks
 * into it, as here: too much for the directories that have 100,000 entries.
 */
function flat(text: string): string {
  if (!text.startsWith("{")) throw new Error("A listing consists of the texts of nodes");
  return text;
}

/** True if everything in the directory, and below it, is as in the parent's tree. */
export function isWhollySame(listing: Listing): boolean {
  const { isPartial, kinds, errors, warnings } = listing;
  return isPartial && kinds.length === 0 && errors.length === 0 && warnings.length === 0;
}

/** One entry of a listing that has to be followed up. */
export interface FollowUp {
  readonly name: Uint8Array;
  readonly text: string;
  readonly before: string | undefined;
}

/** A directory in a listing. */
export interface ListedInner {
  readonly subtree: string | undefined;
  readonly device: bigint;
  readonly listing: Listing | undefined;
}

/** What a reader of a listing does with its entries, in their order. Names and fingerprints are views of the listing. */
export interface ListingVisitor {
  complete(text: string, isSame: boolean): void;
  file(entry: FollowUp, fingerprint: Float64Array): void;
  directory(entry: FollowUp, inner: ListedInner): void;
  /** The tree `subtree` of the parent snapshot stands. */
  sameDirectory(entry: FollowUp, subtree: string): void;
}

/** Take a listing apart again. */
export function visitListing(listing: Listing, visitor: ListingVisitor): void {
  const { names, lengths, kinds, stats } = listing;
  let [textAt, nameAt, followed, files, directories] = [0, 0, 0, 0, 0];
  for (let at = 0; at < kinds.length; at++) {
    const text = listing.texts.slice(textAt, (textAt += lengths[at] as number));
    const kind = kinds[at];
    if (kind === ENTRY_KIND.same || kind === ENTRY_KIND.complete) {
      visitor.complete(text, kind === ENTRY_KIND.same);
      continue;
    }
    const nameEnd = names.indexOf(0, nameAt);
    const name = names.subarray(nameAt, nameEnd);
    const entry = { name, text, before: listing.before[followed++] };
    nameAt = nameEnd + 1;
    if (kind === ENTRY_KIND.file) {
      const base = files++ * FINGERPRINT_NUMBERS;
      visitor.file(entry, stats.subarray(base, base + FINGERPRINT_NUMBERS));
    } else if (kind === ENTRY_KIND.sameDirectory) {
      visitor.sameDirectory(entry, listing.subtrees[directories++] as string);
    } else visitor.directory(entry, innerAt(listing, directories++));
  }
}

function innerAt(listing: Listing, at: number): ListedInner {
  const { subtrees, devices, inner } = listing;
  return { subtree: subtrees[at], device: devices[at] ?? 0n, listing: inner[at] };
}
