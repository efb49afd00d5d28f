import { splitNulList } from "../bytes/nul-list.ts";
import { writePastCache } from "../fs/direct-write.ts";
import { closeFile, narrowMode, setLength, writeDifferences } from "../fs/write-file.ts";
import type { ExtendedAttribute } from "../format/node.ts";
import type { EntryMetadata } from "../fs/metadata.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import { isSystemError } from "../fs/system-error.ts";
import { describeFailure } from "./describe-failure.ts";
import type { EntryBatch } from "./entry-batch.ts";
import { copyRanges } from "../fs/copy-ranges.ts";
import {
  ENTRY,
  ENTRY_NUMBERS,
  isSame,
  metadataAt,
  STANDING,
  type Standing,
} from "./entry-table.ts";
import type { RestoreFailure } from "./protocol.ts";
import { temporaryName } from "./temporary-names.ts";

const ZEROS = Buffer.alloc(1 << 16);

/** Makes the entries of one batch, in a worker. What cannot be done to one entry is noted in `failures`. */
export class BatchWriter {
  readonly failures: RestoreFailure[] = [];
  readonly #root: RootedDirectory;
  readonly #numbers: Float64Array;
  readonly #names: readonly Uint8Array[];
  readonly #directories: readonly Uint8Array[];
  readonly #attributes: EntryBatch["attributes"];
  readonly #temporaryNames: EntryBatch["temporaryNames"];
  readonly #sparse: boolean;

  /** With `sparse`, blobs of zeros become holes. */
  constructor(root: RootedDirectory, batch: EntryBatch, sparse: boolean) {
    this.#root = root;
    this.#numbers = batch.numbers;
    this.#names = splitNulList(batch.names);
    this.#directories = splitNulList(batch.directories);
    this.#attributes = batch.attributes;
    this.#temporaryNames = batch.temporaryNames;
    this.#sparse = sparse;
  }

  /** Do something for each entry. */
  forEach(run: (entry: number) => void): void {
    for (let entry = 0; entry < this.#names.length; entry++) run(entry);
  }

  /**
   * Create a file, write all that it holds and give it its metadata. A file that cannot be written is removed. One that stands in
   * its place is replaced when the new one is whole, but before if the disk has no room for both.
   */
  writeWhole(entry: number, bytes: Uint8Array): void {
    const [directory, name] = [this.#directory(entry), this.#name(entry)];
    this.#attempt(entry, "file", () => {
      if (this.#standing(entry) !== STANDING.replaced) return this.#create(entry, name, bytes);
      const temporary = temporaryName();
      try {
        this.#create(entry, temporary, bytes);
        this.#root.rename(directory, temporary, name);
      } catch (error) {
        this.#root.unlink(directory, temporary);
        if (!isDiskFull(error)) throw error;
        this.#create(entry, name, bytes);
      }
    });
  }

  #create(entry: number, name: Uint8Array, bytes: Uint8Array): void {
    const directory = this.#directory(entry);
    const metadata = this.#metadata(entry);
    const fd = this.#root.createFile(directory, name, metadata);
    try {
      try {
        if (!this.#isHole(bytes)) writePastCache(fd, bytes, 0);
        else setLength(fd, bytes.length);
        this.#setMetadata(entry, () => this.#root.finishFile(fd, metadata));
      } finally {
        this.#root.closeCreated(fd);
      }
    } catch (error) {
      this.#root.unlink(directory, name);
      throw error;
    }
  }

  /**
   * Make a file that stands there ready for its parts: begin another one with what can be kept of it, or see that it can be
   * written to, and that nobody can read what it gets but who could read both what it was and what it will be.
   */
  prepareParts(entry: number, kept: Float64Array): void {
    this.#attempt(entry, "file", () => {
      if (this.#isInPlace(entry)) return this.#narrow(entry);
      const directory = this.#directory(entry);
      const fd = this.#root.createFile(directory, this.#diskName(entry));
      try {
        this.#copyKept(entry, fd, kept);
      } finally {
        this.#root.closeCreated(fd);
      }
    });
  }

