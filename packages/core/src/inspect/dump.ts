/**
 * What a snapshot holds, as one stream of bytes: the contents of a file, or a folder as an archive.
 *
 * @module
 */
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import type { ArchiveItem } from "../archive/entry.ts";
import { writeTar } from "../archive/tar.ts";
import { writeZip } from "../archive/zip.ts";
import type { CallOptions } from "../backend/backend.ts";
import { equalBytes } from "../bytes/compare.ts";
import { TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import { joinPath, printablePath, splitPath, toPathBytes } from "../fs/path.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import { archiveItems, type SkipListener } from "./archive-items.ts";
import { gatherChunks } from "./gather-chunks.ts";
import { readContents } from "./read-contents.ts";

/** Kinds of archives. */
export type ArchiveFormat = "tar" | "tar.gz" | "zip";

/** A file or folder of a snapshot that can be dumped. */
export interface DumpSource {
  /** From the root tree where it was looked for; `/` for all. */
  readonly path: Uint8Array;
  /** The file, or undefined for a folder. */
  readonly file: Node | undefined;
  /** The tree of a folder, or "". */
  readonly tree: string;
}

/**
 * Find a file or folder below the tree `root`.
 *
 * @throws {TsbakError} `not-found` if there is none, `invalid-argument` if it is neither a file nor a folder.
 */
export async function findDumpSource(
  repository: Repository,
  root: string,
  path: string,
  options: CallOptions = {},
): Promise<DumpSource> {
  const trees = new TreeLoader(repository, await repository.loadIndex(options), options);
  let source: DumpSource = { path: toPathBytes("/"), file: undefined, tree: root };
  for (const name of splitPath(toPathBytes(path))) {
    if (equalBytes(name, HERE)) continue;
    if (source.file !== undefined) throw notThere(path, "a part of it is a file, not a folder");
    const nodes = decodeTree(await trees.load(source.tree));
    const node = nodes.find((other) => equalBytes(other.name, name));
    if (node === undefined) throw notThere(path, `there is no "${printablePath(name)}"`);
    source = sourceOf(joinPath(source.path, name), node, path);
  }
  return source;
}

const HERE = toPathBytes(".");

function sourceOf(path: Uint8Array, node: Node, wanted: string): DumpSource {
  if (node.type === "file") return { path, file: node, tree: "" };
  if (node.type === "dir" && node.subtree !== undefined) {
    return { path, file: undefined, tree: node.subtree };
  }
  throw new TsbakError(
    "invalid-argument",
    `Cannot dump "${wanted}": it is a ${node.type}; only files and folders can be dumped`,
  );
}

function notThere(path: string, reason: string): TsbakError {
  return new TsbakError("not-found", `Cannot find "${path}" in the snapshot: ${reason}`);
}

/** The contents of a file, in pieces. */
export async function* dumpFile(
  repository: Repository,
  file: Node,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const index = await repository.loadIndex(options);
  for await (const part of readContents<never>(repository, index, file.content ?? [], options)) {
    if (part instanceof Uint8Array) yield part;
  }
}

/**
 * A folder as an archive, in pieces; names in it are from the root, without a slash at the beginning. What an archive cannot
 * hold is told to `onSkipped`.
 *
 * @throws {TsbakError} `not-found` or `corrupt` if anything cannot be read; the archive is incomplete then.
 */
export async function* dumpFolder(
  repository: Repository,
  source: DumpSource,
  format: ArchiveFormat,
  options: CallOptions & { readonly onSkipped?: SkipListener | undefined } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const items = archiveItems(repository, source, options);
  const chunks = gatherChunks(
    format === "zip" ? writeZip(withoutDevices(items, options.onSkipped)) : writeTar(items),
  );
  yield* format === "tar.gz" ? gzip(chunks) : chunks;
}

/** No program makes devices and fifos of what a zip says. */
async function* withoutDevices(
  items: AsyncIterable<ArchiveItem>,
  onSkipped: SkipListener | undefined,
): AsyncGenerator<ArchiveItem, void, undefined> {
  for await (const item of items) {
    const { kind, path } = item.entry;
    if (kind === "file" || kind === "dir" || kind === "symlink") yield item;
    else onSkipped?.(path, `a zip cannot hold a ${kind}`, false);
  }
}

async function* gzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const compressor = createGzip();
  const feeding = pipeline(Readable.from(chunks, { objectMode: true }), compressor);
  // Its failure is thrown below, or where the compressor is read.
  feeding.catch(() => undefined);
  for await (const chunk of compressor) yield chunk as Uint8Array;
  await feeding;
}
