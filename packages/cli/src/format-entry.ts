import { printablePath, type Node } from "@tsbak/core";
import { formatLocalTime, formatSize } from "./format-text.ts";
import { formatGoMode } from "./go-mode.ts";

/** How an entry is shown. */
export interface EntryFlags {
  readonly long?: boolean;
  readonly humanReadable?: boolean;
}

/** What a listing shows of an entry: its path, or with `long` all that `ls -l` shows. */
export interface ListedEntry {
  readonly path: Uint8Array;
  readonly node: Node;
}

/** Bits of Go's `FileMode` for the types that a mode may lack in old repositories. */
const TYPE_BITS: Readonly<Record<string, number>> = {
  dir: 2 ** 31,
  symlink: 2 ** 27,
  dev: 2 ** 26,
  chardev: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
};

/** One line for people, without control characters. */
export function formatEntry({ path, node }: ListedEntry, flags: EntryFlags): string {
  const name = printablePath(path);
  if (flags.long !== true) return name;
  const { mode, uid, gid, linkTarget, mtime, type } = node;
  const bytes = type === "file" ? node.size : 0;
  const size = flags.humanReadable === true ? formatSize(bytes) : String(bytes).padStart(6);
  const owner = `${String(uid).padStart(5)} ${String(gid).padStart(5)}`;
  const bits = formatGoMode((mode | (TYPE_BITS[type] ?? 0)) >>> 0);
  const target = printablePath(linkTarget ?? new Uint8Array());
  const line = `${bits} ${owner} ${size} ${formatLocalTime(mtime)} ${name}`;
  return type === "symlink" ? `${line} -> ${target}` : line;
}