  #narrow(entry: number): void {
    try {
      this.#withFile(entry, (fd) => narrowMode(fd, this.#metadata(entry).mode));
    } catch (error) {
      if (!isSystemError(error) || error.code !== "ETXTBSY") throw error;
      this.failures.push({ of: "busy", at: entry, message: "a program runs from it" });
    }
  }

  #copyKept(entry: number, fd: number, kept: Float64Array): void {
    const old = this.#root.openForRead(this.#directory(entry), this.#name(entry));
    try {
      copyRanges(old, fd, kept, (bytes) => !this.#isHole(bytes));
    } finally {
      closeFile(old);
    }
  }

  /** Write a part of a file that exists. */
  writePart(entry: number, bytes: Uint8Array, offset: number): void {
    const isInPlace = this.#isInPlace(entry);
    if (!isInPlace && this.#isHole(bytes)) return;
    const write = isInPlace ? writeDifferences : writePastCache;
    this.#attempt(entry, "file", () => this.#withFile(entry, (fd) => write(fd, bytes, offset)));
  }

  /**
   * Give a file whose parts have been written its length, which ends in a hole or not, and its metadata, and put it in the place of
   * what stands there.
   */
  finishParts(entry: number): void {
    const size = this.#numbers[entry * ENTRY_NUMBERS + ENTRY.size] as number;
    const standing = this.#standing(entry);
    this.#attempt(entry, "file", () => {
      this.#withFile(entry, (fd) => {
        const mayDiffer = this.#sparse || this.#isInPlace(entry);
        if (mayDiffer && !isSame(standing)) setLength(fd, size);
        this.#finishFile(entry, fd);
      });
      if (!this.#temporaryNames.has(entry)) return;
      this.#root.rename(this.#directory(entry), this.#diskName(entry), this.#name(entry));
    });
  }

  /** Give a file that is open, and was there before, its metadata. */
  finishOpen(entry: number, fd: number): void {
    const metadata = { attributes: [], ...this.#metadata(entry) };
    this.#setMetadata(entry, () => this.#root.finishFile(fd, metadata));
  }

  finishDirectory(entry: number): void {
    const metadata = this.#metadata(entry);
    // It may have been there before, so that it has attributes which it should not.
    const all = this.#root.makesMissing ? metadata : { attributes: [], ...metadata };
    this.#setMetadata(entry, () =>
      this.#root.finishDirectory(this.#directory(entry), this.#name(entry), all),
    );
  }

  #finishFile(entry: number, fd: number): void {
    this.#setMetadata(entry, () => this.#root.finishFile(fd, this.#metadata(entry)));
  }

  #setMetadata(entry: number, set: () => number): void {
    this.#attempt(entry, "metadata", () => {
      const refused = set();
      if (refused !== 0) this.failures.push({ of: "refused", at: entry, message: "", refused });
    });
  }

  #withFile(entry: number, use: (fd: number) => void): void {
    const fd = this.#open(entry);
    try {
      use(fd);
    } finally {
      closeFile(fd);
    }
  }

  #open(entry: number): number {
    const [directory, name] = [this.#directory(entry), this.#diskName(entry)];
    switch (this.#standing(entry)) {
      case STANDING.same:
        return this.#root.openForFinish(directory, name);
      case STANDING.shared:
        return this.#root.openForRead(directory, name);
      case STANDING.updated:
      case STANDING.continued:
        return this.#root.openForUpdate(directory, name);
      default:
        return this.#root.openForWrite(directory, name);
    }
  }

  #attempt(entry: number, of: "file" | "metadata", run: () => void): void {
    try {
      run();
    } catch (error) {
      this.failures.push({ of, at: entry, message: describeFailure(error) });
    }
  }

  #isHole(bytes: Uint8Array): boolean {
    if (!this.#sparse) return false;
    for (let at = 0; at < bytes.length; at += ZEROS.length) {
      const part = bytes.subarray(at, at + ZEROS.length);
      if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
    }
    return true;
  }

  #name(entry: number): Uint8Array {
    return this.#names[entry] as Uint8Array;
  }

  /** What is written goes into a file that was there before. */
  #isInPlace(entry: number): boolean {
    const standing = this.#standing(entry);
    return standing === STANDING.updated || standing === STANDING.continued;
  }

  /** Where the entry is written. */
  #diskName(entry: number): Uint8Array {
    return this.#temporaryNames.get(entry) ?? this.#name(entry);
  }

  #standing(entry: number): Standing {
    return this.#numbers[entry * ENTRY_NUMBERS + ENTRY.standing] as Standing;
  }

  #directory(entry: number): Uint8Array {
    const number = this.#numbers[entry * ENTRY_NUMBERS + ENTRY.directory] as number;
    return this.#directories[number] as Uint8Array;
  }

  #mayHaveAttributes(entry: number): boolean {
    if (isSame(this.#standing(entry)) || this.#isInPlace(entry)) return true;
    return this.#root.givesAcl && this.#directory(entry).length === 0;
  }

  #metadata(entry: number): EntryMetadata {
    const metadata = metadataAt(this.#numbers, entry);
    // A file that was just created has none unless they are given: no call is spent on it.
    const attributes: readonly ExtendedAttribute[] | undefined =
      this.#attributes.get(entry) ?? (this.#mayHaveAttributes(entry) ? [] : undefined);
    return attributes === undefined ? metadata : { ...metadata, attributes };
  }
}

function isDiskFull(error: unknown): boolean {
  return isSystemError(error) && error.code === "ENOSPC";
}
