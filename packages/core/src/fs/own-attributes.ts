/**
 * What only we record of an entry, beside what restic does, as generic attributes of its node (restic format, section 8): restic
 * keeps those that it does not know, and says so once in a restore.
 *
 * @module
 */
import type { JsonObject } from "../format/json.ts";
import { formatTime } from "../format/time.ts";
import { loadPosix } from "./posix.ts";
import {
  LITTLE,
  STATX,
  STATX_BASIC_STATS,
  STATX_BTIME,
  wideNumber,
  type StatxBuffer,
} from "./statx.ts";

/** Which of them are wanted. */
export interface OwnAttributesWish {
  /** When the entry was made: it cannot be restored, but shown. */
  readonly withBirthTime: boolean;
  /** Whether the entry is immutable, append-only or not to be dumped (chattr(1)). */
  readonly withInodeFlags: boolean;
}

const BIRTH_TIME = "tsbak.birth_time";
const INODE_FLAGS = "tsbak.inode_flags";
/**
 * Immutable 0x10, append-only 0x20 and not to be dumped 0x40: the values are the same for statx(2), which tells them without the file
 * being opened, and for ioctl_iflags(2), which sets them.
 */
export const KEPT_FLAGS = 0x70;

/** What statx(2) must be asked for. */
export function statxMask({ withBirthTime }: OwnAttributesWish): number {
  return withBirthTime ? STATX_BASIC_STATS | STATX_BTIME : STATX_BASIC_STATS;
}

/** The wanted attributes in an answer of statx(2); undefined if there are none. */
export function ownAttributes(state: StatxBuffer, wish: OwnAttributesWish): JsonObject | undefined {
  const found: JsonObject = {};
  if (wish.withBirthTime && (state.getUint32(STATX.mask, LITTLE) & STATX_BTIME) !== 0) {
    const seconds = wideNumber(state, STATX.birth);
    const nanoseconds = state.getUint32(STATX.birth + 8, LITTLE);
    found[BIRTH_TIME] = formatTime({ seconds, nanoseconds, offsetSeconds: 0 });
  }
  const flags = Number(state.getBigUint64(STATX.attributes, LITTLE) & BigInt(KEPT_FLAGS));
  if (wish.withInodeFlags && flags !== 0) found[INODE_FLAGS] = flags;
  return Object.keys(found).length === 0 ? undefined : found;
}

/**
 * The same by path, of the entry itself and only if it has this inode number: else somebody followed a symlink or put another in
 * its place. Undefined where the system cannot tell.
 *
 * Throws the system's error.
 */
export function readOwnAttributes(
  path: Uint8Array,
  inode: bigint,
  wish: OwnAttributesWish,
): JsonObject | undefined {
  if (!wish.withBirthTime && !wish.withInodeFlags) return undefined;
  const state = loadPosix()?.statx(path, statxMask(wish));
  if (state === undefined || state.getBigUint64(STATX.inode, LITTLE) !== inode) return undefined;
  return ownAttributes(state, wish);
}

/** The inode flags that were recorded in a node, 0 for none; others than `KEPT_FLAGS` are not ours. */
export function recordedFlags(attributes: JsonObject | undefined): number {
  const flags = attributes?.[INODE_FLAGS];
  return typeof flags === "number" && Number.isInteger(flags) ? flags & KEPT_FLAGS : 0;
}
