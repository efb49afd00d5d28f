import { encodeNodeHead, encodeNodeTail, type Node, type NodeHead } from "../format/node.ts";
import { readAttributes } from "../fs/attributes.ts";
import { readDirectory } from "../fs/directory.ts";
import { nodeType } from "../fs/mode.ts";
import { absolutePath, joinPath } from "../fs/path.ts";
import { statTarget } from "../fs/source-file.ts";
import { statFile, type FileStat } from "../fs/stat.ts";
import { describeSystemError, isSystemError } from "../fs/system-error.ts";
import { compareBytes } from "../bytes/compare.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { TreeLoader } from "../repository/tree-loader.ts";
import { createNodeHead, type MetadataOptions } from "./node-head.ts";
import type { FileStore, StoredFile } from "./file-store.ts";
import { hasAllBlobs, loadParentTree, type ParentNode, type ParentTree } from "./parent-tree.ts";
import type { BackupProgress } from "./progress.ts";
import type { Selection } from "./select.ts";
import type { SourceNode } from "./sources.ts";
import { TreeBuilder, type BuiltTree } from "./tree-builder.ts";

/** What the walk works with. */
export interface WalkerParts {
  readonly files: FileStore;
  readonly trees: TreeLoader;
  readonly index: BlobIndex;
  readonly selection: Selection;
  readonly progress: BackupProgress;
  readonly metadata: MetadataOptions;
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
  readonly signal: AbortSignal;
  /** Store a new tree and return its id. */
  readonly saveTree: (bytes: Uint8Array) => string;
}

/** An entry on its way into a tree. */
interface Entry {
  readonly name: Uint8Array;
  readonly path: Uint8Array;
  readonly stat: FileStat;
  readonly head: NodeHead;
  /** Text of the node up to its contents. */
  readonly text: string;
  readonly before: ParentNode | undefined;
}

/** Devices that `--one-file-system` compares. */
interface Devices {
  readonly source: bigint;
  readonly parent: bigint;
}

/**
 * Walks the sources, compares them with the parent snapshot and builds the trees. Files whose contents are needed
 * go to the `FileStore`; a tree is complete when the last of them has come back, which may be long after the walk
 * has left the directory.
 */
export class Walker {
  readonly #parts: WalkerParts;

  constructor(parts: WalkerParts) {
    this.#parts = parts;
  }

  /** Walk everything. Resolves with the id of the root tree when all contents are stored. */
  async walk(root: SourceNode, parentTree: string | undefined): Promise<string> {
    const before = await loadParentTree(this.#parts.trees, parentTree);
    let rootId: string | undefined;
    const builder = new TreeBuilder((tree) => {
      rootId = this.#idOf(tree);
    });
    await this.#walkSources(root, builder, before);
    builder.close(before?.isExhausted === true ? before.id : undefined);
    await this.#parts.files.finish();
    if (rootId === undefined) throw new Error("walk() assumes that all trees are complete");
    return rootId;
  }

  async #walkSources(
    node: SourceNode,
    builder: TreeBuilder,
    before: ParentTree | undefined,
  ): Promise<void> {
    const children = [...node.children].map(([name, child]) => ({
      name: new Uint8Array(Buffer.from(name, "latin1")),
      child,
    }));
    children.sort((a, b) => compareBytes(a.name, b.name));
    for (const { name, child } of children) {
      if (child.path !== undefined) await this.#walkSource(name, child, builder, before);
      else await this.#walkFolderAbove(name, child, builder, before);
    }
  }

