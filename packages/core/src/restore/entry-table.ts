import { joinPath } from "../fs/path.ts";
import type { EntryMetadata } from "../fs/metadata.ts";
import { unixMode } from "../fs/mode.ts";
import { recordedFlags } from "../fs/own-attributes.ts";
import type { ExtendedAttribute, Node } from "../format/node.ts";
import { parseTime, type Timestamp } from "../format/time.ts";

/** Numbers that one entry takes in `EntryTable.numbers` and in a task for a worker. */
export const ENTRY_NUMBERS = 12;
/** Where each number of an entry is, from the entry's first. Times are seconds, and nanoseconds below a billion. */
export const ENTRY = {
  /** Number of the directory that the entry is in. */
  directory: 0,
  /** Permissions with setuid, setgid and sticky, as `chmod` takes them. */
  mode: 1,
  uid: 2,
  gid: 3,
  mtimeSeconds: 4,
  mtimeNanoseconds: 5,
  atimeSeconds: 6,
  atimeNanoseconds: 7,
  /** Length in bytes; of directories 0. */
  size: 8,
  /** Of a file: how many blobs its contents are, and the number of the first one's use. */
  blobs: 9,
  firstUse: 10,
  /** One of `STANDING`. */
  standing: 11,
} as const;

/** What a restore does about a file that may be there already. */
export const STANDING = {
  /** Nothing that could be used stands there. */
  fresh: 0,
  /** A file stands there, and is replaced at once when the new one is whole. */
  replaced: 1,
  /** A file stands there, and what differs is written into it. */
  updated: 2,
  /** The contents are there: only metadata is to be set, or has been. */
  same: 3,
  /** The user wants it left alone. */
  kept: 4,
  /** Parts of it stand under its temporary name, since an earlier restore was interrupted. */
  continued: 5,
  /** The contents are there, in a file that has all the names which the restore gives to it, and no others. */
  shared: 6,
} as const;

/** One of `STANDING`. */
export type Standing = (typeof STANDING)[keyof typeof STANDING];

/** Whether a file with this standing takes the place of another one, or changes it. */
export function isUpdate(standing: Standing): boolean {
  return standing === STANDING.replaced || standing === STANDING.updated;
}

/** Whether a file with this standing keeps its contents, and only gets its metadata. */
export function isSame(standing: Standing): boolean {
  return standing === STANDING.same || standing === STANDING.shared;
}

const FIRST_ENTRIES = 256;

/**
 * Names and metadata of many entries in a few arrays: about 130 bytes an entry, because a restore has to remember them all
 * until their contents have come.
 */
export class EntryTable {
  /** Of the entries that have some, by their numbers. They are rare. */
  readonly attributes: Map<number, readonly ExtendedAttribute[]> = new Map();
  /** Inode flags of the entries that have some, by their numbers. */
  readonly flags: Map<number, number> = new Map();
  /** Names that files have until they are whole, and then replace what stands in their place. */
  readonly temporaryNames: Map<number, Uint8Array> = new Map();
  numbers: Float64Array<ArrayBuffer> = new Float64Array(FIRST_ENTRIES * ENTRY_NUMBERS);
  #names = new Uint8Array(FIRST_ENTRIES * 32);
  #nameEnds = new Float64Array(FIRST_ENTRIES);
  #count = 0;
  #lastTime = { text: "", time: parseTime("1970-01-01T00:00:00Z") };

  get length(): number {
    return this.#count;
  }

  /** Note an entry and return its number, counted from 0. */
  add(directory: number, node: Node, size: number): number {
    const number = this.addName(directory, node.name);
    const mtime = this.#parse(node.mtime);
    const base = number * ENTRY_NUMBERS;
    const { numbers } = this;
    numbers[base + ENTRY.mode] = unixMode(node.mode) & 0o7777;
    numbers[base + ENTRY.uid] = node.uid;
    numbers[base + ENTRY.gid] = node.gid;
    numbers[base + ENTRY.mtimeSeconds] = mtime.seconds;
    numbers[base + ENTRY.mtimeNanoseconds] = mtime.nanoseconds;
    const atime = this.#parse(node.atime);
    numbers[base + ENTRY.atimeSeconds] = atime.seconds;
    numbers[base + ENTRY.atimeNanoseconds] = atime.nanoseconds;
    numbers[base + ENTRY.size] = size;
    if (node.extendedAttributes.length > 0) this.attributes.set(number, node.extendedAttributes);
    const flags = recordedFlags(node.genericAttributes);
    if (flags !== 0) this.flags.set(number, flags);
    return number;
  }

