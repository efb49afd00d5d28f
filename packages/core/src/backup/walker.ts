import { byteKey } from "../bytes/byte-key.ts";
import { compareBytes } from "../bytes/compare.ts";
import { encodeNodeHead, encodeNodeTail } from "../format/node.ts";
import { readAttributes } from "../fs/attributes.ts";
import { joinPath } from "../fs/path.ts";
import type { TreeLoader } from "../repository/tree-loader.ts";
import type { DirectoryLister, SourceEntry } from "./directory-lister.ts";
import { placeBelow, sourcePlace, type DirectoryPlace } from "./directory-place.ts";
import type { DirectoryStore } from "./directory-store.ts";
import type { FileStore, StoredFile } from "./file-store.ts";
import type { Listing } from "./listing.ts";
import { visitListing, type FollowUp, type ListedInner } from "./visit-listing.ts";
import { createNodeHead, type MetadataOptions } from "./node-head.ts";
import { loadParentTree } from "./parent-tree.ts";
import type { BackupProgress, Change } from "./progress.ts";
import type { DirectorySelection, Selection } from "./select.ts";
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

/** A directory on its way into the tree above it. */
interface Directory extends DirectoryPlace {
  /** Its tree in the parent snapshot. */
  readonly subtree: string | undefined;
  /** Called once with the id of its tree; undefined if it could not be read. */
  readonly done: (tree: string | undefined) => void;
  /** Trees of the directories in it that are complete, by their names as Latin-1 text. */
  readonly trees: Map<string, string>;
}

/**
 * Walks the sources and builds the trees. Directories are looked at in worker threads, several at a time, the last found
 * first, so that little waits; files whose contents are needed go to the `FileStore`. A tree is complete when everything
 * below it has come back, in whatever order.
 *
 * The listing of a directory in which nothing changed leaves out all but its directories. If it turns out that
 * something changed below one of those, the directory is looked at once more.
 */
export class Walker {
  readonly #parts: WalkerParts;

  constructor(parts: WalkerParts) {
    this.#parts = parts;
  }

