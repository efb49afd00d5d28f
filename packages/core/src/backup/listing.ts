/**
 * What a look at one directory gives, in few large pieces: it travels from a worker to the main thread, where every object
 * would cost more than what it says.
 *
 * @module
 */
import { joinNulList } from "../bytes/nul-list.ts";
import type { FileStat } from "../fs/stat.ts";
import type { ParentNode } from "./parent-tree.ts";
import type { Change } from "./progress.ts";
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
  readonly change: Change;
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
  /** Names of files and directories to be followed up, each ended by NUL; and so for the following lists. */
  readonly names: Uint8Array;
  /** Their nodes in the parent snapshot. */
  readonly before: readonly (string | undefined)[];
  /** Of the directories only: their trees in the parent snapshot. */
  readonly subtrees: readonly (string | undefined)[];
  /** Of the directories only. */
  readonly devices: readonly bigint[];
  /** Of the files only: see `setFingerprint`. */
  readonly stats: Float64Array;
  /** Only directories are in the listing; everything else is as in the parent's tree. */
  readonly isPartial: boolean;
  /** True if exactly these entries are in the parent's tree; then that tree stands if nothing changes below. */
  readonly isExhausted: boolean;
  /** Files that need not be read, by how they compare with the parent, and their bytes. */
  readonly unmodified: number;
  readonly changed: number;
  readonly bytes: number;
  readonly items: readonly ListedItem[];
  readonly errors: readonly ListingError[];
}

/** Puts a listing together. */
export class ListingWriter {
  #texts: string[] = [];
  #kinds: number[] = [];
  readonly #names: Uint8Array[] = [];
  readonly #before: (string | undefined)[] = [];
  readonly #subtrees: (string | undefined)[] = [];
  readonly #devices: bigint[] = [];
  readonly #stats: FileStat[] = [];
  readonly #items: ListedItem[] = [];
  readonly #errors: ListingError[] = [];
  readonly #reportItems: boolean;
  #isUnreadable = false;
  #unmodified = 0;
  #changed = 0;
  #bytes = 0;

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

  /** A node that needs nothing more. */
  addComplete(text: string, before: ParentNode | undefined): void {
    this.#texts.push(text);
    this.#kinds.push(text === before?.text ? ENTRY_KIND.same : ENTRY_KIND.complete);
  }

  /** The same for a file whose contents are known. */
  addKnownFile(path: Uint8Array, size: number, text: string, before: ParentNode): void {
    this.addComplete(text, before);
    const change = text === before.text ? "unmodified" : "changed";
    if (change === "unmodified") this.#unmodified++;
    else this.#changed++;
    this.#bytes += size;
    if (this.#reportItems) this.#items.push({ path: path.slice(), size, change });
  }

  addFile(name: Uint8Array, stat: FileStat, text: string, before: ParentNode | undefined): void {
    this.#add(ENTRY_KIND.file, name, text, before);
    this.#stats.push(stat);
  }

  addDirectory(
    name: Uint8Array,
    stat: FileStat,
    text: string,
    before: ParentNode | undefined,
  ): void {
    this.#add(ENTRY_KIND.directory, name, text, before);
    this.#subtrees.push(before?.subtree);
    this.#devices.push(stat.deviceId);
  }

  /** `isExhausted`: exactly these entries are in the parent's tree; then with `mayOmit` those that are the same are left out. */
  finish(isExhausted: boolean, mayOmit: boolean): Listing {
    const isPartial = isExhausted && mayOmit && this.#isSame();
    if (isPartial) this.#omitSame();
    const stats = createFingerprints(this.#stats.length);
    this.#stats.forEach((stat, at) => setFingerprint(stats, at, stat));
    return {
      isUnreadable: this.#isUnreadable,
      texts: this.#texts.join(""),
      lengths: Uint32Array.from(this.#texts, (text) => text.length),
      kinds: Uint8Array.from(this.#kinds),
      names: joinNulList(this.#names),
      before: this.#before,
      subtrees: this.#subtrees,
      devices: this.#devices,
      stats,
      isPartial,
      isExhausted,
      unmodified: this.#unmodified,
      changed: this.#changed,
      bytes: this.#bytes,
      items: this.#items,
      errors: this.#errors,
    };
  }

  /** No entry differs, as far as can be told without looking into the directories. */
  #isSame(): boolean {
    let followed = 0;
    return this.#kinds.every((kind, at) => {
      if (kind === ENTRY_KIND.same) return true;
      if (kind !== ENTRY_KIND.directory) return false;
      return this.#before[followed++]?.startsWith(this.#texts[at] as string) === true;
    });
  }

  #omitSame(): void {
    this.#texts = this.#texts.filter((_, at) => this.#kinds[at] === ENTRY_KIND.directory);
    this.#kinds = this.#kinds.filter((kind) => kind === ENTRY_KIND.directory);
  }

  #add(kind: number, name: Uint8Array, text: string, before: ParentNode | undefined): void {
    this.#texts.push(text);
    this.#kinds.push(kind);
    this.#names.push(name);
    this.#before.push(before?.text);
  }
}

/** One entry of a listing that has to be followed up. */
export interface FollowUp {
  readonly name: Uint8Array;
  readonly text: string;
  readonly before: string | undefined;
}

/** What a reader of a listing does with its entries, in their order. */
export interface ListingVisitor {
  complete(text: string, isSame: boolean): void;
  file(entry: FollowUp, fingerprint: Float64Array): void;
  directory(entry: FollowUp, subtree: string | undefined, device: bigint): void;
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
    const entry = { name: names.slice(nameAt, nameEnd), text, before: listing.before[followed++] };
    nameAt = nameEnd + 1;
    if (kind === ENTRY_KIND.file) {
      const base = files++ * FINGERPRINT_NUMBERS;
      visitor.file(entry, stats.slice(base, base + FINGERPRINT_NUMBERS));
    } else {
      visitor.directory(entry, listing.subtrees[directories], listing.devices[directories] ?? 0n);
      directories++;
    }
  }
}