  /** Note an entry of which only the name is known; all its other numbers are 0. */
  addName(directory: number, name: Uint8Array): number {
    const number = this.#count++;
    const start = this.#nameStart(number);
    if (number >= this.#nameEnds.length) this.#growEntries();
    if (start + name.length > this.#names.length) this.#growNames(start + name.length);
    this.#names.set(name, start);
    this.#nameEnds[number] = start + name.length;
    this.numbers[number * ENTRY_NUMBERS + ENTRY.directory] = directory;
    return number;
  }

  /** A view, good until the next entry is added. */
  name(number: number): Uint8Array {
    return this.#names.subarray(this.#nameStart(number), this.#nameEnds[number]);
  }

  /** The name under which an entry is on the disk by now. */
  nameOnDisk(number: number): Uint8Array {
    return this.temporaryNames.get(number) ?? this.name(number);
  }

  /** The directory that an entry is in. */
  directory(number: number): number {
    return this.numbers[number * ENTRY_NUMBERS + ENTRY.directory] as number;
  }

  /** Length of a file in bytes. */
  size(number: number): number {
    return this.numbers[number * ENTRY_NUMBERS + ENTRY.size] as number;
  }

  /** What is done about a file that may be there already. */
  standing(number: number): Standing {
    return this.numbers[number * ENTRY_NUMBERS + ENTRY.standing] as Standing;
  }

  setStanding(number: number, standing: Standing): void {
    this.numbers[number * ENTRY_NUMBERS + ENTRY.standing] = standing;
  }

  /** The uses in `BlobUses` that a file's contents are: from `first`, before `end`. */
  usesOf(number: number): { readonly first: number; readonly end: number } {
    const first = this.numbers[number * ENTRY_NUMBERS + ENTRY.firstUse] as number;
    return { first, end: first + (this.numbers[number * ENTRY_NUMBERS + ENTRY.blobs] as number) };
  }

  setUses(number: number, first: number, blobs: number): void {
    this.numbers[number * ENTRY_NUMBERS + ENTRY.firstUse] = first;
    this.numbers[number * ENTRY_NUMBERS + ENTRY.blobs] = blobs;
  }

  #nameStart(number: number): number {
    return number === 0 ? 0 : (this.#nameEnds[number - 1] as number);
  }

  #parse(text: string): Timestamp {
    if (text !== this.#lastTime.text) this.#lastTime = { text, time: parseTime(text) };
    return this.#lastTime.time;
  }

  #growEntries(): void {
    const numbers = new Float64Array(this.numbers.length * 2);
    numbers.set(this.numbers);
    this.numbers = numbers;
    const ends = new Float64Array(this.#nameEnds.length * 2);
    ends.set(this.#nameEnds);
    this.#nameEnds = ends;
  }

  #growNames(least: number): void {
    const names = new Uint8Array(Math.max(least, this.#names.length * 2));
    names.set(this.#names);
    this.#names = names;
  }
}

/** The metadata of an entry, from the numbers of a table or batch. */
export function metadataAt(numbers: Float64Array, entry: number): EntryMetadata {
  const at = (field: number): number => numbers[entry * ENTRY_NUMBERS + field] as number;
  return {
    mode: at(ENTRY.mode),
    uid: at(ENTRY.uid),
    gid: at(ENTRY.gid),
    mtime: { seconds: at(ENTRY.mtimeSeconds), nanoseconds: at(ENTRY.mtimeNanoseconds) },
    atime: { seconds: at(ENTRY.atimeSeconds), nanoseconds: at(ENTRY.atimeNanoseconds) },
  };
}

/** The directories of a restore. Number 0 is the target, which has no name. */
export class DirectoryTable extends EntryTable {
  constructor() {
    super();
    this.addName(0, new Uint8Array(0));
  }

  /** Path from the target, names with a slash between; empty for the target. */
  path(number: number): Uint8Array {
    if (number === 0) return new Uint8Array(0);
    return joinPath(this.path(this.directory(number)), this.name(number));
  }

  /** How many names the path has. */
  depth(number: number): number {
    let depth = 0;
    for (let at = number; at !== 0; at = this.directory(at)) depth++;
    return depth;
  }
}
