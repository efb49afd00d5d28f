import { compareBytes } from "../bytes/compare.ts";
import { encodeNodeHead, encodeNodeTail } from "../format/node.ts";
import { readAttributes } from "../fs/attributes.ts";
import { absolutePath, joinPath } from "../fs/path.ts";
import type { TreeLoader } from "../repository/tree-loader.ts";
import type { DirectoryLister, DirectoryPlace, SourceEntry } from "./directory-lister.ts";
import type { DirectoryStore } from "./directory-store.ts";
import type { FileStore, StoredFile } from "./file-store.ts";
import { visitListing, type FollowUp, type Listing } from "./listing.ts";
import { createNodeHead, type MetadataOptions } from "./node-head.ts";
import { loadParentTree } from "./parent-tree.ts";
import type { BackupProgress, Change } from "./progress.ts";
import type { Selection } from "./select.ts";
import type { SourceNode } from "./sources.ts";
import { TreeBuilder, type BuiltTree } from "./tree-builder.ts";

/** What the walk works with. */
export interface WalkerParts {
  readonly directories: DirectoryStore;
  readonly files: FileStore;
  readonly lister: DirectoryLister;
  readonly trees: TreeLoader;
  readonly selection: Selection;
  readonly progress: BackupProgress;
  readonly metadata: MetadataOptions;
  readonly signal: AbortSignal;
  /** Store a new tree and return its id. */
  readonly saveTree: (bytes: Uint8Array) => string;
}

/** Where a listing belongs. */
interface Place {
  readonly path: Uint8Array;
  readonly absolutePath: Uint8Array;
  readonly builder: TreeBuilder;
  readonly subtree: string | undefined;
}

/**
 * Walks the sources and builds the trees. Directories are looked at in worker threads, several at a time, the last found
 * first, so that little waits; files whose contents are needed go to the `FileStore`. A tree is complete when everything
 * below it has come back, in whatever order.
 */
export class Walker {
  readonly #parts: WalkerParts;

  constructor(parts: WalkerParts) {
    this.#parts = parts;
  }

  /** Walk everything. Resolves with the id of the root tree when all contents are stored. */
  async walk(root: SourceNode, parentTree: string | undefined): Promise<string> {
    let rootId: string | undefined;
    const builder = new TreeBuilder((tree) => {
      rootId = this.#idOf(tree);
    });
    const nowhere = new Uint8Array(0);
    const place = { path: nowhere, absolutePath: nowhere, builder, subtree: parentTree };
    await this.#walkSources(root, place);
    await this.#parts.directories.run();
    await this.#parts.files.finish();
    if (rootId === undefined) throw new Error("walk() assumes that all trees are complete");
    return rootId;
  }

