import { fromHex, toHex } from "../../bytes/hex.ts";
import type { BlobType } from "../../format/blob-type.ts";
import { scanLinks } from "../../format/tree-links.ts";
import { decodeTree } from "../../format/tree.ts";
import type { SharedIndexView } from "../../repository/shared-index.ts";
import type { BlobMarks } from "./blob-marks.ts";

/** A blob that a tree refers to and the index does not know. */
export interface MissingBlob {
  readonly type: BlobType;
  readonly id: string;
}

/** Is told what was found in a tree. */
export interface MarkSink {
  /** Nobody marked this tree before, so it is to be read. */
  readonly tree: (entry: number) => void;
  /** Somebody marked this tree before. */
  readonly knownTree?: (entry: number) => void;
  /** Nobody marked this blob of data before. */
  readonly data?: (entry: number) => void;
  readonly missing: (blob: MissingBlob) => void;
}

/** Marks what trees refer to. For one thread; many may mark at once. */
export class TreeMarker {
  readonly #index: SharedIndexView;
  readonly #marks: BlobMarks;
  readonly #sink: MarkSink;

  constructor(index: SharedIndexView, marks: BlobMarks, sink: MarkSink) {
    this.#index = index;
    this.#marks = marks;
    this.#sink = sink;
  }

  /** Mark a root. */
  root(id: string): void {
    const missing: MissingBlob[] = [];
    this.#note("tree", fromHex(id), missing);
    for (const blob of missing) this.#sink.missing(blob);
  }

  /** @throws {TsbakError} `corrupt` if the bytes are no tree. */
  mark(plain: Uint8Array): void {
    const missing: MissingBlob[] = [];
    const isSound = scanLinks(plain, {
      content: (id) => this.#note("data", id, missing),
      subtree: (id) => this.#note("tree", id, missing),
    });
    if (!isSound) {
      // What was marked on the way is kept, at worst, though nobody needs it. What is missing must be certain.
      missing.length = 0;
      this.#markNodes(plain, missing);
    }
    for (const blob of missing) this.#sink.missing(blob);
  }

  #markNodes(plain: Uint8Array, missing: MissingBlob[]): void {
    for (const { content, subtree } of decodeTree(plain)) {
      for (const id of content ?? []) this.#note("data", fromHex(id), missing);
      if (subtree !== undefined) this.#note("tree", fromHex(subtree), missing);
    }
  }

  #note(type: BlobType, id: Uint8Array, missing: MissingBlob[]): true {
    const entry = this.#index.find(type, id);
    if (entry < 0) missing.push({ type, id: toHex(id) });
    else if (this.#marks.mark(entry)) {
      if (type === "tree") this.#sink.tree(entry);
      else this.#sink.data?.(entry);
    } else if (type === "tree") this.#sink.knownTree?.(entry);
    return true;
  }
}
