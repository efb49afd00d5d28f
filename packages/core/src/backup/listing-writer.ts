import { NulListWriter } from "../bytes/nul-list.ts";
import type { FileStat } from "../fs/stat.ts";
import {
  ENTRY_KIND,
  isWhollySame,
  type ListedItem,
  type Listing,
  type ListingError,
} from "./listing.ts";
import type { ParentNode } from "./parent-tree.ts";
import { createFingerprints, FINGERPRINT_NUMBERS, setFingerprint } from "./protocol.ts";

/** The parts of a listing that grow with its entries. */
type ListedEntries = Pick<
  Listing,
  "texts" | "lengths" | "kinds" | "names" | "before" | "subtrees" | "devices" | "inner"
>;

const NO_ENTRIES: ListedEntries = {
  texts: [],
  lengths: new Uint32Array(0),
  kinds: new Uint8Array(0),
  names: new Uint8Array(0),
  before: [],
  subtrees: [],
  devices: [],
  inner: [],
};

/** In characters. What is short in a large directory must not all be kept, object by object, until the last entry has been seen. */
const PIECE_LENGTH = 32 << 10;
/** Fingerprints that there is room for at first. */
const FIRST_FILES = 16;

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
  /** Pieces, and from `#pieces` on the texts of single entries. */
  #texts: string[] = [];
  #pieces = 0;
  #openLength = 0;
  #lengths: number[] = [];
  #kinds: number[] = [];
  /** Some entry differs from the parent's, as far as can be told without looking into the directories. */
  #isChanged = false;
  readonly #names = new NulListWriter();
  readonly #before: (string | undefined)[] = [];
  readonly #subtrees: (string | undefined)[] = [];
  readonly #devices: bigint[] = [];
  readonly #inner: (Listing | undefined)[] = [];
  #stats = createFingerprints(FIRST_FILES);
  #files = 0;
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
    const isSame = text === before?.text;
    this.#addText(isSame ? ENTRY_KIND.same : ENTRY_KIND.complete, text, !isSame);
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
    this.#addFingerprint(stat);
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
    const isPartial = isExhausted && mayOmit && !this.#isChanged;
    // A tree made of it would lack the files.
    if (this.#hasOmitted && !isPartial) throw new Error("Only a partial listing may omit files");
    if (isPartial) this.#omitSame();
    // Then nothing is left to be said of the directories, either.
    const isWhole = isPartial && this.#kinds.every((kind) => kind === ENTRY_KIND.sameDirectory);
    return {
      isUnreadable: this.#isUnreadable,
      ...(isWhole ? NO_ENTRIES : this.#entries()),
      stats: this.#stats.slice(0, this.#files * FINGERPRINT_NUMBERS),
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
    this.#closePiece();
    return {
      texts: this.#texts,
      lengths: Uint32Array.from(this.#lengths),
      kinds: Uint8Array.from(this.#kinds),
      names: this.#names.list(),
      before: this.#before,
      subtrees: this.#subtrees,
      devices: this.#devices,
      inner: this.#inner,
    };
  }

  /** Only where nothing is changed, so that no piece has been closed. */
  #omitSame(): void {
    this.#texts = this.#texts.filter((_, at) => this.#kinds[at] !== ENTRY_KIND.same);
    this.#lengths = this.#texts.map((text) => text.length);
    this.#kinds = this.#kinds.filter((kind) => kind !== ENTRY_KIND.same);
  }

  #add(kind: number, name: Uint8Array, text: string, before: string | undefined): void {
    const isSame =
      kind === ENTRY_KIND.sameDirectory ||
      (kind === ENTRY_KIND.directory && before?.startsWith(`${text}"content"`) === true);
    this.#addText(kind, text, !isSame);
    this.#names.push(name);
    this.#before.push(before);
  }

  #addText(kind: number, text: string, isChanged: boolean): void {
    this.#texts.push(flat(text));
    this.#lengths.push(text.length);
    this.#kinds.push(kind);
    this.#openLength += text.length;
    if (isChanged) this.#isChanged = true;
    if (this.#isChanged && this.#openLength >= PIECE_LENGTH) this.#closePiece();
  }

  #addFingerprint(stat: FileStat): void {
    if (this.#files * FINGERPRINT_NUMBERS === this.#stats.length) {
      const grown = createFingerprints(2 * this.#files);
      grown.set(this.#stats);
      this.#stats = grown;
    }
    setFingerprint(this.#stats, this.#files++, stat);
  }

  #closePiece(): void {
    const texts = this.#texts.splice(this.#pieces);
    if (texts.length > 0) this.#texts.push(texts.join(""));
    this.#pieces = this.#texts.length;
    this.#openLength = 0;
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
