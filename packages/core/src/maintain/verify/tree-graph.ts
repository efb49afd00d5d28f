/** Trees of the snapshots as numbers of index entries: 4 bytes a reference, so that millions of trees fit. */
export class TreeGraph {
  /** Place of a tree's references in `#edges`, plus one; 0 for a tree that nobody could read. */
  readonly #heads: Float64Array;
  #edges = new Uint32Array(1 << 12);
  #used = 0;

  /** `entries` is the number of entries in the index. */
  constructor(entries: number) {
    this.#heads = new Float64Array(entries);
  }

  /** Take trees that were read: for each its entry, the number of its subtrees, and their entries. */
  add(trees: Uint32Array): void {
    for (let at = 0; at < trees.length;) {
      const tree = trees[at] as number;
      const size = (trees[at + 1] as number) + 1;
      // Another copy of the same tree has the same subtrees.
      if (this.#heads[tree] === 0) {
        this.#heads[tree] = this.#used + 1;
        this.#append(trees.subarray(at + 1, at + 1 + size));
      }
      at += 1 + size;
    }
  }

  /** True if the tree could be read. */
  has(tree: number): boolean {
    return this.#heads[tree] !== 0;
  }

  /** Entries of the subtrees, in the order of the tree; a view. */
  subtreesOf(tree: number): Uint32Array {
    const head = (this.#heads[tree] as number) - 1;
    if (head < 0) return new Uint32Array(0);
    return this.#edges.subarray(head + 1, head + 1 + (this.#edges[head] as number));
  }

  /** Every tree that can be reached from `roots`, each once, with those that could not be read. */
  reach(roots: readonly number[]): Uint32Array {
    const isSeen = new Uint8Array(this.#heads.length);
    let found = new Uint32Array(1 << 12);
    let count = 0;
    const visit = (tree: number): void => {
      if (isSeen[tree] === 1) return;
      isSeen[tree] = 1;
      if (count === found.length) found = grown(found, count * 2);
      found[count++] = tree;
    };
    for (const root of roots) visit(root);
    for (let at = 0; at < count; at++) {
      for (const subtree of this.subtreesOf(found[at] as number)) visit(subtree);
    }
    return found.subarray(0, count);
  }

  #append(numbers: Uint32Array): void {
    const needed = this.#used + numbers.length;
    if (needed > this.#edges.length) this.#edges = grown(this.#edges, needed * 2);
    this.#edges.set(numbers, this.#used);
    this.#used = needed;
  }
}

function grown(array: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(array);
  return larger;
}
