import type { ExtendedAttribute } from "../format/node.ts";
import { ENTRY, ENTRY_NUMBERS, type DirectoryTable, type EntryTable } from "./entry-table.ts";

/** Some entries, as they travel to a worker. */
export interface EntryBatch {
  /** `ENTRY_NUMBERS` for each; the directory is a number in `directories`. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Names, each ended by NUL. */
  readonly names: Uint8Array<ArrayBuffer>;
  /** Paths of directories from the target, each ended by NUL. */
  readonly directories: Uint8Array<ArrayBuffer>;
  /** Of the entries that have some, by their numbers in the batch. */
  readonly attributes: ReadonlyMap<number, readonly ExtendedAttribute[]>;
  /** Of the entries that have one, by their numbers in the batch. */
  readonly temporaryNames: ReadonlyMap<number, Uint8Array>;
}

/** The batch of the entries `chosen` of a table, in that order. */
export function makeBatch(
  table: EntryTable,
  directories: DirectoryTable,
  chosen: readonly number[],
): EntryBatch {
  const numbers = new Float64Array(chosen.length * ENTRY_NUMBERS);
  const paths = new Texts();
  const names = new Texts();
  const known = new Map<number, number>();
  const attributes = new Map<number, readonly ExtendedAttribute[]>();
  const temporaryNames = new Map<number, Uint8Array>();
  chosen.forEach((entry, at) => {
    const from = entry * ENTRY_NUMBERS;
    const base = at * ENTRY_NUMBERS;
    for (let i = 0; i < ENTRY_NUMBERS; i++) numbers[base + i] = table.numbers[from + i] as number;
    const directory = table.directory(entry);
    let local = known.get(directory);
    if (local === undefined) {
      known.set(directory, (local = known.size));
      paths.add(directories.path(directory));
    }
    numbers[base + ENTRY.directory] = local;
    names.add(table.name(entry));
    const own = table.attributes.get(entry);
    if (own !== undefined) attributes.set(at, own);
    const temporary = table.temporaryNames.get(entry);
    if (temporary !== undefined) temporaryNames.set(at, temporary);
  });
  return { numbers, names: names.bytes(), directories: paths.bytes(), attributes, temporaryNames };
}

class Texts {
  #bytes = new Uint8Array(1 << 12);
  #length = 0;

  add(text: Uint8Array): void {
    const end = this.#length + text.length + 1;
    if (end > this.#bytes.length) {
      const bytes = new Uint8Array(end * 2);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    this.#bytes.set(text, this.#length);
    this.#length = end;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}
