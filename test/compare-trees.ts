import { spawnSync } from "node:child_process";
import { createHash, type Hash } from "node:crypto";
import * as fs from "node:fs";
import { showRaw, toPath, toRaw } from "./raw-path.ts";
import { walkTree } from "./walk-tree.ts";

export interface CompareOptions {
  /** Compare the two folders themselves too. Off unless given: a snapshot of `.` does not hold its folder. */
  readonly root?: boolean | undefined;
}

/**
 * How the tree `b` differs from the tree `a`, one line each, none if they are equal. Two judges are asked: `rsync`, by
 * checksum, and a walk of our own that also sees nanoseconds, device numbers and which names are one file.
 */
export function compareTrees(a: string, b: string, options: CompareOptions = {}): string[] {
  const differences = [...compareByRsync(a, b), ...compareByWalk(a, b)];
  return options.root ? [...differences, ...compareRoots(a, b)] : differences;
}

function compareByRsync(a: string, b: string): string[] {
  const args = [
    "-aHni",
    "--numeric-ids",
    "--checksum",
    "--delete",
    "--modify-window=-1",
    `${a}/`,
    `${b}/`,
  ];
  const result = spawnSync("rsync", args, { encoding: "utf8", maxBuffer: 2 ** 30 });
  if (result.error) throw result.error;
  const lines = result.stdout
    .split("\n")
    .filter((line) => line !== "" && !/^\.d\S+ \.\/$/.test(line));
  if (result.status !== 0) lines.push(`fails with ${result.status}: ${result.stderr.trim()}`);
  return lines.map((line) => `rsync: ${line}`);
}

function compareByWalk(a: string, b: string): string[] {
  const [before, after] = [describeTree(a), describeTree(b)];
  const differences: string[] = [];
  for (const [path, entry] of before) {
    const other = after.get(path);
    if (other === undefined) differences.push(`${showRaw(path)}: is missing`);
    else if (other !== entry) differences.push(`${showRaw(path)}: ${other}, expected ${entry}`);
  }
  for (const path of after.keys())
    if (!before.has(path)) differences.push(`${showRaw(path)}: is not in the source`);
  return differences;
}

function compareRoots(a: string, b: string): string[] {
  const [before, after] = [a, b].map((path) => describeStats(fs.lstatSync(path, { bigint: true })));
  return before === after ? [] : [`the folder itself: ${after}, expected ${before}`];
}

/** Each path below `root` (raw), with one line that holds all that a restore must bring back. */
export function describeTree(root: string): Map<string, string> {
  const base = toRaw(root);
  const firstNames = new Map<string, string>();
  const lines = new Map<string, string>();
  for (const { path, stats } of walkTree(base)) {
    let line = describeStats(stats);
    if (stats.isFile()) line += ` sha256 ${hashFile(`${base}/${path}`)}`;
    if (stats.isSymbolicLink())
      line += ` to ${showRaw(fs.readlinkSync(toPath(`${base}/${path}`), "buffer").toString("latin1"))}`;
    if (!stats.isDirectory() && stats.nlink > 1n) {
      const identity = `${stats.dev} ${stats.ino}`;
      const first = firstNames.get(identity);
      if (first === undefined) firstNames.set(identity, path);
      else line += ` same file as ${showRaw(first)}`;
    }
    lines.set(path, line);
  }
  return lines;
}

function describeStats(stats: fs.BigIntStats): string {
  const owner = `owner ${stats.uid}:${stats.gid}`;
  const line = `mode ${stats.mode.toString(8)} ${owner} mtime ${stats.mtimeNs}`;
  if (stats.isFile()) return `${line} size ${stats.size}`;
  return stats.isBlockDevice() || stats.isCharacterDevice() ? `${line} device ${stats.rdev}` : line;
}

const buffer = Buffer.allocUnsafe(1024 * 1024);

function hashFile(raw: string): string {
  const hash: Hash = createHash("sha256");
  const file = fs.openSync(toPath(raw), "r");
  try {
    for (let read = 0; (read = fs.readSync(file, buffer)) > 0;)
      hash.update(buffer.subarray(0, read));
  } finally {
    fs.closeSync(file);
  }
  return hash.digest("hex");
}
