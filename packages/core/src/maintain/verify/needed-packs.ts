import { fromHex } from "../../bytes/hex.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";

/** Which packs some snapshots need: all copies of their trees and of the contents of their files. */
export class NeededPacks {
  readonly #index: BlobIndex;
  readonly #isNeeded: Uint8Array;
  /** By entry of a tree: 1 if it was asked for. */
  readonly #isAsked: Uint8Array;

  constructor(index: BlobIndex) {
    this.#index = index;
    this.#isNeeded = new Uint8Array(index.packs.length);
    this.#isAsked = new Uint8Array(index.size);
  }

  /** Note trees, by their first copies, and give those that are new. */
  addTrees(trees: Iterable<number>): number[] {
    const added: number[] = [];
    for (const tree of trees) {
      if (this.#isAsked[tree] === 1) continue;
      this.#isAsked[tree] = 1;
      added.push(tree);
    }
    return added;
  }

  /** The entries of all copies of trees, whose packs are needed. */
  copiesOf(trees: readonly number[]): number[] {
    const copies = trees.flatMap((tree) =>
      this.#index.findAll("tree", fromHex(this.#index.idAt(tree))),
    );
    this.addPacks(copies.map((copy) => this.#index.packNumberAt(copy)));
    return copies;
  }

  /** By their numbers. */
  addPacks(packs: Iterable<number>): void {
    for (const pack of packs) this.#isNeeded[pack] = 1;
  }

  has(pack: number): boolean {
    return this.#isNeeded[pack] === 1;
  }
}