  async #walkSource(
    name: Uint8Array,
    source: SourceNode,
    builder: TreeBuilder,
    before: ParentTree | undefined,
  ): Promise<void> {
    const path = source.path as Uint8Array;
    if (!source.isExplicit && this.#excludedByPath(path)) return;
    const stat = this.#stat(path);
    if (stat === undefined) return;
    const devices = { source: stat.deviceId, parent: stat.deviceId };
    await this.#walkEntry(name, path, stat, builder, before, devices);
  }

  /** A folder above sources: its own metadata, but only those of its entries that lead to a source. */
  async #walkFolderAbove(
    name: Uint8Array,
    node: SourceNode,
    builder: TreeBuilder,
    before: ParentTree | undefined,
  ): Promise<void> {
    const stat = this.#guard(node.infoPath, () => statTarget(node.infoPath));
    if (stat === undefined) return;
    const entry = this.#describe(name, node.infoPath, stat, before);
    if (entry === undefined) return;
    await this.#buildDirectory(entry, builder, (inner, innerBefore) =>
      this.#walkSources(node, inner, innerBefore),
    );
  }

  async #walkDirectory(
    path: Uint8Array,
    builder: TreeBuilder,
    before: ParentTree | undefined,
    devices: Devices,
  ): Promise<void> {
    for (const name of this.#guard(path, () => readDirectory(path)) ?? []) {
      const child = joinPath(path, name);
      if (this.#excludedByPath(child)) continue;
      const stat = this.#stat(child, true);
      if (stat === undefined) continue;
      const exclusion = this.#parts.selection.excludedByStat(stat, devices.source, devices.parent);
      if (exclusion !== undefined) continue;
      const pending = this.#walkEntry(name, child, stat, builder, before, devices);
      if (pending !== undefined) await pending;
    }
    this.#parts.signal.throwIfAborted();
  }

  /** A promise only where there is something to wait for: most entries need none. */
  #walkEntry(
    name: Uint8Array,
    path: Uint8Array,
    stat: FileStat,
    builder: TreeBuilder,
    before: ParentTree | undefined,
    devices: Devices,
  ): Promise<void> | undefined {
    const type = nodeType(stat.mode);
    // As restic: a socket has nothing to restore.
    if (type === "socket") return undefined;
    const entry = this.#describe(name, path, stat, before);
    if (entry === undefined) return undefined;
    if (type === "dir") {
      const inner = { source: devices.source, parent: stat.deviceId };
      return this.#buildDirectory(entry, builder, (tree, treeBefore) =>
        this.#walkDirectory(path, tree, treeBefore, inner),
      );
    }
    if (type === "file") return this.#walkFile(entry, builder);
    if (type === "irregular") {
      this.#parts.progress.error(path, "this kind of file cannot be saved");
      return undefined;
    }
    this.#addOther(entry, builder);
    return undefined;
  }

  #describe(
    name: Uint8Array,
    path: Uint8Array,
    stat: FileStat,
    parent: ParentTree | undefined,
  ): Entry | undefined {
    const head = this.#guard(path, () => createNodeHead(name, path, stat, this.#parts.metadata));
    if (head === undefined) return undefined;
    const text = encodeNodeHead(head);
    const before = parent?.find(name, text);
    // With the same ctime the attributes are the same, too: they are in the text that is taken over.
    if (before?.isSame === true) return { name, path, stat, head, text, before };
    const extendedAttributes = this.#guard(path, () => readAttributes(path)) ?? [];
    if (extendedAttributes.length === 0) return { name, path, stat, head, text, before };
    const full = { ...head, extendedAttributes };
    return { name, path, stat, head: full, text: encodeNodeHead(full), before };
  }

  async #buildDirectory(
    entry: Entry,
    builder: TreeBuilder,
    fill: (inner: TreeBuilder, before: ParentTree | undefined) => Promise<void>,
  ): Promise<void> {
    const place = builder.reserve();
    const inner = new TreeBuilder((tree) => {
      const text = entry.text + encodeNodeTail(null, this.#idOf(tree));
      builder.fill(place, text, entry.before?.text);
      this.#parts.progress.directoryDone(entry.path, changeOf(entry, text));
    });
    const before = await loadParentTree(this.#parts.trees, entry.before?.subtree);
    await fill(inner, before);
    inner.close(before?.isExhausted === true ? before.id : undefined);
  }

  #walkFile(entry: Entry, builder: TreeBuilder): Promise<void> | undefined {
    const { before, stat, path } = entry;
    const known = this.#unchangedContent(entry);
    if (known !== undefined) {
      const text = before?.isSame === true ? before.text : `${entry.text}"content":[${known}]}`;
      builder.add(text, before?.text);
      this.#parts.progress.fileDone(path, stat.size, changeOf(entry, text));
      return undefined;
    }
    const place = builder.reserve();
    this.#parts.files.store(path, stat, (file) => this.#finishFile(entry, builder, place, file));
    return this.#parts.files.room();
  }

  /** The blobs of a file that did not change, if the repository still has them all (restic format, section 12). */
  #unchangedContent({ before, head, stat }: Entry): string | undefined {
    if (before?.content === undefined) return undefined;
    if (!before.isSame && !this.#isUnchanged(before.node, head)) return undefined;
    // An empty list for a file of some size was written by a program at fault: read the file.
    if (stat.size > 0 && before.content === "") return undefined;
    return hasAllBlobs(this.#parts.index, before.content) ? before.content : undefined;
  }

  #isUnchanged(node: Node | undefined, head: NodeHead): boolean {
    return (
      node?.type === "file" &&
      node.size === head.size &&
      node.mtime === head.mtime &&
      (this.#parts.ignoreCtime || node.ctime === head.ctime) &&
      (this.#parts.ignoreInode || node.inode === head.inode)
    );
  }

  #finishFile(entry: Entry, builder: TreeBuilder, place: number, file: StoredFile): void {
    const { path, before } = entry;
    if (file.content === undefined) {
      builder.fill(place, undefined, before?.text);
      this.#parts.progress.error(path, file.error ?? "it could not be read");
      return;
    }
    const text = `${this.#textOf(entry, file)}"content":[${file.content}]}`;
    builder.fill(place, text, before?.text);
    this.#parts.progress.fileDone(path, file.size, changeOf(entry, text));
    if (file.unstable) this.#parts.progress.unstable(path);
  }

  #textOf(entry: Entry, file: StoredFile): string {
    if (file.stat === undefined) return entry.text;
    return encodeNodeHead(createNodeHead(entry.name, entry.path, file.stat, this.#parts.metadata));
  }

  #addOther(entry: Entry, builder: TreeBuilder): void {
    const { before } = entry;
    const text = before?.isSame === true ? before.text : entry.text + encodeNodeTail(null);
    builder.add(text, before?.text);
  }

  #idOf(tree: BuiltTree): string {
    return tree.kind === "same" ? tree.id : this.#parts.saveTree(tree.bytes);
  }

  #excludedByPath(path: Uint8Array): boolean {
    return this.#parts.selection.excludedByPath(absolutePath(path)) !== undefined;
  }

  /** The state of an entry; one that vanished since its directory was read is nobody's fault (`mayVanish`). */
  #stat(path: Uint8Array, mayVanish = false): FileStat | undefined {
    try {
      return statFile(path);
    } catch (error) {
      if (mayVanish && isSystemError(error) && error.code === "ENOENT") return undefined;
      this.#parts.progress.error(path, describeSystemError(error));
      return undefined;
    }
  }

  #guard<T>(path: Uint8Array, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.#parts.progress.error(path, describeSystemError(error));
      return undefined;
    }
  }
}

/** How an entry compares with the parent snapshot. */
function changeOf(entry: Entry, text: string): "new" | "changed" | "unmodified" {
  if (entry.before === undefined) return "new";
  return entry.before.text === text ? "unmodified" : "changed";
}
