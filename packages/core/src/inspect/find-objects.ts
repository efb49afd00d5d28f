import type { CallOptions } from "../backend/backend.ts";
import { toHex } from "../bytes/hex.ts";
import { TsbakError } from "../errors.ts";
import type { BlobType } from "../format/blob-type.ts";
import { toPathBytes } from "../fs/path.ts";
import { readPackHeader } from "../repository/read-pack-header.ts";
import type { Repository } from "../repository/repository.ts";
import { findByPrefix } from "../repository/snapshots.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import type { FindOptions } from "./find.ts";
import { visitTree } from "./visit-tree.ts";

/** Blobs that are looked for, by their full ids. */
export interface WantedObjects {
  readonly blobs: ReadonlySet<string>;
  readonly trees: ReadonlySet<string>;
}

/** A place where something that was looked for is used. */
export interface FoundObject {
  readonly kind: "blob" | "tree";
  readonly id: string;
  readonly path: Uint8Array;
  /** Of a blob: the tree that lists the file. */
  readonly parentTree: string | undefined;
}

/**
 * The blobs of a type that prefixes of ids, or full ids, mean.
 *
 * @throws {TsbakError} `invalid-argument` for what is no beginning of an id, `not-found` for one that the index does not
 * know. A full id need not be known.
 */
export async function resolveObjects(
  repository: Repository,
  type: BlobType,
  prefixes: readonly string[],
  options: CallOptions = {},
): Promise<WantedObjects> {
  const full = new Set(prefixes.map(checkPrefix).filter((prefix) => prefix.length === 64));
  const short = prefixes.filter((prefix) => prefix.length < 64);
  const found = new Set<string>();
  if (short.length > 0) {
    const index = await repository.loadIndex(options);
    index.forEach((entry) => {
      const prefix = entry.type === type && short.find((text) => entry.id.startsWith(text));
      if (typeof prefix !== "string") return;
      found.add(prefix);
      full.add(entry.id);
    });
  }
  const missing = short.find((prefix) => !found.has(prefix));
  if (missing !== undefined) throw unknownObject(type === "tree" ? "tree" : "blob", missing);
  const none = new Set<string>();
  return type === "tree" ? { blobs: none, trees: full } : { blobs: full, trees: none };
}

/**
 * Everything in the packs that prefixes of names mean, also in packs that no index lists.
 *
 * @throws {TsbakError} as `resolveObjects`, and `corrupt` if a pack that no index lists cannot be read.
 */
export async function resolvePacks(
  repository: Repository,
  prefixes: readonly string[],
  options: CallOptions = {},
): Promise<WantedObjects> {
  prefixes.forEach(checkPrefix);
  const index = await repository.loadIndex(options);
  const wanted = { blobs: new Set<string>(), trees: new Set<string>() };
  const add = (type: BlobType, id: string): void => {
    (type === "tree" ? wanted.trees : wanted.blobs).add(id);
  };
  const prefixOf = index.packs.map((name) => prefixes.find((text) => name.startsWith(text)));
  index.forEach(({ type, id, packNumber }) => {
    if (prefixOf[packNumber] !== undefined) add(type, id);
  });
  const unlisted = prefixes.filter((prefix) => !prefixOf.includes(prefix));
  const names = unlisted.length === 0 ? [] : await repository.listNames("pack", options);
  for (const prefix of unlisted) {
    const name = findByPrefix(names, prefix, "pack");
    const entries = await readPackHeader(repository, name, options);
    for (const { type, id } of entries) add(type, toHex(id));
  }
  return wanted;
}

/**
 * Look for the places below a tree where blobs and trees are used. As restic does, this ends when there are as many places of trees as
 * were looked for, unless data is looked for, too.
 */
export async function findObjects(
  repository: Repository,
  root: string,
  { blobs, trees }: WantedObjects,
  { onFound, onUnreadable, ...options }: FindOptions<FoundObject>,
): Promise<void> {
  const loader = new TreeLoader(repository, await repository.loadIndex(options), options);
  let places = 0;
  /** True if there is nothing more to be found. */
  const noteTree = (id: string, path: Uint8Array): boolean => {
    if (!trees.has(id)) return false;
    onFound({ kind: "tree", id, path, parentTree: undefined });
    return ++places >= trees.size && blobs.size === 0;
  };
  if (noteTree(root, toPathBytes("/"))) return;
  await visitTree(loader, root, {
    visit: ({ path, node, parentTree }) => {
      if (node.type === "file") {
        for (const id of node.content ?? []) {
          if (blobs.has(id)) onFound({ kind: "blob", id, path, parentTree });
        }
      }
      if (node.type !== "dir" || node.subtree === undefined) return "pass";
      return noteTree(node.subtree, path) ? "stop" : "enter";
    },
    onUnreadable,
    signal: options.signal,
  });
}

function checkPrefix(text: string): string {
  if (/^[0-9a-f]{1,64}$/.test(text)) return text;
  throw new TsbakError("invalid-argument", `Cannot find "${text}": it is no beginning of an ID`);
}

function unknownObject(what: string, prefix: string): TsbakError {
  return new TsbakError(
    "not-found",
    `Cannot find ${what} "${prefix}": the index knows none whose ID begins so; see "tsbak list blobs"`,
  );
}
