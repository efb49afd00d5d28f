import { joinTree } from "../format/tree.ts";

/** How the tree of a directory came out. */
export type BuiltTree =
  | { readonly kind: "same"; readonly id: string }
  /** `bytes` encodes the tree. */
  | { readonly kind: "new"; readonly bytes: () => Uint8Array };

/**
 * The tree of one directory while its entries come in. Entries take their places in ascending order of
 * names; contents may arrive in any order. When the last place is filled after `close`, the tree is handed over.
 */
export class TreeBuilder {
  readonly #onBuilt: (tree: BuiltTree) => void;
  readonly #texts: (string | undefined)[] = [];
  #missing = 0;
  #isClosed = false;
  #isChanged = false;
  #sameAs: string | undefined;

  /** `onBuilt` is called once, from `close` or from the last `fill`. */
  constructor(onBuilt: (tree: BuiltTree) => void) {
    this.#onBuilt = onBuilt;
  }

  /** Add a node that is complete. `before` is its text in the parent snapshot. */
  add(text: string, before: string | undefined): void {
    this.#texts.push(text);
    if (text !== before) this.#isChanged = true;
  }

  /** Keep a place for a node whose contents are still to come, to be filled once. */
  reserve(): number {
    this.#missing++;
    return this.#texts.push(undefined) - 1;
  }

  /** Fill a reserved place; without a text the entry is left out of the tree. */
  fill(place: number, text: string | undefined, before: string | undefined): void {
    this.#texts[place] = text;
    if (text === undefined || text !== before) this.#isChanged = true;
    this.#missing--;
    this.#finishIfComplete();
  }

  /** No more entries come. `sameAs` is the id of the old tree if exactly its entries were met. */
  close(sameAs: string | undefined): void {
    this.#isClosed = true;
    this.#sameAs = sameAs;
    this.#finishIfComplete();
  }

  #finishIfComplete(): void {
    if (!this.#isClosed || this.#missing > 0) return;
    if (this.#sameAs !== undefined && !this.#isChanged) {
      this.#onBuilt({ kind: "same", id: this.#sameAs });
      return;
    }
    const texts = this.#texts.filter((text) => text !== undefined);
    this.#onBuilt({ kind: "new", bytes: () => joinTree(texts) });
  }
}
