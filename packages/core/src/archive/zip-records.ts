/**
 * The records of a zip archive (PKWARE APPNOTE 6.3.10), with the extra fields of Info-ZIP for times and owners.
 *
 * @module
 */
import type { ArchiveEntry, ArchiveTime } from "./entry.ts";

/** How contents are kept. */
export const ZIP_METHOD = { stored: 0, deflated: 8 } as const;

/** What is known of the contents of an entry. */
export interface ZipContents {
  readonly method: (typeof ZIP_METHOD)[keyof typeof ZIP_METHOD];
  readonly crc: number;
  /** In the archive, and as they were, in bytes. */
  readonly packed: number;
  readonly plain: number;
  /** True if these numbers were not known when the entry began: they follow its contents. */
  readonly isStreamed: boolean;
  /** True if its numbers are written with 64 bits there. */
  readonly isWide: boolean;
}

/** The largest number that 32 bits can hold; it means that the number is elsewhere. */
const NARROW = 0xffff_ffff;
const LOCAL_HEADER = 0x0403_4b50;
const CENTRAL_HEADER = 0x0201_4b50;
const DESCRIPTOR = 0x0807_4b50;
const WIDE_END = 0x0606_4b50;
const WIDE_END_LOCATOR = 0x0706_4b50;
const END = 0x0605_4b50;
const STREAMED = 1 << 3;
const UTF8 = 1 << 11;
const VERSION = 20;
const WIDE_VERSION = 45;
/** "Made by" Unix: modes are in the upper half of the attributes. */
const UNIX = 3 << 8;
const DIRECTORY_ATTRIBUTE = 0x10;

/** What stands before the contents of an entry. */
export function encodeLocalHeader(entry: ArchiveEntry, contents: ZipContents): Uint8Array {
  const { isStreamed, isWide } = contents;
  const extra = isWide ? [wideExtra([0, 0])] : [];
  const [crc, packed, plain] = isStreamed
    ? [0, isWide ? NARROW : 0, isWide ? NARROW : 0]
    : [contents.crc, contents.packed, contents.plain];
  const name = nameOf(entry);
  const extras = Buffer.concat([...extra, ...metadataExtras(entry)]);
  const { date, time } = wallClock(entry.mtime);
  const fields = [
    ...[u32(LOCAL_HEADER), u16(isWide ? WIDE_VERSION : VERSION), u16(flagsOf(name, isStreamed))],
    ...[u16(contents.method), u16(time), u16(date), u32(crc), u32(packed), u32(plain)],
    ...[u16(name.length), u16(extras.length)],
  ];
  return Buffer.concat([...fields, name, extras]);
}

/** What follows the contents of a streamed entry. */
export function encodeDescriptor({ crc, packed, plain, isWide }: ZipContents): Uint8Array {
  const sizes = isWide ? [u64(packed), u64(plain)] : [u32(packed), u32(plain)];
  return Buffer.concat([u32(DESCRIPTOR), u32(crc), ...sizes]);
}

/** What the directory at the end says of an entry that begins at `offset`. */
export function encodeCentralHeader(
  entry: ArchiveEntry,
  contents: ZipContents,
  offset: number,
): Uint8Array {
  const { packed, plain, isStreamed } = contents;
  const wide = [plain, packed, offset].filter((value) => value >= NARROW);
  const isWide = wide.length > 0 || contents.isWide;
  const name = nameOf(entry);
  const extras = Buffer.concat([
    ...(wide.length > 0 ? [wideExtra(wide)] : []),
    ...metadataExtras(entry),
  ]);
  const { date, time } = wallClock(entry.mtime);
  const version = isWide ? WIDE_VERSION : VERSION;
  const attributes = entry.mode * 2 ** 16 + (entry.kind === "dir" ? DIRECTORY_ATTRIBUTE : 0);
  const fields = [
    ...[u32(CENTRAL_HEADER), u16(UNIX | version), u16(version), u16(flagsOf(name, isStreamed))],
    ...[u16(contents.method), u16(time), u16(date), u32(contents.crc)],
    ...[narrow(packed), narrow(plain), u16(name.length), u16(extras.length)],
    // No comment, on the first disk, not known to be text.
    ...[u16(0), u16(0), u16(0), u32(attributes), narrow(offset)],
  ];
  return Buffer.concat([...fields, name, extras]);
}

/** The end of an archive whose directory has so many entries and bytes, and begins at `offset`. */
export function encodeEnd(entries: number, size: number, offset: number): Uint8Array {
  const isWide = entries >= 0xffff || size >= NARROW || offset >= NARROW;
  const wide = [
    ...[u32(WIDE_END), u64(44), u16(UNIX | WIDE_VERSION), u16(WIDE_VERSION), u32(0), u32(0)],
    ...[u64(entries), u64(entries), u64(size), u64(offset)],
    ...[u32(WIDE_END_LOCATOR), u32(0), u64(offset + size), u32(1)],
  ];
  const count = u16(Math.min(entries, 0xffff));
  const end = [u32(END), u16(0), u16(0), count, count, narrow(size), narrow(offset), u16(0)];
  return Buffer.concat([...(isWide ? wide : []), ...end]);
}

function nameOf({ path, kind }: ArchiveEntry): Uint8Array {
  return kind === "dir" ? Buffer.concat([path, Buffer.of(0x2f)]) : path;
}

/** Names are in UTF-8 where they can be, and else in whatever they are. */
function flagsOf(name: Uint8Array, isStreamed: boolean): number {
  const isAscii = name.every((byte) => byte < 0x80);
  const isText = Buffer.from(Buffer.from(name).toString()).equals(name);
  return (isStreamed ? STREAMED : 0) | (isText && !isAscii ? UTF8 : 0);
}

function metadataExtras({ mtime, uid, gid }: ArchiveEntry): Uint8Array[] {
  const owner = extraField(0x7875, [Buffer.of(1, 4), u32(uid), Buffer.of(4), u32(gid)]);
  const { seconds } = mtime;
  if (seconds < -(2 ** 31) || seconds >= 2 ** 31) return [owner];
  return [extraField(0x5455, [Buffer.of(1), u32(seconds >>> 0)]), owner];
}

function wideExtra(values: readonly number[]): Uint8Array {
  return extraField(0x0001, values.map(u64));
}

function extraField(id: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  return Buffer.concat([u16(id), u16(body.length), body]);
}

/** Date and time of MS-DOS, which begins in 1980 and counts every other second. */
function wallClock({ seconds, offsetSeconds }: ArchiveTime): { date: number; time: number } {
  const date = new Date((seconds + offsetSeconds) * 1000);
  const year = date.getUTCFullYear();
  if (!(year >= 1980)) return { date: (1 << 5) | 1, time: 0 };
  if (year > 2107) return { date: (127 << 9) | (12 << 5) | 31, time: 0 };
  return {
    date: ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate(),
    time: (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1),
  };
}

function narrow(value: number): Uint8Array {
  return u32(Math.min(value, NARROW));
}

function u16(value: number): Uint8Array {
  return Buffer.of(value & 0xff, value >>> 8);
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
