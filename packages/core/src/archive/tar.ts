/**
 * Archives in the pax form of tar (POSIX.1-2017): the old header where it can hold everything, and before it another with
 * what it cannot.
 *
 * @module
 */
import type { ArchiveEntry, ArchiveItem, ArchiveKind } from "./entry.ts";
import { PaxRecords, paxTime } from "./pax.ts";

const BLOCK = 512;
const NAME_SIZE = 100;
const OWNER_SIZE = 32;
const LARGEST_ID = 0o7777777;
const LARGEST_NUMBER = 0o77777777777;
const EXTENDED_HEADER = "x";
const TYPES: Readonly<Record<ArchiveKind, string>> = {
  file: "0",
  symlink: "2",
  chardev: "3",
  dev: "4",
  dir: "5",
  fifo: "6",
};

/**
 * The bytes of a tar archive. Several names of one file are several files, as restic has them.
 *
 * @throws {Error} If the contents of a file are not as long as its entry says.
 */
export async function* writeTar(
  items: AsyncIterable<ArchiveItem>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { entry, contents } of items) {
    yield encodeTarHeader(entry);
    let length = 0;
    for await (const chunk of contents) {
      length += chunk.length;
      yield chunk;
    }
    if (length !== entry.size) throw new Error("Assumed that contents have the size of the entry");
    yield new Uint8Array(-length & (BLOCK - 1));
  }
  yield new Uint8Array(2 * BLOCK);
}

/** All headers of one entry. */
export function encodeTarHeader(entry: ArchiveEntry): Uint8Array {
  const name = entry.kind === "dir" ? Buffer.concat([entry.path, SLASH]) : entry.path;
  const records = describeRest(entry, name);
  const header = encodeBlock(entry, name, TYPES[entry.kind], entry.size);
  if (records.isEmpty) return header;
  const bytes = records.bytes();
  // Only programs that do not know the form take this for a file and see its name.
  const own = Buffer.from("PaxHeaders.0/entry");
  const about = { ...entry, mode: 0o644, linkTarget: NOTHING, device: { major: 0, minor: 0 } };
  const first = encodeBlock(about, own, EXTENDED_HEADER, bytes.length);
  return Buffer.concat([first, bytes, new Uint8Array(-bytes.length & (BLOCK - 1)), header]);
}

const SLASH = Buffer.of(0x2f);
const NOTHING = new Uint8Array(0);

/** Everything that the old header cannot hold. */
function describeRest(entry: ArchiveEntry, name: Uint8Array): PaxRecords {
  const { mtime, atime, linkTarget, uid, gid, user, group, size } = entry;
  const records = new PaxRecords();
  if (!fitsText(name, NAME_SIZE)) records.add("path", name);
  if (!fitsText(linkTarget, NAME_SIZE)) records.add("linkpath", linkTarget);
  if (size > LARGEST_NUMBER) records.add("size", String(size));
  if (uid > LARGEST_ID) records.add("uid", String(uid));
  if (gid > LARGEST_ID) records.add("gid", String(gid));
  if (!fitsText(Buffer.from(user), OWNER_SIZE - 1)) records.add("uname", user);
  if (!fitsText(Buffer.from(group), OWNER_SIZE - 1)) records.add("gname", group);
  if (mtime.nanoseconds !== 0 || !fitsNumber(mtime.seconds)) records.add("mtime", paxTime(mtime));
  if (atime.seconds !== mtime.seconds || atime.nanoseconds !== mtime.nanoseconds) {
    records.add("atime", paxTime(atime));
  }
  for (const attribute of entry.attributes) records.addAttribute(attribute);
  return records;
}

/**
 * True for what the old header says as well as a record would: short, and ASCII or no text at all, because of anything
 * between the old header does not say how it is encoded, and a record must be UTF-8.
 */
function fitsText(bytes: Uint8Array, most: number): boolean {
  if (bytes.length > most) return false;
  const buffer = Buffer.from(bytes);
  return bytes.every((byte) => byte < 0x80) || !Buffer.from(buffer.toString()).equals(buffer);
}

function fitsNumber(value: number): boolean {
  return value >= 0 && value <= LARGEST_NUMBER;
}

function encodeBlock(
  entry: ArchiveEntry,
  name: Uint8Array,
  type: string,
  size: number,
): Uint8Array {
  const { mode, uid, gid, mtime, linkTarget, user, group, device } = entry;
  const block = Buffer.alloc(BLOCK);
  const put = (bytes: Uint8Array, at: number, length: number): void =>
    block.set(bytes.subarray(0, length), at);
  const putNumber = (value: number, at: number, length: number): void => {
    const digits = length - 1;
    const fits = value >= 0 && value < 8 ** digits;
    block.write((fits ? value : 0).toString(8).padStart(digits, "0"), at, "latin1");
  };
  put(name, 0, NAME_SIZE);
  putNumber(mode & 0o7777, 100, 8);
  putNumber(uid, 108, 8);
  putNumber(gid, 116, 8);
  putNumber(size, 124, 12);
  putNumber(mtime.seconds, 136, 12);
  block.write(type, 156, "latin1");
  put(linkTarget, 157, NAME_SIZE);
  block.write("ustar\u000000", 257, "latin1");
  put(Buffer.from(user), 265, OWNER_SIZE - 1);
  put(Buffer.from(group), 297, OWNER_SIZE - 1);
  putNumber(device.major, 329, 8);
  putNumber(device.minor, 337, 8);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148, "latin1");
  return block;
}
