/**
 * From the sources that a user names to the top of the tree, as restic does it (restic format, section 8): an absolute source keeps
 * its whole path and every folder above it becomes a node; a relative one keeps its relative structure;
 * `.` and `..` stand for what is in them.
 *
 * @module
 */
import { byteKey } from "../bytes/byte-key.ts";
import { equalBytes } from "../bytes/compare.ts";
import { readDirectory } from "../fs/directory.ts";
import { absolutePath, cleanPath, joinPath, splitPath, toPathBytes } from "../fs/path.ts";
import { statTarget } from "../fs/source-file.ts";
import type { DirectoryPlace } from "./select.ts";

/** A place in the tree above and at the sources. */
export interface SourceNode {
  /** What is to be saved here with all that is below it; undefined for a folder on the way to sources. */
  path: Uint8Array | undefined;
  /** Where the metadata of a folder on the way is found. */
  readonly infoPath: Uint8Array;
  /** The folder that stood for its contents; undefined for what the user named: that is never left out. */
  foundIn: DirectoryPlace | undefined;
  /** By the name's bytes as Latin-1 text. */
  readonly children: Map<string, SourceNode>;
}

interface Source {
  readonly path: Uint8Array;
  readonly foundIn: DirectoryPlace | undefined;
}

const NOTHING = new Uint8Array(0);
const HERE = toPathBytes(".");
const ABOVE = toPathBytes("..");
const ROOT = toPathBytes("/");

/**
 * Arrange sources in a tree.
 *
 * @throws the error of the operating system if a folder that stands for its contents cannot be read.
 */
export function planSources(sources: readonly Uint8Array[]): SourceNode {
  const root = createNode(NOTHING);
  for (const source of sources.map(cleanPath).flatMap(expandSource)) addSource(root, source);
  unroll(root);
  return root;
}

/** `.`, `..` and `/` have no name to be stored under: they stand for their entries. */
function expandSource(path: Uint8Array): Source[] {
  if (namesOf(path).length > 0) return [{ path, foundIn: undefined }];
  const foundIn = placeOf(path, undefined);
  return readDirectory(path).map((name) => ({ path: joinBelow(path, name), foundIn }));
}

function addSource(root: SourceNode, source: Source): void {
  let place = rootOf(source.path);
  let node = root;
  for (const name of namesOf(source.path)) {
    place = joinBelow(place, name);
    node = childFor(node, name, place, node === root);
  }
  node.path = source.path;
  node.foundIn = source.foundIn;
}

/** The child for `name` at `place`; at the top, another folder of the same name gets a number. */
function childFor(
  parent: SourceNode,
  name: Uint8Array,
  place: Uint8Array,
  atTop: boolean,
): SourceNode {
  for (let number = 0; ; number++) {
    const key = number === 0 ? byteKey(name) : `${byteKey(name)}-${number}`;
    const child = parent.children.get(key);
    if (child === undefined) {
      const created = createNode(place);
      parent.children.set(key, created);
      return created;
    }
    if (!atTop || equalBytes(child.infoPath, place)) return child;
  }
}

/** A source inside another source: the outer one is replaced by its entries, so that both are saved once. */
function unroll(node: SourceNode): void {
  if (node.path !== undefined && node.children.size > 0) {
    const place = placeOf(node.path, node.foundIn);
    for (const name of readDirectory(node.path)) {
      const path = joinPath(node.path, name);
      const child = node.children.get(byteKey(name)) ?? createNode(path);
      if (child.path === undefined) child.foundIn = place;
      child.path ??= path;
      node.children.set(byteKey(name), child);
    }
    node.path = undefined;
  }
  for (const child of node.children.values()) unroll(child);
}

function createNode(infoPath: Uint8Array): SourceNode {
  return { path: undefined, infoPath, foundIn: undefined, children: new Map() };
}

function placeOf(path: Uint8Array, above: DirectoryPlace | undefined): DirectoryPlace {
  const device = statTarget(path).deviceId;
  const sourceDevice = above?.sourceDevice ?? device;
  return { path, absolutePath: absolutePath(path), device, sourceDevice };
}

/** Names that a clean path has below its root; `..` at the beginning belongs to the root. */
function namesOf(path: Uint8Array): Uint8Array[] {
  return splitPath(path).filter((part) => !equalBytes(part, HERE) && !equalBytes(part, ABOVE));
}

function rootOf(path: Uint8Array): Uint8Array {
  if (path[0] === ROOT[0]) return ROOT;
  const ups = splitPath(path).filter((part) => equalBytes(part, ABOVE));
  return ups.length === 0 ? HERE : ups.reduce((root, up) => joinPath(root, up), NOTHING);
}

function joinBelow(directory: Uint8Array, name: Uint8Array): Uint8Array {
  return equalBytes(directory, HERE) ? name : joinPath(directory, name);
}
