/**
 * From the sources that a user names to the top of the tree, as restic does it (restic format, section 8): an absolute source keeps
 * its whole path and every folder above it becomes a node; a relative one keeps its relative structure;
 * `.` and `..` stand for what is in them.
 *
 * @module
 */
import { readDirectory } from "../fs/directory.ts";
import { joinPath, toPathBytes } from "../fs/path.ts";

/** A place in the tree above and at the sources. */
export interface SourceNode {
  /** What is to be saved here with all that is below it; undefined for a folder on the way to sources. */
  path: Uint8Array | undefined;
  /** Where the metadata of a folder on the way is found. */
  infoPath: Uint8Array;
  /** Named by the user, so no exclude pattern applies to the source itself. */
  isExplicit: boolean;
  /** By the name's bytes as Latin-1 text. */
  children: Map<string, SourceNode>;
}

interface Source {
  readonly path: string;
  readonly isExplicit: boolean;
}

/**
 * Arrange sources in a tree. Paths are Latin-1 texts of their bytes inside, so that they can be taken apart as texts.
 *
 * @throws the error of the operating system if a folder that stands for its contents cannot be read.
 */
export function planSources(sources: readonly Uint8Array[]): SourceNode {
  const root = createNode("");
  for (const source of sources.map(latin1).flatMap(expandSource)) addSource(root, source);
  unroll(root);
  return root;
}

/** `.`, `..` and `/` have no name to be stored under: they stand for their entries. */
function expandSource(path: string): Source[] {
  const clean = cleanPath(path);
  if (nameParts(clean).length > 0) return [{ path: clean, isExplicit: true }];
  return readDirectory(bytes(clean)).map((name) => ({
    path: joinText(clean, latin1(name)),
    isExplicit: false,
  }));
}

function addSource(root: SourceNode, source: Source): void {
  const parts = nameParts(source.path);
  let place = rootOf(source.path);
  let parent = root;
  parts.forEach((part, depth) => {
    place = joinText(place, part);
    const node = childFor(parent, part, place, depth === 0);
    if (depth === parts.length - 1) {
      node.path = bytes(source.path);
      node.isExplicit = source.isExplicit;
    }
    parent = node;
  });
}

/** The child for `name` at `place`; at the top, another folder of the same name gets a number. */
function childFor(parent: SourceNode, name: string, place: string, atTop: boolean): SourceNode {
  for (let number = 0; ; number++) {
    const numbered = number === 0 ? name : `${name}-${number}`;
    const child = parent.children.get(numbered);
    if (child === undefined) {
      const created = createNode(place);
      parent.children.set(numbered, created);
      return created;
    }
    if (!atTop || latin1(child.infoPath) === place) return child;
  }
}

/** A source inside another source: the outer one is replaced by its entries, so that both are saved once. */
function unroll(node: SourceNode): void {
  if (node.path !== undefined && node.children.size > 0) {
    for (const name of readDirectory(node.path)) {
      const child = node.children.get(latin1(name)) ?? createNode("");
      if (child.path === undefined) child.path = joinPath(node.path, name);
      node.children.set(latin1(name), child);
    }
    node.path = undefined;
  }
  for (const child of node.children.values()) unroll(child);
}

function createNode(infoPath: string): SourceNode {
  return {
    path: undefined,
    infoPath: bytes(infoPath),
    isExplicit: false,
    children: new Map(),
  };
}

/** Names that a path has below its root; `..` at the beginning belongs to the root. */
function nameParts(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
}

function rootOf(path: string): string {
  if (path.startsWith("/")) return "/";
  const ups = path.split("/").filter((part) => part === "..");
  return ups.length === 0 ? "." : ups.join("/");
}

/** Without empty parts, `.`, and `..` after a name, as Go's filepath.Clean. */
function cleanPath(path: string): string {
  const isAbsolute = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    const last = kept.at(-1);
    if (part !== "..") kept.push(part);
    else if (last !== undefined && last !== "..") kept.pop();
    else if (!isAbsolute) kept.push(part);
  }
  return (isAbsolute ? "/" : "") + kept.join("/") || ".";
}

function joinText(directory: string, name: string): string {
  if (directory === ".") return name;
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

function latin1(path: Uint8Array): string {
  return Buffer.from(path).toString("latin1");
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The absolute, clean form of a source as a snapshot records it, seen from the working directory. */
export function absoluteSource(path: Uint8Array, workingDirectory: string): Uint8Array {
  const text = latin1(path);
  if (text.startsWith("/")) return bytes(cleanPath(text));
  const base = latin1(toPathBytes(workingDirectory));
  return bytes(cleanPath(`${base}/${text}`));
}
