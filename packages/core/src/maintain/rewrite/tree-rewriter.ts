/**
 * Makes new trees from old ones, entry by entry, up to a new root.
 *
 *   (1) A tree of which nothing changes keeps its id, even if we would write it in another way.
 *   (2) Of a tree that changes, every other entry stays as it is, to the byte; where that is not sure, the tree is refused. Rules
 *       may waive that for what is broken anyway.
 *   (3) The same tree at the same place is rewritten once, in however many snapshots it is.
 *
 * @module
 */
import { throwIfAborted } from "../../async/interrupted.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { compareBytes, equalBytes } from "../../bytes/compare.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { encodeNode, type Node } from "../../format/node.ts";
import { decodeTree, joinTree } from "../../format/tree.ts";
import { joinPath, printablePath, toPathBytes } from "../../fs/path.ts";
import type { TreeLoader } from "../../repository/tree-loader.ts";
import type { TreeStore } from "../../repository/tree-store.ts";

/** What becomes of entries. Paths begin with a slash at the root of the snapshot. */
export interface RewriteRules {
  /** The entry as it is to be, the same object if it stays; undefined if it is to go. A directory stays as it is, or goes. */
  readonly node: (node: Node, path: Uint8Array) => Node | undefined;
  /** True for a directory that stays although nothing is left in it; all do, without it. */
  readonly keepEmpty?: ((path: Uint8Array) => boolean) | undefined;
  /** What takes the place of a tree that is lost, undefined for nothing. Without it a lost tree is an error. */
  readonly lostTree?: ((path: Uint8Array, error: TsbakError) => Uint8Array | undefined) | undefined;
  /** The same tree comes out differently in different places. */
  readonly dependsOnPath: boolean;
  /** Trees that we would write in another way may be rewritten: what we do not understand of them is lost. */
  readonly allowsLoss: boolean;
}

/** What came of a tree. */
export interface RewrittenTree {
  /** Undefined if nothing of it is left. */
  readonly id: string | undefined;
  /** Files that are left in it and below, and the sum of their sizes in bytes. */
  readonly files: number;
  readonly bytes: number;
}

/** A directory on the way down. */
interface OpenTree {
  readonly id: string;
  /** Number of its path. */
  readonly place: number;
  /** Length of its path in bytes: the path of the deepest one begins with those of all others. */
  readonly pathLength: number;
  readonly nodes: readonly Node[];
  readonly texts: readonly string[];
  readonly kept: string[];
  /** Number of the node that comes next. */
  next: number;
  isChanged: boolean;
  files: number;
  bytes: number;
}

const ROOT_PLACE = 0;

/** See the module comment. */
export class TreeRewriter {
  readonly #trees: TreeLoader;
  readonly #store: TreeStore;
  readonly #rules: RewriteRules;
  readonly #options: CallOptions;
  /** What came of trees, by place and id. */
  readonly #known = new Map<string, RewrittenTree>();
  /** Numbers of paths, by the number of the directory and the name: paths themselves could be long without end. */
  readonly #places = new Map<string, number>();

  constructor(trees: TreeLoader, store: TreeStore, rules: RewriteRules, options: CallOptions = {}) {
    this.#trees = trees;
    this.#store = store;
    this.#rules = rules;
    this.#options = options;
  }

