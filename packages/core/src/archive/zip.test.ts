import { deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { ArchiveEntry, ArchiveItem } from "./entry.ts";
import {
  encodeCentralHeader,
  encodeDescriptor,
  encodeEnd,
  encodeLocalHeader,
} from "./zip-records.ts";
import { writeZip } from "./zip.ts";

const TIME = { seconds: 1_000_000_000, nanoseconds: 0, offsetSeconds: 7200 };
const ENTRY: ArchiveEntry = {
  path: Buffer.from("file"),
  kind: "file",
  mode: 0o104755,
  uid: 4_000_000_000,
  gid: 7,
  user: "",
  group: "",
  size: 0,
  mtime: TIME,
  atime: TIME,
  linkTarget: new Uint8Array(),
  device: { major: 0, minor: 0 },
  attributes: [],
};
const CONTENTS = {
  method: 8,
  crc: 1,
  packed: 2,
  plain: 3,
  isStreamed: false,
  isWide: false,
} as const;

/** An extra field of a central header by its number, or undefined. */
function extraOf(header: Uint8Array, wanted: number): Buffer | undefined {
  const bytes = Buffer.from(header);
  const start = 46 + bytes.readUInt16LE(28);
  for (let at = start; at < start + bytes.readUInt16LE(30);) {
    const length = bytes.readUInt16LE(at + 2);
    if (bytes.readUInt16LE(at) === wanted) return bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

describe("records", () => {
  test("mode, owner and time are in the directory", () => {
    const header = Buffer.from(encodeCentralHeader(ENTRY, CONTENTS, 9));

    expect(header.readUInt32LE(38) >>> 16).toBe(0o104755);
    expect(extraOf(header, 0x7875)?.toString("hex")).toBe("0104" + "00286bee" + "04" + "07000000");
    expect(extraOf(header, 0x5455)?.readInt32LE(1)).toBe(1_000_000_000);
    // The clock on the wall said 2001-09-09 03:46:40.
    expect(header.readUInt16LE(14)).toBe((21 << 9) | (9 << 5) | 9);
    expect(header.readUInt16LE(12)).toBe((3 << 11) | (46 << 5) | 20);
    expect(header.readUInt32LE(42)).toBe(9);
  });

  test("a time that 32 bits cannot hold is only on the wall", () => {
    const mtime = { ...TIME, seconds: 2 ** 31 };

    expect(extraOf(encodeCentralHeader({ ...ENTRY, mtime }, CONTENTS, 0), 0x5455)).toBeUndefined();
  });

  test("only numbers that 32 bits cannot hold are written with 64", () => {
    const wide = { ...CONTENTS, plain: 2 ** 33, isStreamed: true, isWide: true };

    const central = extraOf(encodeCentralHeader(ENTRY, wide, 2 ** 32), 0x0001);
    expect(central?.length).toBe(16);
    expect(central?.readBigUInt64LE(0)).toBe(2n ** 33n);
    expect(central?.readBigUInt64LE(8)).toBe(2n ** 32n);
    expect(encodeLocalHeader(ENTRY, wide).length).toBe(
      encodeLocalHeader(ENTRY, CONTENTS).length + 20,
    );
    expect(encodeDescriptor(wide).length).toBe(24);
    expect(encodeDescriptor(CONTENTS).length).toBe(16);
    expect(encodeEnd(65_534, 1, 1).length).toBe(22);
    expect(encodeEnd(65_535, 1, 1).length).toBe(22 + 56 + 20);
  });

  test.each([
    ["ascii", Buffer.from("a"), 0],
    ["text", Buffer.from("ü"), 1 << 11],
    ["no text", Buffer.of(0xff), 0],
  ])("a name that is %s is marked so", (_, path, flags) => {
    expect(Buffer.from(encodeLocalHeader({ ...ENTRY, path }, CONTENTS)).readUInt16LE(6)).toBe(
      flags,
    );
  });
});

describe("writeZip()", () => {
  const text = Buffer.alloc(1_000_000, "compressible text");

  test("files small and large, compressed where that helps, can be read back", async () => {
    const small = itemOf("small", Buffer.from("x"));
    const archive = await write(small, itemOf("large", text));
    const first = archive.indexOf("small") + 5 + 24;

    expect(archive.toString("latin1", first, first + 1)).toBe("x");
    const large = archive.indexOf("large") + 5 + 24;
    expect(inflateRawSync(archive.subarray(large)).equals(text)).toBe(true);
    expect(archive.length).toBeLessThan(deflateRawSync(text).length + 1000);
  });

  test("an archive of nothing is only its end", async () => {
    expect(await write()).toHaveLength(22);
  });
});

function itemOf(name: string, bytes: Buffer): ArchiveItem {
  const halves = [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)];
  return {
    entry: { ...ENTRY, path: Buffer.from(name), size: bytes.length },
    contents: each(halves),
  };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

async function write(...items: readonly ArchiveItem[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeZip(each(items))) chunks.push(chunk);
  return Buffer.concat(chunks);
}
