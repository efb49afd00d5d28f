import { SEAL_OVERHEAD } from "../../crypto/sealer.ts";
import { ROOM_AFTER_MESSAGE, type GroupHasher } from "../../crypto/sha256-group.ts";
import { SHA256_SIZE, Sha256Stream } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import { scanLinks, type LinkSink } from "../../format/tree-links.ts";
import { decodeTree } from "../../format/tree.ts";
import type { SharedIndexView } from "../../repository/shared-index.ts";
import type { BlobOpener } from "../../repository/read-blob.ts";
import { checkLayout } from "./check-layout.ts";
import { checkTree } from "./check-tree.ts";
import { openPackSource, type PackSource } from "./pack-source.ts";
import type { Scratch } from "./scratch.ts";
import type { TreeFault, VerifyResult, VerifyTask } from "./verify-protocol.ts";

/** What one thread checks packs with. */
export interface PackTools extends BlobOpener {
  readonly index: SharedIndexView;
  readonly hasher: GroupHasher;
  /** Memory for what is read, for one blob as it is stored, and for the contents of a group. */
  readonly sealed: Scratch;
  readonly stored: Scratch;
  readonly plain: Scratch;
}

/**
 * Blobs are read, opened and hashed in groups of about so many bytes. With fewer, a long blob often has no other to be hashed beside;
 * with more they would leave the processor's cache in between.
 */
const GROUP_SIZE = 8 << 20;

/**
 * Check a whole pack or a run of its blobs. Damage is a result; only a failure to read is thrown.
 *
 * A whole pack is compared with the hash that names it where anything else is wrong with it, or where its contents are in another
 * pack as well. Otherwise each of its bytes is under a seal that fits, and holds what the index says (decision 9).
 */
export function checkPack(task: VerifyTask, tools: PackTools): VerifyResult {
  return new PackCheck(task, tools).run();
}

/** A blob that could be opened, and where its contents lie in `PackTools.plain`. */
interface Opened {
  readonly entry: number;
  readonly start: number;
  readonly length: number;
}

class PackCheck {
  readonly #task: VerifyTask;
  readonly #tools: PackTools;
  readonly #source: PackSource;
  readonly #packFaults: string[] = [];
  readonly #damaged: { entry: number; reason: string }[] = [];
  readonly #trees: number[] = [];
  readonly #treeFaults: { tree: number; fault: TreeFault }[] = [];
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
    this.#source = openPackSource(task.bytes, (size) => tools.sealed.atLeast(size));
  }

  run(): VerifyResult {
    const { entries, name } = this.#task;
    for (let at = 0; at < entries.length;) {
      const end = this.#endOfGroup(at);
      this.#checkGroup(entries.subarray(at, end));
      at = end;
    }
    if (name !== undefined) this.#checkWhole(name);
    return {
      packFaults: this.#packFaults,
      damaged: this.#damaged,
      trees: Uint32Array.from(this.#trees),
      treeFaults: this.#treeFaults,
    };
  }

  /** Entries that lie near each other and have contents for one group; at least one. */
  #endOfGroup(first: number): number {
    const { index } = this.#tools;
    const { entries } = this.#task;
    const start = index.offsetAt(entries[first] as number);
    let size = 0;
    for (let at = first; at < entries.length; at++) {
      const entry = entries[at] as number;
      const length = index.lengthAt(entry);
      size += index.uncompressedLengthAt(entry) || length;
      const isNear = index.offsetAt(entry) + length - start <= GROUP_SIZE;
      if (at > first && (size > GROUP_SIZE || !isNear)) return at;
    }
    return entries.length;
  }

  #checkGroup(entries: Uint32Array): void {
    const { index } = this.#tools;
    const plain = this.#roomFor(entries);
    if (plain === undefined) return;
    const start = index.offsetAt(entries[0] as number);
    let end = start;
    for (const entry of entries) end = Math.max(end, index.offsetAt(entry) + index.lengthAt(entry));
    this.#compare(this.#openAll(entries, this.#source.read(start, end), start, plain), plain);
  }

  /** Undefined for a blob, alone in its group, of which the index promises more than any memory holds. */
  #roomFor(entries: Uint32Array): Uint8Array<ArrayBuffer> | undefined {
    let size = 0;
    for (const entry of entries) size += roomOf(this.#plainLength(entry));
    let memory: Uint8Array<ArrayBuffer> | undefined;
    this.#try(
      () => (memory = this.#tools.plain.atLeast(size)),
      (reason) => entries.forEach((entry) => this.#damaged.push({ entry, reason })),
    );
    return memory;
  }

  #openAll(
    entries: Uint32Array,
    bytes: Uint8Array<ArrayBuffer>,
    start: number,
    plain: Uint8Array<ArrayBuffer>,
  ): Opened[] {
    const { index } = this.#tools;
    const opened: Opened[] = [];
    let at = 0;
    for (const entry of entries) {
      const offset = index.offsetAt(entry) - start;
      // A blob that ends beyond the pack is cut off here, and then does not open.
      const sealed = bytes.subarray(offset, offset + index.lengthAt(entry));
      const length = this.#plainLength(entry);
      const place = at;
      this.#try(
        () => {
          this.#open(entry, sealed, plain.subarray(place, place + length));
          opened.push({ entry, start: place, length });
        },
        (reason) => this.#damaged.push({ entry, reason }),
      );
      at += roomOf(length);
    }
    return opened;
  }

  #plainLength(entry: number): number {
    const { index } = this.#tools;
    const length = index.uncompressedLengthAt(entry);
    return length === 0 ? Math.max(index.lengthAt(entry) - SEAL_OVERHEAD, 0) : length;
  }

  #open(entry: number, sealed: Uint8Array, out: Uint8Array<ArrayBuffer>): void {
    const { index, opener, zstd, stored } = this.#tools;
    if (index.uncompressedLengthAt(entry) === 0) opener.openInto(sealed, out);
    else zstd.decompressInto(opener.openInto(sealed, stored.atLeast(sealed.length)), out);
  }

  #compare(opened: readonly Opened[], memory: Uint8Array<ArrayBuffer>): void {
    const { index, hasher } = this.#tools;
    const digests = new Uint8Array(opened.length * SHA256_SIZE);
    hasher.hash({ memory, messages: opened }, digests);
    opened.forEach(({ entry, start, length }, at) => {
      const digest = digests.subarray(at * SHA256_SIZE, (at + 1) * SHA256_SIZE);
      if (!index.hasIdAt(entry, digest)) {
        this.#damaged.push({ entry, reason: "its contents have another hash" });
      } else if (index.isTreeAt(entry)) {
        this.#checkTree(digest, memory.subarray(start, start + length));
      }
    });
  }

  #checkWhole(name: string): void {
    const faults = this.#packFaults;
    const onFault = (fault: string): unknown => faults.push(fault);
    this.#try(() => checkLayout(this.#source, this.#task.entries, this.#tools, onFault), onFault);
    const isSealed = faults.length === 0 && this.#damaged.length === 0;
    if (isSealed && !this.#hasCopies()) return;
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
        checkTree(nodes, index, (subtree) => this.#trees.push(subtree), fault);
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

/** Memory that the contents of one blob take in a group. */
function roomOf(length: number): number {
  return length + ROOM_AFTER_MESSAGE;
}