  /** Walk everything. Resolves with the id of the root tree when all contents are stored. */
  async walk(root: SourceNode, parentTree: string | undefined): Promise<string> {
    const { directories, files } = this.#parts;
    let rootId: string | undefined;
    await this.#walkSources(root, parentTree, (tree) => {
      rootId = tree;
    });
    do {
      await directories.run();
      await files.finish();
    } while (directories.isBusy);
    if (rootId === undefined) throw new Error("walk() assumes that all trees are complete");
    return rootId;
  }

  /** Sources and the folders above them; what is in the sources is left to the workers. */
  async #walkSources(
    node: SourceNode,
    subtree: string | undefined,
    done: (tree: string) => void,
  ): Promise<void> {
    const children = this.#selectSources(node);
    const parent = await loadParentTree(this.#parts.trees, subtree);
    const builder = new TreeBuilder((tree) => done(this.#idOf(tree)));
    const entries = children.map(({ entry }) => entry);
    const listing = this.#parts.lister.listSources(entries, parent);
    const byName = new Map(children.map(({ entry, child }) => [byteKey(entry.name), child]));
    const inner: Promise<void>[] = [];
    this.#parts.progress.listed(node.infoPath, listing);
    visitListing(listing, {
      complete: (text, isSame) => builder.add(text, isSame ? text : undefined),
      file: (entry, fingerprint) => {
        const child = byName.get(byteKey(entry.name)) as SourceNode;
        this.#storeFile(entry, fingerprint, child.path ?? child.infoPath, builder);
      },
      directory: (entry, { subtree: before, device }) => {
        const child = byName.get(byteKey(entry.name)) as SourceNode;
        const path = child.path ?? child.infoPath;
        const finish = this.#reserve(entry, path, builder);
        if (child.path === undefined) inner.push(this.#walkSources(child, before, finish));
        else {
          const { absolutePath, foundIn } = child;
          const place = sourcePlace(path, absolutePath, device, foundIn);
          this.#enqueue({ ...place, subtree: before, done: finish, trees: new Map() }, false);
        }
      },
      sameDirectory: () => undefined,
    });
    builder.close(listing.isExhausted ? subtree : undefined);
    await Promise.all(inner);
  }

  #selectSources(node: SourceNode): { entry: SourceEntry; child: SourceNode }[] {
    const selections = new Map<DirectoryPlace, DirectorySelection>();
    return [...node.children]
      .map(([key, child]) => {
        const path = child.path ?? child.infoPath;
        const name = new Uint8Array(Buffer.from(key, "latin1"));
        const isFolderAbove = child.path === undefined;
        const place = isFolderAbove ? undefined : child.foundIn;
        const selection = place === undefined ? undefined : this.#selectionIn(place, selections);
        return { entry: { name, path, isFolderAbove, selection }, child };
      })
      .sort((a, b) => compareBytes(a.entry.name, b.entry.name));
  }

  #selectionIn(
    place: DirectoryPlace,
    known: Map<DirectoryPlace, DirectorySelection>,
  ): DirectorySelection {
    const selection = known.get(place) ?? this.#parts.selection.enter(place);
    known.set(place, selection);
    return selection;
  }

  /** Have a directory looked at; with `again`, for all its entries, after some of its trees are known. */
  #enqueue(directory: Directory, again: boolean): void {
    this.#parts.directories.list(directory, { subtree: directory.subtree, again }, (listing) => {
      this.#parts.signal.throwIfAborted();
      this.#takeListing(listing, directory, again);
    });
  }

  #takeListing(listing: Listing, directory: Directory, again: boolean): void {
    if (!again) this.#parts.progress.listed(directory.path, listing);
    if (listing.isUnreadable) {
      directory.done(undefined);
      return;
    }
    const builder = new TreeBuilder((tree) => {
      if (listing.isPartial && tree.kind === "new") this.#enqueue(directory, true);
      else directory.done(this.#idOf(tree));
    });
    visitListing(listing, {
      complete: (text, isSame) => builder.add(text, isSame ? text : undefined),
      file: (entry, fingerprint) => {
        this.#storeFile(entry, fingerprint, joinPath(directory.path, entry.name), builder);
      },
      directory: (entry, inner) => {
        const known = directory.trees.get(byteKey(entry.name));
        if (known !== undefined)
          builder.add(entry.text + encodeNodeTail(null, known), entry.before);
        else this.#walkInto(entry, inner, directory, builder);
      },
      sameDirectory: ({ name, text }, subtree) => {
        directory.trees.set(byteKey(name), subtree);
        builder.add(text, text);
      },
    });
    builder.close(listing.isExhausted ? directory.subtree : undefined);
  }

  #walkInto(
    entry: FollowUp,
    { subtree, device, listing }: ListedInner,
    directory: Directory,
    builder: TreeBuilder,
  ): void {
    const place = placeBelow(directory, entry.name, device);
    const finish = this.#reserve(entry, place.path, builder);
    const done = (tree: string | undefined): void => {
      if (tree !== undefined) directory.trees.set(byteKey(entry.name), tree);
      finish(tree);
    };
    const inner = { ...place, subtree, done, trees: new Map<string, string>() };
    if (listing === undefined) this.#enqueue(inner, false);
    else this.#takeListing(listing, inner, false);
  }

  /** Keep a place for a directory in the tree above it; the result is called with the id of its tree. */
  #reserve(
    entry: FollowUp,
    path: Uint8Array,
    above: TreeBuilder,
  ): (tree: string | undefined) => void {
    const slot = above.reserve();
    return (tree) => {
      if (tree === undefined) {
        above.fill(slot, undefined, entry.before);
        return;
      }
      const text = entry.text + encodeNodeTail(null, tree);
      this.#parts.progress.directoryDone(path, changeOf(entry, text));
      above.fill(slot, text, entry.before);
    };
  }

  #storeFile(
    entry: FollowUp,
    fingerprint: Float64Array,
    path: Uint8Array,
    builder: TreeBuilder,
  ): void {
    const slot = builder.reserve();
    this.#parts.files.store(path, fingerprint, (file) => {
      const text = this.#finishFile(entry, path, file);
      builder.fill(slot, text, entry.before);
    });
  }

  /** The node of a file that was stored; undefined if it could not be read. */
  #finishFile(entry: FollowUp, path: Uint8Array, file: StoredFile): string | undefined {
    if (file.content === undefined) {
      this.#parts.progress.error(path, file.error ?? "it could not be read");
      return undefined;
    }
    const text = `${this.#headOf(entry, path, file)}"content":[${file.content}]}`;
    this.#parts.progress.fileDone(path, file.size, changeOf(entry, text));
    if (file.unstable) this.#parts.progress.unstable(path);
    return text;
  }

  /** The head for the state that was stored, where that is not the one that was listed. */
  #headOf(entry: FollowUp, path: Uint8Array, file: StoredFile): string {
    if (file.stat === undefined) return entry.text;
    const head = createNodeHead(entry.name, path, file.stat, this.#parts.metadata);
    return encodeNodeHead({ ...head, extendedAttributes: readAttributes(path) });
  }

  #idOf(tree: BuiltTree): string {
    return tree.kind === "same" ? tree.id : this.#parts.saveTree(tree.bytes());
  }
}

/** How an entry compares with the parent snapshot. */
function changeOf(entry: FollowUp, text: string): Change {
  if (entry.before === undefined) return "new";
  return entry.before === text ? "unmodified" : "changed";
}