  /** Sources and the folders above them; what is in the sources is left to the workers. */
  async #walkSources(node: SourceNode, place: Place): Promise<void> {
    const children = this.#selectSources(node);
    const parent = await loadParentTree(this.#parts.trees, place.subtree);
    const listing = this.#parts.lister.listSources(
      children.map(({ entry }) => entry),
      parent,
    );
    const byName = new Map(children.map(({ entry, child }) => [nameKey(entry.name), child]));
    const inner: Promise<void>[] = [];
    this.#takeListing(listing, place, (entry, subtree, device) => {
      const child = byName.get(nameKey(entry.name)) as SourceNode;
      const path = child.path ?? child.infoPath;
      const absolute = absolutePath(path);
      const builder = this.#openDirectory(entry, path, place.builder);
      const below = { path, absolutePath: absolute, builder, subtree };
      if (child.path === undefined) inner.push(this.#walkSources(child, below));
      else this.#enqueue(below, device, device);
    });
    await Promise.all(inner);
  }

  #selectSources(node: SourceNode): { entry: SourceEntry; child: SourceNode }[] {
    return [...node.children]
      .map(([key, child]) => {
        const path = child.path ?? child.infoPath;
        const isFolderAbove = child.path === undefined;
        const { isExplicit } = child;
        const name = new Uint8Array(Buffer.from(key, "latin1"));
        const entry = { name, path, absolutePath: absolutePath(path), isFolderAbove, isExplicit };
        return { entry, child };
      })
      .filter(({ entry }) => {
        if (entry.isFolderAbove || entry.isExplicit) return true;
        return this.#parts.selection.excludedByPath(entry.absolutePath) === undefined;
      })
      .sort((a, b) => compareBytes(a.entry.name, b.entry.name));
  }

  #enqueue(place: Place, device: bigint, sourceDevice: bigint): void {
    const directory: DirectoryPlace = {
      path: place.path,
      absolutePath: place.absolutePath,
      device,
      sourceDevice,
    };
    this.#parts.directories.list(directory, place.subtree, (listing) => {
      this.#parts.signal.throwIfAborted();
      this.#takeListing(listing, place, (entry, subtree, innerDevice) => {
        const path = joinPath(place.path, entry.name);
        const absolute = joinPath(place.absolutePath, entry.name);
        const builder = this.#openDirectory(entry, path, place.builder);
        this.#enqueue(
          { path, absolutePath: absolute, builder, subtree },
          innerDevice,
          sourceDevice,
        );
      });
    });
  }

  #takeListing(
    listing: Listing,
    place: Place,
    onDirectory: (entry: FollowUp, subtree: string | undefined, device: bigint) => void,
  ): void {
    const { builder } = place;
    this.#parts.progress.listed(place.path, listing);
    visitListing(listing, {
      complete: (text, isSame) => builder.add(text, isSame ? text : undefined),
      file: (entry, fingerprint) => this.#storeFile(entry, fingerprint, place),
      directory: onDirectory,
    });
    builder.close(listing.isExhausted ? place.subtree : undefined);
  }

  /** The tree of a directory; when it is complete, its node goes into the tree of the directory above. */
  #openDirectory(entry: FollowUp, path: Uint8Array, above: TreeBuilder): TreeBuilder {
    const slot = above.reserve();
    return new TreeBuilder((tree) => {
      const text = entry.text + encodeNodeTail(null, this.#idOf(tree));
      above.fill(slot, text, entry.before);
      this.#parts.progress.directoryDone(path, changeOf(entry, text));
    });
  }

  #storeFile(entry: FollowUp, fingerprint: Float64Array, { path, builder }: Place): void {
    const slot = builder.reserve();
    const filePath = joinPath(path, entry.name);
    this.#parts.files.store(filePath, fingerprint, (file) =>
      this.#finishFile(entry, filePath, builder, slot, file),
    );
  }

  #finishFile(
    entry: FollowUp,
    path: Uint8Array,
    builder: TreeBuilder,
    slot: number,
    file: StoredFile,
  ): void {
    if (file.content === undefined) {
      builder.fill(slot, undefined, entry.before);
      this.#parts.progress.error(path, file.error ?? "it could not be read");
      return;
    }
    const head = file.stat === undefined ? entry.text : this.#headOf(entry, path, file);
    const text = `${head}"content":[${file.content}]}`;
    builder.fill(slot, text, entry.before);
    this.#parts.progress.fileDone(path, file.size, changeOf(entry, text));
    if (file.unstable) this.#parts.progress.unstable(path);
  }

  /** The head for the state that was stored, where that is not the one that was listed. */
  #headOf(entry: FollowUp, path: Uint8Array, file: StoredFile): string {
    if (file.stat === undefined) return entry.text;
    const head = createNodeHead(entry.name, path, file.stat, this.#parts.metadata);
    return encodeNodeHead({ ...head, extendedAttributes: readAttributes(path) });
  }

  #idOf(tree: BuiltTree): string {
    return tree.kind === "same" ? tree.id : this.#parts.saveTree(tree.bytes);
  }
}

function nameKey(name: Uint8Array): string {
  return Buffer.from(name).toString("latin1");
}

/** How an entry compares with the parent snapshot. */
function changeOf(entry: FollowUp, text: string): Change {
  if (entry.before === undefined) return "new";
  return entry.before === text ? "unmodified" : "changed";
}
