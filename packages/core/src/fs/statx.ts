/**
 * The answer of statx(2) as it lies in memory. Taken apart field by field where it is needed, it costs no object and no
 * BigInt.
 *
 * @module
 */
import { endianness } from "node:os";

/** Memory that holds the answer of statx(2); the fields lie where `STATX` says, in the machine's order. */
export type StatxBuffer = DataView<ArrayBuffer>;

/** Offsets in `struct statx`, which is the same on every architecture (linux/stat.h). */
export const STATX = {
  size: 256,
  mask: 0,
  attributes: 8,
  links: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  inode: 32,
  bytes: 40,
  atime: 64,
  birth: 80,
  ctime: 96,
  mtime: 112,
  rdevMajor: 128,
  rdevMinor: 132,
  devMajor: 136,
  devMinor: 140,
} as const;

/** Arguments of statx(2): relative to the working directory, of a symlink itself, and what lstat would tell (linux/stat.h). */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const STATX_BASIC_STATS = 0x7ff;
/** To be added for the time of birth; the answer's mask tells whether the file system knows it. */
export const STATX_BTIME = 0x800;

/** True where `struct statx` is to be read with the low byte first. */
export const LITTLE: boolean = endianness() === "LE";

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
