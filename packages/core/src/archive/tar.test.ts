import { expect, test } from "vitest";
import type { ArchiveEntry } from "./entry.ts";
import { encodeTarHeader, writeTar } from "./tar.ts";

const TIME = { seconds: 1_700_000_000, nanoseconds: 0, offsetSeconds: 0 };

function entryOf(changes: Partial<ArchiveEntry> & { readonly name?: string }): ArchiveEntry {
  return {
    path: Buffer.from(changes.name ?? "file"),
    kind: "file",
    mode: 0o100644,
    uid: 1,
    gid: 2,
    user: "ana",
    group: "",
    size: 0,
    mtime: TIME,
    atime: TIME,
    linkTarget: new Uint8Array(),
    device: { major: 0, minor: 0 },
    attributes: [],
    ...changes,
  };
}

/** The records before the header, as Latin-1 text; none if there are none. */
function recordsOf(entry: ArchiveEntry): string[] {
  const bytes = Buffer.from(encodeTarHeader(entry));
  if (bytes.length === 512) return [];
  expect(bytes.toString("latin1", 156, 157)).toBe("x");
  const length = parseInt(bytes.toString("latin1", 124, 135), 8);
  const records: string[] = [];
  for (let at = 512; at < 512 + length;) {
    const text = bytes.toString("latin1", at, bytes.indexOf(" ", at));
    records.push(bytes.toString("latin1", at + text.length + 1, at + Number(text) - 1));
    at += Number(text);
  }
  return records;
}

test("an entry that the old header can hold has no other", () => {
  const header = Buffer.from(encodeTarHeader(entryOf({ name: "a/b", size: 5, mode: 0o104755 })));

  expect(header.length).toBe(512);
  expect(header.toString("latin1", 0, 4)).toBe("a/b\0");
  expect(header.toString("latin1", 100, 108)).toBe("0004755\0");
  expect(header.toString("latin1", 124, 136)).toBe("00000000005\0");
  expect(header.toString("latin1", 257, 265)).toBe("ustar\u000000");
  const sum = header.fill(" ", 148, 156).reduce((total, byte) => total + byte, 0);
  const again = Buffer.from(encodeTarHeader(entryOf({ name: "a/b", size: 5, mode: 0o104755 })));
  expect(parseInt(again.toString("latin1", 148, 154), 8)).toBe(sum);
});

test.each<[string, Parameters<typeof entryOf>[0], string[]]>([
  ["a long name", { name: "n".repeat(101) }, [`path=${"n".repeat(101)}`]],
  ["a name that is no ASCII", { name: "ü" }, ["path=\xc3\xbc"]],
  ["a long name of a folder", { name: "n".repeat(100), kind: "dir" }, [`path=${"n".repeat(100)}/`]],
  ["a short name that is no text", { path: Buffer.of(0xff) }, []],
  ["a long target", { linkTarget: Buffer.alloc(101, "t") }, [`linkpath=${"t".repeat(101)}`]],
  ["a large size", { size: 8 ** 11 }, ["size=8589934592"]],
  ["large owners", { uid: 4_000_000_000, gid: 2_097_152 }, ["uid=4000000000", "gid=2097152"]],
  ["a time before 1970", at(-2, 500_000_000), ["mtime=-1.5"]],
  ["half a second before 1970", at(-1, 500_000_000), ["mtime=-0.5"]],
  ["a second before 1970", at(-1, 0), ["mtime=-1"]],
  ["nanoseconds", at(1, 20), ["mtime=1.00000002"]],
  ["another access time", { atime: { ...TIME, nanoseconds: 1 } }, ["atime=1700000000.000000001"]],
  [
    "attributes",
    { attributes: [{ name: "user.a=b%", value: Buffer.of(0, 0x0a, 0xff) }] },
    ["SCHILY.xattr.user.a%3Db%25=\0\n\xff"],
  ],
])("a record holds %s", (_, changes, records) => {
  expect(recordsOf(entryOf(changes))).toEqual(records);
});

function at(seconds: number, nanoseconds: number): Partial<ArchiveEntry> {
  const time = { seconds, nanoseconds, offsetSeconds: 0 };
  return { mtime: time, atime: time };
}

test("an ACL is written as text, and as it is if it is none", () => {
  const acl = Buffer.from(
    "02000000" + "01000600ffffffff" + "020007000c000000" + "04000400ffffffff" + "10000500ffffffff",
    "hex",
  );
  const name = "system.posix_acl_access";

  expect(recordsOf(entryOf({ attributes: [{ name, value: acl }] }))).toEqual([
    "SCHILY.acl.access=user::rw-\nuser:12:rwx\ngroup::r--\nmask::r-x\n",
  ]);
  const broken = acl.subarray(0, 10);
  const [record = ""] = recordsOf(entryOf({ attributes: [{ name, value: broken }] }));
  expect(record.startsWith(`SCHILY.xattr.${name}=`)).toBe(true);
});

test("the digits of a record's length count", () => {
  for (let length = 80; length < 110; length++) {
    const value = Buffer.alloc(length, "v");
    const records = recordsOf(entryOf({ attributes: [{ name: "user.x", value }] }));

    expect(records).toEqual([`SCHILY.xattr.user.x=${"v".repeat(length)}`]);
  }
});

test("contents fill whole blocks, and two empty ones end the archive", async () => {
  const items = [
    { entry: entryOf({ size: 513 }), contents: chunks("a".repeat(500), "b".repeat(13)) },
  ];

  const archive = Buffer.concat(await collect(writeTar(each(items))));

  expect(archive.length).toBe(512 + 1024 + 1024);
  expect(archive.toString("latin1", 512, 1026)).toBe(`${"a".repeat(500)}${"b".repeat(13)}\0`);
});

test("contents of another length than announced are refused", async () => {
  const items = [{ entry: entryOf({ size: 4 }), contents: chunks("abc") }];

  await expect(collect(writeTar(each(items)))).rejects.toThrow(/size of the entry/);
});

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

function chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  return each(texts.map((text) => Buffer.from(text)));
}

async function collect(archive: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const chunk of archive) all.push(chunk);
  return all;
}
