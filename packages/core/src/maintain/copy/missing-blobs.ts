import type { CallOptions } from "../../backend/backend.ts";
import { toHex } from "../../bytes/hex.ts";
import { fromHex } from "../../bytes/hex.ts";
import { TsbakError } from "../../errors.ts";
import type { BlobType } from "../../format/blob-type.ts";
import { scanLinks } from "../../format/tree-links.ts";
import { decodeTree } from "../../format/tree.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";

/** What a tree refers to, as ids of 32 bytes. */
interface Links {
  readonly contents: Uint8Array[];
  readonly subtrees: Uint8Array[];
}

/** Finds what snapshots of the source need and the target does not have. A byte of memory for each blob of the source. */
export class MissingBlobs {
  readonly #index: BlobIndex;
  readonly #target: BlobIndex;
  readonly #trees: TreeLoader;
  /** By the source's index entries: 1 for what was looked at. */
  readonly #isSeen: Uint8Array;

  constructor(
    source: { readonly repository: Repository; readonly index: BlobIndex },
    target: BlobIndex,
    options: CallOptions,
  ) {
    this.#index = source.index;
    this.#target = target;
    this.#trees = new TreeLoader(source.repository, source.index, options);
    this.#isSeen = new Uint8Array(source.index.size);
  }

  /**
   * Index entries of the source for all blobs of a snapshot that the target lacks and that no call before has given. All its trees
   * are read: that the target has a tree does not say that it has what is in it.
   *
   * @throws {TsbakError} `not-found` or `corrupt` if the source lacks something too; `forget` must be called then.
   */
  async find(rootTree: string): Promise<number[]> {
    const missing: number[] = [];
    const waiting: Uint8Array[] = [];
    const visitTree = (id: Uint8Array): void => {
      if (this.#visit("tree", id, missing)) waiting.push(id);
    };
    visitTree(fromHex(rootTree));
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const { contents, subtrees } = linksOf(await this.#trees.load(toHex(id)));
      for (const content of contents) this.#visit("data", content, missing);
      for (const subtree of subtrees) visitTree(subtree);
    }
    return missing;
  }

  /** Look at everything again, because not all that was given has reached the target. */
  forget(): void {
    this.#isSeen.fill(0);
  }

  /** False if it was visited before. */
  #visit(type: BlobType, id: Uint8Array, missing: number[]): boolean {
    const entry = this.#index.find(type, id);
    const isThere = this.#target.has(type, id);
    if (entry < 0 && isThere && type === "data") return false;
    if (entry < 0) throw lost(type, id);
    if (this.#isSeen[entry] === 1) return false;
    this.#isSeen[entry] = 1;
    if (!isThere) missing.push(entry);
    return true;
  }
}

function linksOf(tree: Uint8Array): Links {
  const links: Links = { contents: [], subtrees: [] };
  const isPlain = scanLinks(tree, {
    content: (id) => links.contents.push(id.slice()) > 0,
    subtree: (id) => links.subtrees.push(id.slice()) > 0,
  });
  if (isPlain) return links;
  const nodes = decodeTree(tree);
  return {
    contents: nodes.flatMap(({ content }) => content ?? []).map((id) => fromHex(id)),
    subtrees: nodes.flatMap(({ subtree }) => (subtree === undefined ? [] : [fromHex(subtree)])),
  };
}

function lost(type: BlobType, id: Uint8Array): TsbakError {
  return new TsbakError(
    "not-found",
    `Cannot copy ${type} blob ${toHex(id)}: the source's index does not know it; run "tsbak verify" on the source`,
  );
}
