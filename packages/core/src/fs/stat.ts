import { fstatSync, lstatSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { endianness } from "node:os";

import { nodePath } from "./path.ts";
import { loadPosix, STATX } from "./posix.ts";
import type { StatxBuffer } from "./posix.ts";

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
/** True where `struct statx` is to be read with the low byte first. */
export const LITTLE: boolean = endianness() === "LE";

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

/** A signed 64-bit field of which no real value exceeds 2^53. */
export function wideNumber(view: StatxBuffer, offset: number): number {
  const low = view.getUint32(LITTLE ? offset : offset + 4, LITTLE);
  const high = view.getInt32(LITTLE ? offset + 4 : offset, LITTLE);
  return high * 4_294_967_296 + low;
}

let lastMajor = 0;
let lastMinor = 0;
let lastDevice = 0n;

/** As `st_dev` has it: the C library's makedev(3). Nearly every file lies on the same device as the one before. */
export function deviceNumber(major: number, minor: number): bigint {
  if (major === 0 && minor === 0) return 0n;
  if (major === lastMajor && minor === lastMinor) return lastDevice;
  const [wideMajor, wideMinor] = [BigInt(major), BigInt(minor)];
  lastMajor = major;
  lastMinor = minor;
  lastDevice =
    ((wideMajor & 0xfffff000n) << 32n) |
    ((wideMajor & 0xfffn) << 8n) |
    ((wideMinor & 0xffffff00n) << 12n) |
    (wideMinor & 0xffn);
  return lastDevice;
}
