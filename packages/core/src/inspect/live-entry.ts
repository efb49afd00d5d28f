import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { throwIfAborted } from "../async/interrupted.ts";
import { fromHex } from "../bytes/hex.ts";
import { TsbakError } from "../errors.ts";
import type { Node } from "../format/node.ts";
import { compareTimes, parseTime } from "../format/time.ts";
import { readAttributes } from "../fs/attributes.ts";
import { goMode, nodeType } from "../fs/mode.ts";
import { readLink, SourceFile } from "../fs/source-file.ts";
import type { FileStat } from "../fs/stat.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import { hasSameAttributes, isSameText } from "./compare-nodes.ts";

/** An entry of the disk. */
export interface LiveEntry {
  readonly path: Uint8Array;
  readonly stat: FileStat;
}

const READ_SIZE = 1 << 20;

/** True if size, times and inode say that a file was not written to since it was saved. */
export function seemsUnchanged(node: Node, { stat }: LiveEntry): boolean {
  return (
    node.size === stat.size &&
    node.inode === stat.inode &&
    isTime(node.mtime, stat.mtimeSeconds, stat.mtimeNanoseconds) &&
    isTime(node.ctime, stat.ctimeSeconds, stat.ctimeNanoseconds)
  );
}

/** True if an entry of the same type has all the metadata that a restore brings back. Throws the system's error. */
export function hasRestoredMetadata(node: Node, { path, stat }: LiveEntry): boolean {
  const type = nodeType(stat.mode);
  const isDevice = type === "dev" || type === "chardev";
  return (
    node.mode === goMode(stat.mode) &&
    node.uid === stat.uid &&
    node.gid === stat.gid &&
    isTime(node.mtime, stat.mtimeSeconds, stat.mtimeNanoseconds) &&
    (!isDevice || node.device === stat.rdev) &&
    (type !== "symlink" || isSameText(node.linkTarget, readLink(path))) &&
    hasSameAttributes(node.extendedAttributes, readAttributes(path))
  );
}

function isTime(text: string, seconds: number, nanoseconds: number): boolean {
  return compareTimes(parseTime(text), { seconds, nanoseconds, offsetSeconds: 0 }) === 0;
}

/**
 * True if a file of the disk has the contents of a node: it is read in the pieces that the node is made of, and each is hashed.
 *
 * @throws {TsbakError} `not-found` if the index does not know a blob; throws the system's error, too.
 */
export async function hasContents(
  index: BlobIndex,
  node: Node,
  { path, stat }: LiveEntry,
  signal?: AbortSignal,
): Promise<boolean> {
  const ids = node.content ?? [];
  const lengths = ids.map((id) => plainLength(index, id));
  if (lengths.reduce((sum, length) => sum + length, 0) !== stat.size) return false;
  const file = new SourceFile(path, stat.size);
  const memory = new Uint8Array(READ_SIZE);
  try {
    let position = 0;
    for (const [at, id] of ids.entries()) {
      throwIfAborted(signal);
      const length = lengths[at] as number;
      if (hashPart(file, memory, position, length) !== id) return false;
      file.forget(position, length);
      position += length;
      // Signals are heard only between two pieces.
      await setImmediate();
    }
    return true;
  } finally {
    file.close();
  }
}

function hashPart(file: SourceFile, memory: Uint8Array, start: number, length: number): string {
  const hash = createHash("sha256");
  for (let done = 0; done < length;) {
    const wanted = Math.min(READ_SIZE, length - done);
    const count = file.read(memory, 0, wanted, start + done);
    if (count === 0) break;
    hash.update(memory.subarray(0, count));
    done += count;
  }
  return hash.digest("hex");
}

function plainLength(index: BlobIndex, id: string): number {
  const length = index.plainLength("data", fromHex(id));
  if (length !== undefined) return length;
  throw new TsbakError(
    "not-found",
    `Cannot compare contents: blob ${id.slice(0, 8)} is not in the index; run "tsbak verify"`,
  );
}
