import type { ArchiveEntry, ArchiveItem, ArchiveKind, ArchiveTime } from "../archive/entry.ts";
import type { CallOptions } from "../backend/backend.ts";
import { fromHex } from "../bytes/hex.ts";
import { TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { parseTime } from "../format/time.ts";
import { unixMode } from "../fs/mode.ts";
import { joinPath, printablePath } from "../fs/path.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { walkTree } from "../repository/walk-tree.ts";
import { readContents, type ContentStep, type Passing } from "./read-contents.ts";

/** Told of what is not in the archive, and why: because the snapshot is wrong, or because archives of the kind have no such thing. */
export type SkipListener = (path: Uint8Array, reason: string, isWrong: boolean) => void;

/** An entry, and how many blobs of contents follow. */
interface Announced {
  readonly entry: ArchiveEntry;
  readonly blobs: number;
}

const KINDS: ReadonlySet<string> = new Set<ArchiveKind>([
  "file",
  "dir",
  "symlink",
  "dev",
  "chardev",
  "fifo",
]);

/**
 * Everything below a folder for an archive, directories before what is in them. Contents are read ahead, also those of the next
 * files.
 */
export async function* archiveItems(
  repository: Repository,
  source: { readonly path: Uint8Array; readonly tree: string },
  options: CallOptions & { readonly onSkipped?: SkipListener | undefined },
): AsyncGenerator<ArchiveItem, void, undefined> {
  const index = await repository.loadIndex(options);
  const steps = listSteps(repository, index, source, options);
  const parts = readContents(repository, index, steps, options);
  try {
    for (let part = await parts.next(); part.done !== true; part = await parts.next()) {
      const { entry, blobs } = (part.value as Passing<Announced>).item;
      yield { entry, contents: take(parts, blobs) };
    }
  } finally {
    await parts.return();
  }
}

async function* take(
  parts: AsyncGenerator<Uint8Array | Passing<Announced>, void, undefined>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let taken = 0; taken < count; taken++) {
    const part = await parts.next();
    if (part.done !== true && part.value instanceof Uint8Array) yield part.value;
  }
}

async function* listSteps(
  repository: Repository,
  index: BlobIndex,
  source: { readonly path: Uint8Array; readonly tree: string },
  { onSkipped, ...options }: CallOptions & { readonly onSkipped?: SkipListener | undefined },
): AsyncGenerator<ContentStep<Announced>, void, undefined> {
  let skipped: Uint8Array | undefined;
  const enter = ({ path }: { readonly path: Uint8Array }): boolean => path !== skipped;
  for await (const { path, node, isRepeated } of walkTree(repository, source.tree, {
    ...options,
    enter,
  })) {
    const full = joinPath(source.path, path.subarray(1)).subarray(1);
    const reason = isRepeated ? REPEATED : refusalOf(node);
    if (reason !== undefined) {
      skipped = path;
      if (reason !== "") onSkipped?.(full, reason, true);
      continue;
    }
    const content = node.type === "file" ? (node.content ?? []) : [];
    const size = content.reduce((sum, id) => sum + plainLength(index, id, full), 0);
    yield { item: { entry: describeEntry(node, full, size), blobs: content.length } };
    yield* content;
  }
}

/** Behind a symlink of its name, it would be unpacked to where that leads. */
const REPEATED = "its folder has another entry of this name";

/** Why an entry must be left out; "" if that is nothing to speak of. */
function refusalOf({ name, type }: Node): string | undefined {
  const isDots = name.length <= 2 && name.every((byte) => byte === 0x2e);
  // Whoever unpacks the archive shall not be led elsewhere.
  if (isDots || name.includes(0x2f) || name.includes(0)) return "its name is not a file name";
  if (KINDS.has(type)) return undefined;
  // As restic: a socket has nothing to restore.
  return type === "socket" ? "" : `its type "${type}" is unknown`;
}

function describeEntry(node: Node, path: Uint8Array, size: number): ArchiveEntry {
  const { uid, gid, user, group, device } = node;
  return {
    path,
    kind: node.type as ArchiveKind,
    mode: unixMode(node.mode),
    uid,
    gid,
    user,
    group,
    size,
    mtime: timeOf(node.mtime),
    atime: timeOf(node.atime),
    linkTarget: node.type === "symlink" ? (node.linkTarget ?? NOTHING) : NOTHING,
    device: splitDevice(device),
    attributes: node.extendedAttributes.map(({ name, value }) => ({
      name,
      value: value ?? NOTHING,
    })),
  };
}

const NOTHING = new Uint8Array(0);

function timeOf(text: string): ArchiveTime {
  return parseTime(text);
}

/** As Linux puts the two numbers into one (makedev(3)). */
function splitDevice(device: bigint): { major: number; minor: number } {
  const low = Number(device & 0xffff_ffffn);
  const high = Number(device >> 32n);
  return {
    major: ((low >>> 8) & 0xfff) + (high & 0xffff_f000),
    minor: (low & 0xff) + ((low >>> 12) & 0xf_ff00) + (high & 0xfff) * 2 ** 20,
  };
}

function plainLength(index: BlobIndex, id: string, path: Uint8Array): number {
  const length = index.plainLength("data", fromHex(id));
  if (length !== undefined) return length;
  throw new TsbakError(
    "not-found",
    `Cannot dump "${printablePath(path)}": blob ${id.slice(0, 8)} is not in the index; run "tsbak verify"`,
  );
}
