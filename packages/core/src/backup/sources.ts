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
import { sourcePlace, type DirectoryPlace } from "./directory-place.ts";
import { statTarget } from "../fs/source-file.ts";

/** A place in the tree above and at the sources. */
export interface SourceNode {
  /** What is to be saved here with all that is below it; undefined for a folder on the way to sources. */
  path: Uint8Array | undefined;
  /** Where the metadata of a folder on the way is found. */
  readonly infoPath: Uint8Array;
  /** Of a source: the absolute path that it has for patterns. */
  absolutePath: Uint8Array;
  /** The folder that stood for its contents; undefined for what the user named: that is never left out. */
  foundIn: DirectoryPlace | undefined;
  /** By the name's bytes as Latin-1 text. */
  readonly children: Map<string, SourceNode>;
}

/** What a user names, and the clean path that it is stored under: its own, or another, absolute one. */
export interface NamedSource {
  readonly path: Uint8Array;
  readonly storedAs: Uint8Array;
}

interface Source extends NamedSource {
  readonly absolutePath: Uint8Array;
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
export function planSources(sources: readonly NamedSource[]): SourceNode {
  const root = createNode(NOTHING);
  for (const source of sources.flatMap(expandSource)) addSource(root, source);
  unroll(root);
  return root;
}

/** `.`, `..` and `/` have no name to be stored under: they stand for their entries. */
function expandSource({ path, storedAs }: NamedSource): Source[] {
  const absolute = absolutePath(storedAs);
  if (namesOf(storedAs).length > 0) {
    return [{ path, storedAs, absolutePath: absolute, foundIn: undefined }];
  }
  const foundIn = sourcePlace(path, absolute, statTarget(path).deviceId, undefined);
  return readDirectory(path).map((name) => ({
    path: joinBelow(path, name),
    storedAs: joinBelow(storedAs, name),
    absolutePath: joinPath(absolute, name),
    foundIn,
  }));
}

function addSource(root: SourceNode, source: Source): void {
  const { path, storedAs } = source;
  const names = namesOf(storedAs);
  let place = rootOf(storedAs);
  let node = root;
  for (const [at, name] of names.entries()) {
    place = joinBelow(place, name);
    const infoPath = equalBytes(path, storedAs) ? place : realPlace(source, names.length - 1 - at);
    node = childFor(node, name, infoPath, node === root);
  }
  // What is also found in another source stays one that the user named.
  if (node.path === undefined || source.foundIn === undefined) node.foundIn = source.foundIn;
  node.path = path;
  node.absolutePath = source.absolutePath;
}

/**
 * Where a folder that is stored `ups` folders above a source stands on the disk: as many folders above the source, if the names from
 * there on are the same; else at the path that it is stored under, or, if nothing is there, the folder of the source stands for it.
 */
function realPlace({ path, storedAs }: NamedSource, ups: number): Uint8Array {
  const absolute = absolutePath(path);
  const namesFrom = (of: Uint8Array): Uint8Array[] => splitPath(of).slice(-1 - ups);
  const stored = namesFrom(storedAs);
  const real = namesFrom(absolute);
  const isAlike =
    real.length === stored.length &&
    real.every((name, at) => equalBytes(name, stored[at] ?? NOTHING));
  if (isAlike) return folderAbove(absolute, ups);
  const place = folderAbove(storedAs, ups);
  return exists(place) ? place : folderAbove(absolute, 1);
}

function folderAbove(path: Uint8Array, ups: number): Uint8Array {
  return cleanPath(Buffer.concat([path, Buffer.from("/..".repeat(ups))]));
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
    const { deviceId } = statTarget(node.path);
    const place = sourcePlace(node.path, node.absolutePath, deviceId, node.foundIn);
    for (const name of readDirectory(node.path)) {
      const path = joinPath(node.path, name);
      const child = node.children.get(byteKey(name)) ?? createNode(path);
      if (child.path === undefined) {
        child.path = path;
        child.absolutePath = joinPath(node.absolutePath, name);
        child.foundIn = place;
      }
      node.children.set(byteKey(name), child);
    }
    node.path = undefined;
  }
  for (const child of node.children.values()) unroll(child);
}

function createNode(infoPath: Uint8Array): SourceNode {
  const children = new Map<string, SourceNode>();
  return { path: undefined, infoPath, absolutePath: NOTHING, foundIn: undefined, children };
}

function exists(path: Uint8Array): boolean {
  try {
    statTarget(path);
    return true;
  } catch {
    return false;
  }
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
