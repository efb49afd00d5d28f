import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Snapshot, SnapshotSummary } from "./snapshot.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { formatTime } from "./time.ts";

const ID = "0123456789abcdef".repeat(4);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array): string => new TextDecoder().decode(raw);

// Written by restic 0.19.1.
const REAL =
  '{"time":"2026-11-21T04:40:09.867527635+05:30","tree":"6546ec59cd02629667573845d902f0338950bf913105c0e8f09805187beccbbd",' +
  '"paths":["/srv/src"],"hostname":"vm","username":"root","excludes":["x\\u003cy"],"tags":["a","b"],' +
  '"program_version":"restic 0.19.1","summary":{"backup_start":"2026-11-21T04:40:09.867527635+05:30",' +
  '"backup_end":"2026-11-21T04:40:10.547373437+05:30","files_new":18,"files_changed":0,"files_unmodified":0,"dirs_new":4,' +
  '"dirs_changed":0,"dirs_unmodified":0,"data_blobs":17,"tree_blobs":4,"data_added":9730,"data_added_packed":4272,' +
  '"total_files_processed":18,"total_bytes_processed":153}}';

const bare: Snapshot = {
  time: "2026-11-20T10:00:00Z",
  tree: ID,
  paths: ["/"],
  hostname: "",
  username: "",
  uid: 0,
  gid: 0,
  excludes: [],
  tags: [],
  programVersion: "",
  extra: {},
};

test("decodeSnapshot() and encodeSnapshot() give back the bytes of a real snapshot", () => {
  const snapshot = decodeSnapshot(bytes(REAL));

  expect(text(encodeSnapshot(snapshot))).toBe(REAL);
  expect(snapshot).toMatchObject({
    excludes: ["x<y"],
    tags: ["a", "b"],
    uid: 0,
    programVersion: "restic 0.19.1",
  });
  expect(snapshot.summary).toMatchObject({
    filesNew: 18,
    dataAdded: 9730,
    totalBytesProcessed: 153,
  });
  expect("parent" in snapshot).toBe(false);
});

test("encodeSnapshot() leaves out what Go omits, and only that", () => {
  expect(text(encodeSnapshot(bare))).toBe(
    `{"time":"2026-11-20T10:00:00Z","tree":"${ID}","paths":["/"]}`,
  );
});

test("encodeSnapshot() writes every field in restic's order, unknown ones last", () => {
  const full: Snapshot = {
    ...bare,
    parent: ID,
    hostname: "h",
    username: "u",
    uid: 1,
    gid: 2,
    excludes: ["e"],
    tags: ["t"],
    original: ID,
    programVersion: "v",
    extra: { label: "l", parents: [ID] },
  };

  expect(text(encodeSnapshot(full))).toBe(
    `{"time":"2026-11-20T10:00:00Z","parent":"${ID}","tree":"${ID}","paths":["/"],"hostname":"h","username":"u","uid":1,` +
      `"gid":2,"excludes":["e"],"tags":["t"],"original":"${ID}","program_version":"v","label":"l","parents":["${ID}"]}`,
  );
});

test("encodeSnapshot() writes U+FFFD for a path that is not well-formed", () => {
  expect(text(encodeSnapshot({ ...bare, paths: ["/a\ud800"] }))).toContain('"paths":["/a\\ufffd"]');
});

const anyId = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((raw) => Buffer.from(raw).toString("hex"));
const anyTime = fc
  .record({
    seconds: fc.integer({ min: 0, max: 4_000_000_000 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    offsetSeconds: fc.constantFrom(0, 3600, -12_600, 20_700),
  })
  .map(formatTime);
const anyText = fc.string({ unit: "binary" });
const anyUint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyExtra = fc.dictionary(
  fc.string().map((key) => `x_${key.toLowerCase()}`),
  fc.oneof(anyText, fc.integer(), fc.constant(2n ** 64n - 1n)),
  { noNullPrototype: true, maxKeys: 3 },
);
const anySummary: fc.Arbitrary<SnapshotSummary> = fc.record({
  backupStart: anyTime,
  backupEnd: anyTime,
  filesNew: fc.maxSafeNat(),
  filesChanged: fc.nat(),
  filesUnmodified: fc.nat(),
  dirsNew: fc.nat(),
  dirsChanged: fc.nat(),
  dirsUnmodified: fc.nat(),
  dataBlobs: fc.nat(),
  treeBlobs: fc.nat(),
  dataAdded: fc.maxSafeNat(),
  dataAddedPacked: fc.maxSafeNat(),
  totalFilesProcessed: fc.nat(),
  totalBytesProcessed: fc.maxSafeNat(),
  extra: anyExtra,
});
const anySnapshot: fc.Arbitrary<Snapshot> = fc.record(
  {
    time: anyTime,
    parent: anyId,
    tree: anyId,
    paths: fc.array(anyText),
    hostname: anyText,
    username: anyText,
    uid: anyUint32,
    gid: anyUint32,
    excludes: fc.array(anyText),
    tags: fc.array(anyText),
    original: anyId,
    programVersion: anyText,
    summary: anySummary,
    extra: anyExtra,
  },
  {
    requiredKeys: [
      "time",
      "tree",
      "paths",
      "hostname",
      "username",
      "uid",
      "gid",
      "excludes",
      "tags",
      "programVersion",
      "extra",
    ],
  },
);

test("encodeSnapshot() and decodeSnapshot() keep any snapshot, with unknown fields", () => {
  fc.assert(
    fc.property(anySnapshot, (snapshot) => {
      expect(decodeSnapshot(encodeSnapshot(snapshot))).toEqual(snapshot);
    }),
  );
});

test("decodeSnapshot() takes null for lists and ids", () => {
  const input = `{"TIME":"2026-11-20T10:00:00Z","tree":"${ID}","paths":["/"],"parent":null,"tags":null,"summary":null}`;

  expect(decodeSnapshot(bytes(input))).toEqual(bare);
});

test.each([
  ["JSON", REAL.slice(0, -1)],
  ["time", REAL.replace('"time"', '"when"')],
  ["time", REAL.replace('T04:40:09.867527635+05:30","tree', ' 04:40:09","tree')],
  ["tree", REAL.replace('"tree"', '"root"')],
  ["tree", REAL.replace("6546ec", "")],
  ["parent", REAL.replace('"tree"', '"parent":"x","tree"')],
  ["paths", REAL.replace('["/srv/src"]', '"/srv/src"')],
  ["hostname", REAL.replace('"vm"', "{}")],
  ["username", REAL.replace('"root"', "0")],
  ["uid", REAL.replace('"excludes"', '"uid":-1,"excludes"')],
  ["gid", REAL.replace('"excludes"', '"gid":0.5,"excludes"')],
  ["excludes", REAL.replace('["x\\u003cy"]', "[1]")],
  ["tags", REAL.replace('["a","b"]', "{}")],
  ["original", REAL.replace('"tree"', '"original":7,"tree"')],
  ["program_version", REAL.replace('"restic 0.19.1"', "0.19")],
  ["summary", REAL.replace(/"summary":.*/, '"summary":[]}')],
  ["backup_end", REAL.replace("backup_end", "backup_stop")],
  ["backup_start", REAL.replace('"backup_start":"', '"backup_start":"x')],
  ["files_new", REAL.replace('"files_new":18', '"files_new":-18')],
])("decodeSnapshot() refuses a bad %s", (where, input) => {
  expect(input).not.toBe(REAL);
  expect(() => decodeSnapshot(bytes(input))).toThrow(
    expect.objectContaining({ code: "corrupt", message: expect.stringContaining(where) as string }),
  );
});
