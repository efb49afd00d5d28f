import { fstatSync, lstatSync } from "node:fs";
import type { BigIntStats } from "node:fs";

import { nodePath } from "./path.ts";
import { loadPosix } from "./posix.ts";
import { deviceNumber, LITTLE, STATX, wideNumber, type StatxBuffer } from "./statx.ts";

/** What the system says of a file, exactly. Times are split: `seconds` may be negative, nanoseconds are 0 to 999,999,999. */
export interface FileStat {
  /** `st_mode`: type, setuid, setgid, sticky and permissions as Unix has them. */
  mode: number;
  uid: number;
  gid: number;
  inode: bigint;
  deviceId: bigint;
  links: number;
  /** In bytes; of a symlink the length of its target. */
  size: number;
  /** The device that a device node stands for, else 0. */
  rdev: bigint;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  ctimeSeconds: number;
  ctimeNanoseconds: number;
  atimeSeconds: number;
  atimeNanoseconds: number;
}

const BILLION = 1_000_000_000n;

/** lstat(2): of the entry itself, never of what a symlink points to. Throws the system's error (`ENOENT`, `EACCES`). */
export function statFile(path: Uint8Array): FileStat {
  const view = loadPosix()?.statx(path);
  // A sixth of the time goes into BigInts that would only be split again; statx avoids them.
  return view === undefined
    ? fromNode(lstatSync(nodePath(path), { bigint: true }))
    : fromStatx(view);
}

/** fstat(2) of an open file. */
export function statDescriptor(fd: number): FileStat {
  return fromNode(fstatSync(fd, { bigint: true }));
}

/** The same for the answer that Node gives; exported for the test that compares both ways. */
export function fromNode(stats: BigIntStats): FileStat {
  const [mtimeSeconds, mtimeNanoseconds] = splitTime(stats.mtimeNs);
  const [ctimeSeconds, ctimeNanoseconds] = splitTime(stats.ctimeNs);
  const [atimeSeconds, atimeNanoseconds] = splitTime(stats.atimeNs);
  return {
    mode: Number(stats.mode),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    inode: BigInt.asUintN(64, stats.ino),
    deviceId: BigInt.asUintN(64, stats.dev),
    links: Number(stats.nlink),
    size: Number(stats.size),
    rdev: BigInt.asUintN(64, stats.rdev),
    mtimeSeconds,
    mtimeNanoseconds,
    ctimeSeconds,
    ctimeNanoseconds,
    atimeSeconds,
    atimeNanoseconds,
  };
}

function splitTime(nanoseconds: bigint): [number, number] {
  let seconds = nanoseconds / BILLION;
  let rest = nanoseconds % BILLION;
  if (rest < 0n) {
    seconds -= 1n;
    rest += BILLION;
  }
  return [Number(seconds), Number(rest)];
}

function fromStatx(view: StatxBuffer): FileStat {
  return {
    mode: view.getUint16(STATX.mode, LITTLE),
    uid: view.getUint32(STATX.uid, LITTLE),
    gid: view.getUint32(STATX.gid, LITTLE),
    inode: view.getBigUint64(STATX.inode, LITTLE),
    deviceId: deviceNumber(
      view.getUint32(STATX.devMajor, LITTLE),
      view.getUint32(STATX.devMinor, LITTLE),
    ),
    links: view.getUint32(STATX.links, LITTLE),
    size: wideNumber(view, STATX.bytes),
    rdev: deviceNumber(
      view.getUint32(STATX.rdevMajor, LITTLE),
      view.getUint32(STATX.rdevMinor, LITTLE),
    ),
    mtimeSeconds: wideNumber(view, STATX.mtime),
    mtimeNanoseconds: view.getUint32(STATX.mtime + 8, LITTLE),
    ctimeSeconds: wideNumber(view, STATX.ctime),
    ctimeNanoseconds: view.getUint32(STATX.ctime + 8, LITTLE),
    atimeSeconds: wideNumber(view, STATX.atime),
    atimeNanoseconds: view.getUint32(STATX.atime + 8, LITTLE),
  };
}
