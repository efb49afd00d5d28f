const FIRST_USES = 1024;

/** The uses of one pack: a list that is linked through `BlobUses`. */
interface PackUses {
  first: number;
  last: number;
}

/**
 * Which blob goes where: one use for each blob of each file, 20 bytes a use, grouped by pack in the order in which packs
 * are first needed.
 */
export class BlobUses {
  /** Entry number of the blob's copy in the index, for each use. */
  entries: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_USES);
  /** Number of the file, for each use. */
  files: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_USES);
  /** Where in the file the blob goes, in bytes, for each use. */
  offsets: Float64Array<ArrayBuffer> = new Float64Array(FIRST_USES);
  /** 1 for uses whose bytes are in their place already, so that nobody need fetch them. */
  #satisfied = new Uint8Array(FIRST_USES);
  #next = new Uint32Array(FIRST_USES);
  #count = 0;
  readonly #packs = new Map<string, PackUses>();

  /** Names of the packs that are needed, in the order of their first use. */
  get packs(): Iterable<string> {
    return this.#packs.keys();
  }

  /** Number of uses, and of the next one. */
  get length(): number {
    return this.#count;
  }

  /** Whether the bytes of a use are in their place without being fetched. */
  isSatisfied(use: number): boolean {
    return this.#satisfied[use] === 1;
  }

  setSatisfied(use: number, isSatisfied: boolean): void {
    this.#satisfied[use] = isSatisfied ? 1 : 0;
  }

  add(pack: string, entry: number, file: number, offset: number): void {
    if (this.#count === this.entries.length) this.#grow();
    const use = this.#count++;
    this.entries[use] = entry;
    this.files[use] = file;
    this.offsets[use] = offset;
    const uses = this.#packs.get(pack);
    if (uses === undefined) {
      this.#packs.set(pack, { first: use, last: use });
      return;
    }
    this.#next[uses.last] = use;
    uses.last = use;
  }

  /** Numbers of the uses of a pack's blobs that are not satisfied, in the order in which they were added. */
  ofPack(pack: string): number[] {
    const uses = this.#packs.get(pack);
    if (uses === undefined) return [];
    const found: number[] = [];
    for (let use = uses.first; ; use = this.#next[use] as number) {
      if (this.#satisfied[use] === 0) found.push(use);
      if (use === uses.last) return found;
    }
  }

  #grow(): void {
    const size = this.entries.length * 2;
    this.entries = grown(this.entries, new Uint32Array(size));
    this.files = grown(this.files, new Uint32Array(size));
    this.offsets = grown(this.offsets, new Float64Array(size));
    this.#next = grown(this.#next, new Uint32Array(size));
    this.#satisfied = grown(this.#satisfied, new Uint8Array(size));
  }
}

function grown<Numbers extends Uint8Array | Uint32Array | Float64Array>(
  old: Numbers,
  into: Numbers,
): Numbers {
  into.set(old);
  return into;
}
