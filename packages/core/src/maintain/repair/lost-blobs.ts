import { throwIfAborted } from "../../async/interrupted.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { fromHex } from "../../bytes/hex.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import type { Node } from "../../format/node.ts";
import { decodeTree } from "../../format/tree.ts";
import { joinPath, toPathBytes } from "../../fs/path.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";
import type { BlobSource, FoundBlob, LostBlob, LostPlace } from "./blob-source.ts";
import type { RescueWriter } from "./rescue-writer.ts";

/** Places that are noted of each blob. */
const MOST_PLACES = 8;
const NULL_ID = "0".repeat(64);

/** What came of a search. */
export interface BlobSearchResult {
  /** How many blobs each source had, by its title. */
  readonly found: ReadonlyMap<string, number>;
  /** Those that nobody had. */
  readonly lost: readonly LostBlob[];
}

interface NotedBlob extends LostBlob {
  readonly places: LostPlace[];
}

interface OpenTree {
  readonly id: string;
  readonly place: LostPlace;
}

/**
 * Goes through all snapshots, looks for what they need and the index does not know, and writes what it finds into the repository. Trees are
 * looked for on the way, as only they tell what is needed below them.
 */
export class BlobSearch {
  readonly #index: BlobIndex;
  readonly #trees: TreeLoader;
  readonly #sources: readonly BlobSource[];
  readonly #writer: RescueWriter;
  readonly #call: CallOptions;
  readonly #seen = new Set<string>();
  readonly #lostTrees: LostBlob[] = [];
  readonly #lostData = new Map<string, NotedBlob>();
  readonly #found = new Map<string, number>();

  /** The index must be true to the packs: a blob that it knows is taken for whole. */
  constructor(
    repository: Repository,
    index: BlobIndex,
    tools: { readonly sources: readonly BlobSource[]; readonly writer: RescueWriter },
    call: CallOptions,
  ) {
    this.#index = index;
    this.#trees = new TreeLoader(repository, index, call);
    this.#sources = tools.sources;
    this.#writer = tools.writer;
    this.#call = call;
  }

  async run(snapshots: readonly SnapshotEntry[]): Promise<BlobSearchResult> {
    for (const snapshot of snapshots) await this.#walk(snapshot);
    await this.#findAll(this.#lostData);
    const lost = [...this.#lostTrees, ...this.#lostData.values()];
    return { found: this.#found, lost };
  }

  async #walk(snapshot: SnapshotEntry): Promise<void> {
    const root = { snapshot, path: toPathBytes("/") };
    const open: OpenTree[] = [{ id: snapshot.snapshot.tree, place: root }];
    for (let tree = open.pop(); tree !== undefined; tree = open.pop()) {
      throwIfAborted(this.#call.signal);
      if (this.#seen.has(tree.id)) continue;
      this.#seen.add(tree.id);
      for (const node of await this.#nodesOf(tree)) {
        const place = { snapshot, path: joinPath(tree.place.path, node.name) };
        if (node.type === "dir" && node.subtree !== undefined && node.subtree !== NULL_ID) {
          open.push({ id: node.subtree, place });
        }
        if (node.type === "file") this.#noteContent(node, place);
      }
    }
  }

  async #nodesOf({ id, place }: OpenTree): Promise<readonly Node[]> {
    try {
      return decodeTree((await this.#loadTree(id)) ?? (await this.#findTree(id, place)) ?? EMPTY);
    } catch (error) {
      // Sealed well, but no tree: verify tells of it.
      if (isTsbakError(error, "corrupt")) return [];
      throw error;
    }
  }

  async #loadTree(id: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#trees.load(id);
    } catch (error) {
      if (isTsbakError(error, "corrupt") || isTsbakError(error, "not-found")) return undefined;
      throw error;
    }
  }

  async #findTree(id: string, place: LostPlace): Promise<Uint8Array | undefined> {
    const blob: NotedBlob = { type: "tree", id, places: [place] };
    const lost = new Map([[id, blob]]);
    const plain = (await this.#findAll(lost)).get(id);
    this.#lostTrees.push(...lost.values());
    return plain;
  }

  #noteContent({ content }: Node, place: LostPlace): void {
    for (const id of content ?? []) {
      if (id === NULL_ID || this.#index.has("data", fromHex(id))) continue;
      const blob = this.#lostData.get(id) ?? { type: "data", id, places: [] };
      this.#lostData.set(id, blob);
      if (blob.places.length < MOST_PLACES) blob.places.push(place);
    }
  }

  /** Ask one source after the other; what was found is taken out of `lost`, and trees are returned. */
  async #findAll(lost: Map<string, NotedBlob>): Promise<Map<string, Uint8Array>> {
    const trees = new Map<string, Uint8Array>();
    for (const source of this.#sources) {
      if (lost.size === 0) break;
      for await (const found of source.find([...lost.values()], this.#call)) {
        if (!lost.has(found.id) || !isProven(found)) continue;
        lost.delete(found.id);
        await this.#writer.addPlain(found.type, found.id, found.plain);
        this.#found.set(source.title, (this.#found.get(source.title) ?? 0) + 1);
        if (found.type === "tree") trees.set(found.id, found.plain);
      }
    }
    return trees;
  }
}

const EMPTY: Uint8Array = new TextEncoder().encode('{"nodes":[]}\n');

function isProven({ id, plain }: FoundBlob): boolean {
  return sha256Hex(plain) === id;
}