  /**
   * Rewrite everything below a root tree. New trees are saved to the store, which the caller finishes.
   *
   * @throws {TsbakError} `unsupported` for a tree that cannot be written again without loss, `not-found` or `corrupt` for one
   * that cannot be read, unless the rules have a place for it.
   */
  async rewrite(root: string): Promise<RewrittenTree> {
    let path = toPathBytes("/");
    // Not by recursion: a forged snapshot can be deeper than any stack.
    const way: OpenTree[] = [];
    let done = await this.#begin(root, path, ROOT_PLACE, way);
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      if (done !== undefined) this.#take(top, done);
      path = path.subarray(0, top.pathLength);
      const name = this.#advance(top, path);
      if (name === undefined) {
        way.pop();
        done = this.#finish(top, path);
        continue;
      }
      path = joinPath(path, name);
      const node = top.nodes[top.next] as Node;
      done = await this.#begin(node.subtree, path, this.#placeOf(top.place, name), way);
    }
    return done as RewrittenTree;
  }

  /** Gives what came of a tree if that is known; else it lies on top of the way. */
  async #begin(
    id: string | undefined,
    path: Uint8Array,
    place: number,
    way: OpenTree[],
  ): Promise<RewrittenTree | undefined> {
    throwIfAborted(this.#options.signal);
    await this.#store.room();
    const known = this.#known.get(`${place}:${id}`);
    if (known !== undefined) return known;
    const loaded = await this.#load(id, path);
    if ("lost" in loaded) return loaded.lost;
    const nodes = decodeTree(loaded.bytes);
    const texts = nodes.map(encodeNode);
    if (!this.#rules.allowsLoss) refuseLoss(loaded.bytes, nodes, texts, path);
    const state = { kept: [], next: 0, isChanged: false, files: 0, bytes: 0 };
    way.push({ id: id as string, place, pathLength: path.length, nodes, texts, ...state });
    return undefined;
  }

  async #load(
    id: string | undefined,
    path: Uint8Array,
  ): Promise<{ bytes: Uint8Array } | { lost: RewrittenTree }> {
    try {
      if (id === undefined) throw withoutTree(path);
      return { bytes: await this.#trees.load(id) };
    } catch (error) {
      const isLost = isTsbakError(error, "corrupt") || isTsbakError(error, "not-found");
      if (!isLost || this.#rules.lostTree === undefined) throw error;
      const instead = this.#rules.lostTree(path, error);
      const tree = instead === undefined ? undefined : await this.#saveReadable(instead);
      return { lost: { id: tree, files: 0, bytes: 0 } };
    }
  }

  /** Where trees are lost, the index may know one that cannot be read either. */
  async #saveReadable(tree: Uint8Array): Promise<string> {
    const id = sha256Hex(tree);
    try {
      await this.#trees.load(id);
      return id;
    } catch (error) {
      if (!isTsbakError(error, "not-found") && !isTsbakError(error, "corrupt")) throw error;
      return this.#store.saveCopy(tree);
    }
  }

  /** Decide about entries up to the next directory that stays, and give its name; undefined if there is none. */
  #advance(top: OpenTree, path: Uint8Array): Uint8Array | undefined {
    for (; top.next < top.nodes.length; top.next++) {
      const node = top.nodes[top.next] as Node;
      const wanted = this.#rules.node(node, joinPath(path, node.name));
      if (wanted?.type === "dir") return node.name;
      if (wanted !== node) top.isChanged = true;
      if (wanted === undefined) continue;
      top.kept.push(wanted === node ? (top.texts[top.next] as string) : encodeNode(wanted));
      if (wanted.type !== "file") continue;
      top.files++;
      top.bytes += wanted.size;
    }
    return undefined;
  }

  /** Note what came of the directory whose turn it is. */
  #take(top: OpenTree, { id, files, bytes }: RewrittenTree): void {
    const node = top.nodes[top.next] as Node;
    const isSame = id === node.subtree;
    if (!isSame) top.isChanged = true;
    if (id !== undefined) {
      const text = isSame ? (top.texts[top.next] as string) : encodeNode({ ...node, subtree: id });
      top.kept.push(text);
    }
    top.files += files;
    top.bytes += bytes;
    top.next++;
  }

  #finish(top: OpenTree, path: Uint8Array): RewrittenTree {
    const { kept, files, bytes, isChanged } = top;
    const isGone = kept.length === 0 && this.#rules.keepEmpty?.(path) === false;
    const result = { id: isGone ? undefined : top.id, files, bytes };
    if (!isGone && isChanged) {
      // Where loss is allowed nobody has looked yet.
      if (this.#rules.allowsLoss) refuseDisorder(top.nodes, path);
      result.id = this.#store.save(joinTree(kept));
    }
    this.#known.set(`${top.place}:${top.id}`, result);
    return result;
  }

  #placeOf(parent: number, name: Uint8Array): number {
    if (!this.#rules.dependsOnPath) return ROOT_PLACE;
    const key = `${parent}/${Buffer.from(name).toString("latin1")}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.#places.size + 1);
    return this.#places.size;
  }
}

function refuseLoss(
  bytes: Uint8Array,
  nodes: readonly Node[],
  texts: readonly string[],
  path: Uint8Array,
): void {
  refuseDisorder(nodes, path);
  if (equalBytes(joinTree(texts), bytes)) return;
  throw new TsbakError(
    "unsupported",
    `Cannot rewrite folder "${printablePath(path)}" without loss: another program wrote it in a form of its own, ` +
      `or restic before 0.16 a link whose target is no UTF-8; leave its snapshot as it is`,
  );
}

function refuseDisorder(nodes: readonly Node[], path: Uint8Array): void {
  const isOrdered = nodes.every(
    ({ name }, at) => compareBytes(nodes[at - 1]?.name ?? NO_NAME, name) < 0,
  );
  if (isOrdered) return;
  throw new TsbakError(
    "unsupported",
    `Cannot rewrite folder "${printablePath(path)}": its names are not in order, or one comes twice; leave its snapshot as it is`,
  );
}

const NO_NAME = new Uint8Array(0);

function withoutTree(path: Uint8Array): TsbakError {
  return new TsbakError(
    "corrupt",
    `Cannot read folder "${printablePath(path)}": the snapshot does not say what is in it; run "tsbak repair snapshots"`,
  );
}
