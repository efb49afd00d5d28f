import { byteKey } from "../bytes/byte-key.ts";
import { encodeNodeHead, encodeNodeTail, type Node, type NodeHead } from "../format/node.ts";
import { readAttributes } from "../fs/attributes.ts";
import { readNames } from "../fs/directory.ts";
import { nodeType } from "../fs/mode.ts";
import { joinPath } from "../fs/path.ts";
import { statTarget } from "../fs/source-file.ts";
import { statFile, type FileStat } from "../fs/stat.ts";
import { describeSystemError, isSystemError } from "../fs/system-error.ts";
import type { SharedIndexView } from "../repository/shared-index.ts";
import type { DirectoryPlace } from "./directory-place.ts";
import type { Listing } from "./listing.ts";
import { ListingWriter } from "./listing-writer.ts";
import { createNodeHead, type MetadataOptions } from "./node-head.ts";
import { hasAllBlobs, type ParentNode, type ParentTree } from "./parent-tree.ts";
import type { DirectorySelection, Selection } from "./select.ts";

/** What looking at directories takes. */
export interface ListerParts {
  readonly index: SharedIndexView;
  readonly selection: Selection;
  readonly metadata: MetadataOptions;
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
  /** Name every file that need not be read. */
  readonly reportItems: boolean;
}

/** A source, or a folder on the way to sources. */
export interface SourceEntry {
  readonly name: Uint8Array;
  readonly path: Uint8Array;
  /** Not a source: its metadata is wanted, even through a symlink, but only some of its entries. */
  readonly isFolderAbove: boolean;
  /** What decides whether it is saved; undefined if nothing does. */
  readonly selection: DirectorySelection | undefined;
}

/**
 * Looks at the entries of a directory, asks for their state, compares them with the parent snapshot and writes down what has to be
 * done about each. Contents are not read here. Used in worker threads for directories, and in the main thread for sources.
 */
export class DirectoryLister {
  readonly #parts: ListerParts;

  constructor(parts: ListerParts) {
    this.#parts = parts;
  }

  /**
   * Everything in a directory. What cannot be read is noted as an error. With `mayOmit` the listing is partial
   * where nothing changed.
   */
  listDirectory(place: DirectoryPlace, parent: ParentTree | undefined, mayOmit: boolean): Listing {
    const writer = new ListingWriter(this.#parts.reportItems);
    const selection = this.#parts.selection.enter(place);
    const names = guard(writer, place.path, () => readNames(place.path));
    if (names === undefined) writer.unreadable();
    for (const key of names ?? []) {
      if (selection.byName(key) !== undefined) continue;
      const name = Buffer.from(key, "latin1");
      const path = joinPath(place.path, name);
      const stat = this.#stat(writer, path);
      if (stat === undefined) continue;
      if (selection.byState(key, stat) !== undefined) continue;
      this.#addEntry(writer, name, path, stat, parent);
    }
    for (const warning of selection.warnings) writer.warn(warning);
    return writer.finish(parent?.isExhausted ?? false, mayOmit);
  }

  /** The given entries, in ascending order of their names. */
  listSources(entries: readonly SourceEntry[], parent: ParentTree | undefined): Listing {
    const writer = new ListingWriter(this.#parts.reportItems);
    for (const { name, path, isFolderAbove, selection } of entries) {
      if (selection?.byName(byteKey(name)) !== undefined) continue;
      const stat = guard(writer, path, () => (isFolderAbove ? statTarget(path) : statFile(path)));
      if (stat === undefined || selection?.byState(byteKey(name), stat) !== undefined) continue;
      this.#addEntry(writer, name, path, stat, parent);
    }
    for (const selection of new Set(entries.map((entry) => entry.selection))) {
      for (const warning of selection?.warnings ?? []) writer.warn(warning);
    }
    return writer.finish(parent?.isExhausted ?? false, false);
  }

  #addEntry(
    writer: ListingWriter,
    name: Uint8Array,
    path: Uint8Array,
    stat: FileStat,
    parent: ParentTree | undefined,
  ): void {
    const type = nodeType(stat.mode);
    // As restic: a socket has nothing to restore.
    if (type === "socket") return;
    if (type === "irregular") {
      writer.error(path, "this kind of file cannot be saved");
      return;
    }
    const plain = guard(writer, path, () => createNodeHead(name, path, stat, this.#parts.metadata));
    if (plain === undefined) return;
    const text = encodeNodeHead(plain);
    const before = parent?.find(name, text);
    // With the same ctime the attributes are the same, too: they are in the text that is taken over.
    const head = before?.isSame === true ? plain : withAttributes(writer, path, plain);
    const full = head === plain ? text : encodeNodeHead(head);
    if (type === "dir") writer.addDirectory(name, stat, full, before);
    else if (type === "file") this.#addFile(writer, { path, stat, head, text: full, before });
    else
      writer.addComplete(
        before?.isSame === true ? before.text : full + encodeNodeTail(null),
        before,
      );
  }

  #addFile(writer: ListingWriter, file: FileEntry): void {
    const { path, stat, head, text, before } = file;
    const known = before === undefined ? undefined : this.#knownContent(file, before);
    if (before === undefined || known === undefined) {
      writer.addFile(head.name, stat, text, before);
      return;
    }
    const node = before.isSame ? before.text : `${text}"content":[${known}]}`;
    writer.addKnownFile(path, stat.size, node, before);
  }

  /** The blobs of a file that did not change, if the repository still has them all (restic format, section 12). */
  #knownContent({ stat, head }: FileEntry, before: ParentNode): string | undefined {
    if (before.content === undefined) return undefined;
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

  /** The state of an entry; one that vanished since its directory was read is nobody's fault. */
  #stat(writer: ListingWriter, path: Uint8Array): FileStat | undefined {
    try {
      return statFile(path);
    } catch (error) {
      if (!isSystemError(error) || error.code !== "ENOENT") {
        writer.error(path, describeSystemError(error));
      }
      return undefined;
    }
  }
}

interface FileEntry {
  readonly path: Uint8Array;
  readonly stat: FileStat;
  readonly head: NodeHead;
  readonly text: string;
  readonly before: ParentNode | undefined;
}

function withAttributes(writer: ListingWriter, path: Uint8Array, head: NodeHead): NodeHead {
  const extendedAttributes = guard(writer, path, () => readAttributes(path));
  if (extendedAttributes === undefined || extendedAttributes.length === 0) return head;
  return { ...head, extendedAttributes };
}

function guard<T>(writer: ListingWriter, path: Uint8Array, run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    writer.error(path, describeSystemError(error));
    return undefined;
  }
}
