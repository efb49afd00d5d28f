import { Breath } from "../../async/breath.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { fromHex } from "../../bytes/hex.ts";
import type { BlobType } from "../../format/blob-type.ts";
import type { Node } from "../../format/node.ts";
import { decodeTree } from "../../format/tree.ts";
import { printablePath } from "../../fs/path.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";
import type { Findings, OpenProblem } from "./findings.ts";
import type { TreeGraph } from "./tree-graph.ts";

/** What is known when the search for affected files begins. */
export interface KnownDamage {
  readonly index: BlobIndex;
  readonly graph: TreeGraph;
  readonly findings: Findings;
  /** For each index entry whose bytes are lost, the number of its problem among the errors, plus one. */
  readonly losses: Uint32Array;
}

/** A root to start from. */
export interface SnapshotRoot {
  readonly id: string;
  /** Id of the root tree. */
  readonly tree: string;
}

/** Of one snapshot. Forged trees can hold each other so often that nobody could name all paths through them; then some are enough. */
const MOST_VISITS = 1_000_000;

interface Subtree {
  readonly name: string;
  readonly tree: number;
}

/** What one tree has to do with the damage. */
interface Wounds {
  /** Entries of the tree that cannot be restored in full, `""` for the directory itself. */
  readonly own: readonly { readonly name: string; readonly problems: readonly OpenProblem[] }[];
}

/**
 * Tells for each problem which paths of which snapshots cannot be restored. Every tree is read once more, and those above
 * damage once again, for their names; with no damage there is nothing to search.
 */
export class AffectedSearch {
  readonly #damage: KnownDamage;
  readonly #loader: TreeLoader;
  readonly #wounds = new Map<number, Wounds>();
  /** By tree: 0 unknown, 1 nothing below is damaged, 2 something is. */
  readonly #state: Uint8Array;
  readonly #subtrees = new Map<number, Subtree[]>();
  readonly #breath = new Breath();
  #visits = 0;

  constructor(repository: Repository, damage: KnownDamage, options: CallOptions = {}) {
    this.#damage = damage;
    this.#loader = new TreeLoader(repository, damage.index, options);
    this.#state = new Uint8Array(damage.index.size);
  }

  /** `trees` are all trees that the snapshots reach. */
  async run(snapshots: readonly SnapshotRoot[], trees: Uint32Array): Promise<void> {
    for (const tree of trees) if (this.#damage.graph.has(tree)) await this.#examine(tree);
    for (const { id, tree } of snapshots) {
      const root = this.#damage.index.find("tree", fromHex(tree));
      this.#visits = 0;
      if (root < 0 || !this.#damage.graph.has(root)) {
        for (const problem of this.#problemsOf("tree", tree)) this.#affect(problem, id, "");
      } else if (this.#isDirty(root)) await this.#visit(id, root, "");
    }
  }

  async #load(tree: number): Promise<Node[]> {
    return decodeTree(await this.#loader.load(this.#damage.index.idAt(tree)));
  }

  async #examine(tree: number): Promise<void> {
    const own: { name: string; problems: readonly OpenProblem[] }[] = [];
    const invalid = this.#damage.findings.problemsOfTree(this.#damage.index.idAt(tree));
    if (invalid.length > 0) own.push({ name: "", problems: invalid });
    for (const node of await this.#load(tree)) {
      const problems = this.#problemsOfNode(node);
      if (problems.length > 0) own.push({ name: printablePath(node.name), problems });
    }
    if (own.length > 0) this.#wounds.set(tree, { own });
  }

  #problemsOfNode(node: Node): readonly OpenProblem[] {
    if (node.type === "file") {
      const problems = (node.content ?? []).flatMap((id) => this.#problemsOf("data", id));
      return [...new Set(problems)];
    }
    if (node.type !== "dir" || node.subtree === undefined) return [];
    const subtree = this.#damage.index.find("tree", fromHex(node.subtree));
    const isReadable = subtree >= 0 && this.#damage.graph.has(subtree);
    return isReadable ? [] : this.#problemsOf("tree", node.subtree);
  }

  /** Why a blob cannot be read: empty if there is a copy that can. */
  #problemsOf(type: BlobType, id: string): readonly OpenProblem[] {
    const { index, losses, findings } = this.#damage;
    const bytes = fromHex(id);
    const first = index.find(type, bytes);
    if (first < 0) return /^0*$/.test(id) ? [] : [findings.missing(type, id)];
    const broken = type === "tree" ? findings.problemsOfTree(id) : [];
    if (broken.length > 0) return broken;
    if (losses[first] === 0) return [];
    const numbers = new Set(index.findAll(type, bytes).map((entry) => losses[entry] as number));
    if (numbers.has(0)) return [];
    return [...numbers].map((number) => findings.errors[number - 1] as OpenProblem);
  }

  /**
   * Trees cannot contain themselves: their names are hashes of their contents, and those were checked. But forged ones can be deeper
   * than any stack.
   */
  #isDirty(tree: number): boolean {
    const way = [{ tree, next: 0 }];
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const subtrees = this.#damage.graph.subtreesOf(top.tree);
      const subtree = this.#state[top.tree] === 0 ? subtrees[top.next++] : undefined;
      if (subtree !== undefined) {
        if (this.#state[subtree] === 0) way.push({ tree: subtree, next: 0 });
        continue;
      }
      if (this.#state[top.tree] === 0) this.#state[top.tree] = this.#judge(top.tree, subtrees);
      way.pop();
    }
    return this.#state[tree] === 2;
  }

  #judge(tree: number, subtrees: Uint32Array): number {
    if (this.#wounds.has(tree)) return 2;
    return subtrees.some((subtree) => this.#state[subtree] === 2) ? 2 : 1;
  }

  async #visit(snapshot: string, tree: number, path: string): Promise<void> {
    if (++this.#visits > MOST_VISITS) return;
    await this.#breath.take();
    for (const { name, problems } of this.#wounds.get(tree)?.own ?? []) {
      const at = name === "" ? path : `${path}/${name}`;
      for (const problem of problems) this.#affect(problem, snapshot, at);
    }
    for (const { name, tree: subtree } of await this.#dirtySubtrees(tree)) {
      await this.#visit(snapshot, subtree, `${path}/${name}`);
    }
  }

  async #dirtySubtrees(tree: number): Promise<Subtree[]> {
    let found = this.#subtrees.get(tree);
    if (found !== undefined) return found;
    found = [];
    const hasDirty = this.#damage.graph.subtreesOf(tree).some((subtree) => this.#isDirty(subtree));
    for (const node of hasDirty ? await this.#load(tree) : []) {
      if (node.type !== "dir" || node.subtree === undefined) continue;
      const subtree = this.#damage.index.find("tree", fromHex(node.subtree));
      if (subtree >= 0 && this.#isDirty(subtree))
        found.push({ name: printablePath(node.name), tree: subtree });
    }
    this.#subtrees.set(tree, found);
    return found;
  }

  #affect(problem: OpenProblem, snapshot: string, path: string): void {
    this.#damage.findings.affect(problem, { snapshot, path: path === "" ? "/" : path });
  }
}
