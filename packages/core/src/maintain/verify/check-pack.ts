import { Sha256Stream } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import { scanLinks, type LinkSink } from "../../format/tree-links.ts";
import { decodeTree } from "../../format/tree.ts";
import { checkLayout } from "./check-layout.ts";
import { checkTree } from "./check-tree.ts";
import { PackGroups, type GroupTools } from "./pack-groups.ts";
import { openPackSource, type PackSource } from "./pack-source.ts";
import type { Scratch } from "./scratch.ts";
import type { TreeFault, VerifyResult, VerifyTask } from "./verify-protocol.ts";

/** What one thread checks packs with. */
export interface PackTools extends GroupTools {
  /** Memory for what is read. */
  readonly sealed: Scratch;
  /** See `VerifySetup`. */
  readonly compareNames: boolean;
  readonly notesPacks: boolean;
}

/**
 * Blobs are read, opened and hashed in groups of about so many bytes. With fewer, a long blob often has no other to be hashed beside;
 * with more they would leave the processor's cache in between.
 */
const GROUP_SIZE = 8 << 20;

/**
 * Check a whole pack or a run of its blobs. Damage is a result; only a failure to read is thrown.
 *
 * A whole pack is compared with the hash that names it where anything else is wrong with it, where its contents are in another
 * pack as well, or if that is wished. Otherwise each of its bytes is under a seal that fits, and holds what the index says (decision 9).
 */
export function checkPack(task: VerifyTask, tools: PackTools): VerifyResult {
  return new PackCheck(task, tools).run();
}

class PackCheck {
  readonly #task: VerifyTask;
  readonly #tools: PackTools;
  readonly #source: PackSource;
  readonly #groups: PackGroups;
  readonly #packFaults: string[] = [];
  readonly #damaged: { entry: number; reason: string }[] = [];
  readonly #trees: number[] = [];
  readonly #treeFaults: { tree: number; fault: TreeFault }[] = [];
  readonly #usedPacks = new Set<number>();
  readonly #links: LinkSink = {
    content: (id) => this.#tools.index.has("data", id),
    subtree: (id) => {
      const entry = this.#tools.index.find("tree", id);
      if (entry >= 0) this.#trees.push(entry);
      return entry >= 0;
    },
  };

  constructor(task: VerifyTask, tools: PackTools) {
    this.#task = task;
    this.#tools = tools;
    this.#groups = new PackGroups(tools, { size: GROUP_SIZE, gap: GROUP_SIZE });
    if (tools.notesPacks) {
      this.#links = { ...this.#links, content: (id) => this.#notePacks(id) };
    }
    this.#source = openPackSource(task.bytes, (size) => tools.sealed.atLeast(size));
  }

  run(): VerifyResult {
    const { entries, name } = this.#task;
    for (let at = 0; at < entries.length;) {
      const end = this.#groups.endOfGroup(entries, at);
      this.#checkGroup(entries.subarray(at, end));
      at = end;
    }
    if (name !== undefined) this.#checkWhole(name);
    return {
      packFaults: this.#packFaults,
      damaged: this.#damaged,
      trees: Uint32Array.from(this.#trees),
      treeFaults: this.#treeFaults,
      usedPacks: Uint32Array.from(this.#usedPacks),
    };
  }

  /** Note where all copies of contents are; false if the index does not know them. */
  #notePacks(id: Uint8Array): boolean {
    const { index } = this.#tools;
    const copies = index.findAll("data", id);
    for (const entry of copies) this.#usedPacks.add(index.packNumberAt(entry));
    return copies.length > 0;
  }

  #checkGroup(entries: Uint32Array): void {
    const onDamaged = (entry: number, reason: string): unknown =>
      this.#damaged.push({ entry, reason });
    for (const { entry, id, plain } of this.#groups.open(this.#source, entries, onDamaged)) {
      if (this.#tools.index.isTreeAt(entry)) this.#checkTree(id, plain);
    }
  }

  #checkWhole(name: string): void {
    const faults = this.#packFaults;
    const onFault = (fault: string): unknown => faults.push(fault);
    this.#try(() => checkLayout(this.#source, this.#task.entries, this.#tools, onFault), onFault);
    const isSealed = faults.length === 0 && this.#damaged.length === 0;
    if (isSealed && !this.#tools.compareNames && !this.#hasCopies()) return;
    if (this.#hashAll() !== name) faults.unshift("its bytes do not have the hash that names it");
  }

  /** A copy of a pack under another name, or two packs in each other's place, have all their blobs twice. */
  #hasCopies(): boolean {
    const [first] = this.#task.entries;
    return first !== undefined && this.#tools.index.isRepeatedAt(first);
  }

  #hashAll(): string {
    const hash = new Sha256Stream();
    const { end } = this.#source;
    for (let at = 0; at < end; at += GROUP_SIZE)
      hash.update(this.#source.read(at, Math.min(at + GROUP_SIZE, end)));
    return hash.digestHex();
  }

  #try(check: () => void, onDamage: (reason: string) => void): void {
    try {
      check();
    } catch (error) {
      if (!isTsbakError(error)) throw error;
      onDamage(error.message);
    }
  }

  /** Trees are told by the first of their copies in the index, so that all copies count as one. */
  #checkTree(id: Uint8Array, plain: Uint8Array): void {
    const { index } = this.#tools;
    const tree = index.find("tree", id);
    if (this.#isSoundTree(tree, plain)) return;
    const fault = (fault: TreeFault): unknown => this.#treeFaults.push({ tree, fault });
    this.#try(
      () => {
        const nodes = decodeTree(plain);
        const head = this.#trees.push(tree, 0) - 1;
        checkTree(nodes, this.#links, fault);
        this.#trees[head] = this.#trees.length - head - 1;
      },
      (message) => fault({ kind: "tree-damaged", message }),
    );
  }

  /** True if the tree is as most are and everything in it is known; `#trees` then has it. */
  #isSoundTree(tree: number, plain: Uint8Array): boolean {
    const head = this.#trees.push(tree, 0) - 1;
    const isSound = scanLinks(plain, this.#links);
    if (isSound) this.#trees[head] = this.#trees.length - head - 1;
    else this.#trees.length = head - 1;
    return isSound;
  }
}
