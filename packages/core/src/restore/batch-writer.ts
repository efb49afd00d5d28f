import { splitNulList } from "../bytes/nul-list.ts";
import { writePastCache } from "../fs/direct-write.ts";
import { closeFile, setLength } from "../fs/write-file.ts";
import type { ExtendedAttribute } from "../format/node.ts";
import type { EntryMetadata } from "../fs/metadata.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import { describeFailure } from "./describe-failure.ts";
import type { EntryBatch } from "./entry-batch.ts";
import { ENTRY, ENTRY_NUMBERS, metadataAt } from "./entry-table.ts";
import type { RestoreFailure } from "./protocol.ts";

const ZEROS = Buffer.alloc(1 << 16);

/** Makes the entries of one batch, in a worker. What cannot be done to one entry is noted in `failures`. */
export class BatchWriter {
  readonly failures: RestoreFailure[] = [];
  readonly #root: RootedDirectory;
  readonly #numbers: Float64Array;
  readonly #names: readonly Uint8Array[];
  readonly #directories: readonly Uint8Array[];
  readonly #attributes: EntryBatch["attributes"];
  readonly #sparse: boolean;

  /** With `sparse`, blobs of zeros become holes. */
  constructor(root: RootedDirectory, batch: EntryBatch, sparse: boolean) {
    this.#root = root;
    this.#numbers = batch.numbers;
    this.#names = splitNulList(batch.names);
    this.#directories = splitNulList(batch.directories);
    this.#attributes = batch.attributes;
    this.#sparse = sparse;
  }

  /** Do something for each entry. */
  forEach(run: (entry: number) => void): void {
    for (let entry = 0; entry < this.#names.length; entry++) run(entry);
  }

  /** Create a file, write all that it holds and give it its metadata. A file that cannot be written is removed. */
  writeWhole(entry: number, bytes: Uint8Array): void {
    this.#attempt(entry, "file", () => {
      const [directory, name] = [this.#directory(entry), this.#name(entry)];
      const fd = this.#root.createFile(directory, name);
      try {
        try {
          if (!this.#isHole(bytes)) writePastCache(fd, bytes, 0);
          else setLength(fd, bytes.length);
          this.#finishFile(entry, fd);
        } finally {
          closeFile(fd);
        }
      } catch (error) {
        this.#root.unlink(directory, name);
        throw error;
      }
    });
  }

  /** Write a part of a file that exists. */
  writePart(entry: number, bytes: Uint8Array, offset: number): void {
    if (this.#isHole(bytes)) return;
    this.#attempt(entry, "file", () =>
      this.#withFile(entry, (fd) => writePastCache(fd, bytes, offset)),
    );
  }

  /** Give a file whose parts have been written its length, which ends in a hole or not, and its metadata. */
  finishParts(entry: number): void {
    const size = this.#numbers[entry * ENTRY_NUMBERS + ENTRY.size] as number;
    this.#attempt(entry, "file", () =>
      this.#withFile(entry, (fd) => {
        if (this.#sparse) setLength(fd, size);
        this.#finishFile(entry, fd);
      }),
    );
  }

  finishDirectory(entry: number): void {
    // It may have been there before, so that it has attributes which it should not.
    const metadata = { attributes: [], ...this.#metadata(entry) };
    this.#setMetadata(entry, () =>
      this.#root.setMetadata(this.#directory(entry), this.#name(entry), metadata, {
        isSymlink: false,
      }),
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
    const fd = this.#root.openForWrite(this.#directory(entry), this.#name(entry));
    try {
      use(fd);
    } finally {
      closeFile(fd);
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

  #directory(entry: number): Uint8Array {
    const number = this.#numbers[entry * ENTRY_NUMBERS + ENTRY.directory] as number;
    return this.#directories[number] as Uint8Array;
  }

  #isGivenAcl(entry: number): boolean {
    return this.#root.givesAcl && this.#directory(entry).length === 0;
  }

  #metadata(entry: number): EntryMetadata {
    const metadata = metadataAt(this.#numbers, entry);
    // A file that was just created has none unless they are given: no call is spent on it.
    const attributes: readonly ExtendedAttribute[] | undefined =
      this.#attributes.get(entry) ?? (this.#isGivenAcl(entry) ? [] : undefined);
    return attributes === undefined ? metadata : { ...metadata, attributes };
  }
}
