import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { sha256, sha256Hex } from "../crypto/sha256.ts";
import type { BlobType } from "../format/blob-type.ts";
import { encodeNode, type Node } from "../format/node.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { encodePackHeader, encodePackTrailer, type PackEntry } from "../format/pack-header.ts";
import { joinTree } from "../format/tree.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { PackSaver } from "../repository/pack-saver.ts";
import type { Repository } from "../repository/repository.ts";
import { restore, type RestoreOptions, type RestoreSummary } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-hostile-"));
let backend: MemoryBackend;
let repository: Repository;
let target = "";
let errors: Map<string, string>;

beforeAll(async () => {
  backend = new MemoryBackend();
  repository = await createQuickly(backend, { password: "secret" });
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(() => {
  target = join(fs.mkdtempSync(join(top, "t-")), "target");
  errors = new Map();
});

/** Store blobs in one pack and return its name. */
async function storePack(type: BlobType, ...blobs: readonly Uint8Array[]): Promise<string> {
  const { sealer } = repository;
  const entries: PackEntry[] = [];
  const sealed = blobs.map((plain) => sealer.seal(plain));
  let offset = 0;
  for (const [at, { length }] of sealed.entries()) {
    const id = sha256(blobs[at] as Uint8Array);
    entries.push({ type, id, offset, length, uncompressedLength: 0 });
    offset += length;
  }
  const header = encodePackHeader(entries);
  const sealedHeader = sealer.seal(header);
  const trailer = encodePackTrailer(sealedHeader.length);
  const bytes = Buffer.concat([...sealed, sealedHeader, trailer]);
  const pack = { name: sha256Hex(bytes), bytes, slot: undefined, header };
  const saver = new PackSaver(repository, await repository.loadIndex());
  saver.save(pack);
  await saver.finish();
  return pack.name;
}

function node(name: string, type: string, change: Partial<Node> = {}): Node {
  const time = "2020-02-02T02:02:02.020202020Z";
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, user: "", group: "" };
  return {
    name: Buffer.from(name, "latin1"),
    type,
    mode: type === "dir" ? 2 ** 31 + 0o755 : 0o644,
    mtime: time,
    atime: time,
    ctime: time,
    ...owner,
    inode: 0n,
    deviceId: 0n,
    size: 0,
    links: 1,
    linkTarget: undefined,
    extendedAttributes: [],
    genericAttributes: undefined,
    device: 0n,
    content: null,
    subtree: undefined,
    error: "",
    extra: {},
    ...change,
  };
}

const id = (text: Uint8Array | string): string => sha256Hex(Buffer.from(text));

/** A file of these contents, one blob each. */
function file(name: string, contents: readonly (Uint8Array | string)[], change = {}): Node {
  const size = contents.reduce((sum, text) => sum + Buffer.from(text).length, 0);
  return node(name, "file", { content: contents.map(id), size, ...change });
}

/** Store a tree as it is given, in any order, and return its id. */
async function storeTree(...nodes: readonly Node[]): Promise<string> {
  const bytes = joinTree(nodes.map(encodeNode));
  await storePack("tree", bytes);
  return sha256Hex(bytes);
}

async function run(tree: string, options: RestoreOptions = {}): Promise<RestoreSummary> {
  const snapshot = { tree, paths: ["/"] } as unknown as Snapshot;
  return restore(repository, { id: "0".repeat(64), snapshot }, target, {
    threads: 2,
    onEvent: (notice) => {
      if (notice.kind === "error") errors.set(notice.path, notice.message);
    },
    ...options,
  });
}

const read = (path: string): string => fs.readFileSync(join(target, path), "utf8");

async function damage(pack: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const ref = { kind: "pack", name: pack } as const;
  const bytes = await backend.read(ref);
  await backend.remove(ref);
  await backend.write(ref, change(bytes));
}

/** Flip a bit where the text's sealed blob must be: packs of these tests begin with it. */
const flipFirst = (bytes: Uint8Array): Uint8Array => {
  bytes[20] = (bytes[20] as number) ^ 1;
  return bytes;
};

describe("restore() of a forged tree", () => {
  test("creates nothing outside the target", async () => {
    await storePack("data", Buffer.from("evil"), Buffer.from("good"));
    const inner = await storeTree(file("evil", ["evil"]));
    const tree = await storeTree(
      file("", ["evil"]),
      file(".", ["evil"]),
      file("..", ["evil"]),
      file("../evil", ["evil"]),
      file("a/b", ["evil"]),
      file("nul\0", ["evil"]),
      file("good", ["good"]),
      node("..", "dir", { subtree: inner }),
      node("../evil dir", "dir", { subtree: inner }),
      node("../evil link", "symlink", { linkTarget: Buffer.from("/") }),
    );

    const summary = await run(tree);

    expect(summary).toMatchObject({ files: 1, directories: 0, others: 0, errors: 9 });
    expect(fs.readdirSync(target)).toEqual(["good"]);
    expect(fs.readdirSync(join(target, ".."))).toEqual(["target"]);
  });

  test("deletes nothing, and says so, if the tree has names that are refused", async () => {
    await storePack("data", Buffer.from("good"));
    const tree = await storeTree(file("../evil", ["good"]), file("good", ["good"]));
    const warnings: string[] = [];
    fs.mkdirSync(target);
    fs.writeFileSync(join(target, "stranger"), "kept");

    await run(tree, {
      delete: true,
      onEvent: (notice) => {
        if (notice.kind === "warning") warnings.push(notice.message);
      },
    });

    expect(fs.readdirSync(target)).toEqual(["good", "stranger"]);
    expect(warnings).toEqual([expect.stringContaining("nothing is deleted")]);
  });

  test("does not write through a symlink of the same name as a directory", async () => {
    await storePack("data", Buffer.from("evil"));
    const inner = await storeTree(file("evil", ["evil"]));
    const outside = fs.mkdtempSync(join(top, "outside-"));
    const link = node("way", "symlink", { linkTarget: Buffer.from(outside) });
    const tree = await storeTree(link, node("way", "dir", { subtree: inner }));

    await run(tree);

    expect(fs.readdirSync(outside)).toEqual([]);
    expect([...errors.keys()]).toEqual(["/way"]);
  });

  test("restores the first of two entries of one name", async () => {
    await storePack("data", Buffer.from("one"), Buffer.from("two"));
    const tree = await storeTree(file("b", ["one"]), file("a", ["one"]), file("b", ["two"]));

    await run(tree);

    expect(read("b")).toBe("one");
    expect([...errors.keys()]).toEqual(["/b"]);
  });

  test("tells what it cannot make, and makes the rest", async () => {
    await storePack("data", Buffer.from("rest"));
    const tree = await storeTree(
      node("directory without tree", "dir"),
      node("directory with lost tree", "dir", { subtree: "ab".repeat(32) }),
      node("file without list", "file"),
      node("link without target", "symlink"),
      file("lost", ["never stored"]),
      node("odd", "portal"),
      file("rest", ["rest"]),
      node("socket", "socket"),
    );

    const summary = await run(tree);

    expect(read("rest")).toBe("rest");
    expect(summary).toMatchObject({ files: 1, skipped: 1, errors: 6 });
    expect(errors.get("/lost")).toContain(id("never stored").slice(0, 8));
  });

  test("writes a file from its blobs when its size says otherwise, and reports that", async () => {
    await storePack("data", Buffer.from("abc"), Buffer.from("def"));
    const tree = await storeTree(file("wrong", ["abc", "def"], { size: 5 }));

    const summary = await run(tree);

    expect(read("wrong")).toBe("abcdef");
    expect(summary).toMatchObject({ files: 1, bytes: 6, errors: 1 });
    expect(errors.get("/wrong")).toContain("6 bytes where 5");
  });
});

describe("restore() of blobs", () => {
  test("puts a blob that is in many files, and many times in one, to all places", async () => {
    const [a, b] = ["a".repeat(1000), "b".repeat(70_000)];
    await storePack("data", Buffer.from(a));
    await storePack("data", Buffer.from(b));
    const files = Array.from({ length: 10_000 }, (_, at) => file(`f${at + 10_000}`, [a]));
    const tree = await storeTree(...files, file("mixed", [b, a, a, b]));

    const summary = await run(tree);

    expect(read("mixed")).toBe(b + a + a + b);
    expect(read("f19999")).toBe(a);
    expect(summary).toMatchObject({ files: 10_001, bytes: 10_000_000 + 142_000, errors: 0 });
    expect(fs.statSync(join(target, "mixed")).mtimeMs).toBeCloseTo(1_580_608_922_020.202, 3);
  });

  test("fails the files of a damaged blob by name, and leaves nothing of them", async () => {
    const pack = await storePack("data", Buffer.from("damaged"), Buffer.from("sound"));
    const tree = await storeTree(
      file("linked", ["damaged"], { inode: 5n, deviceId: 1n, links: 2 }),
      file("linked again", ["damaged"], { inode: 5n, deviceId: 1n, links: 2 }),
      file("mixed", ["sound", "damaged"]),
      file("whole", ["sound"]),
    );
    await damage(pack, flipFirst);

    const summary = await run(tree);

    expect(fs.readdirSync(target)).toEqual(["whole"]);
    expect(read("whole")).toBe("sound");
    expect([...errors.keys()].sort()).toEqual(["/linked", "/linked again", "/mixed"]);
    expect(errors.get("/mixed")).toContain(`blob ${id("damaged").slice(0, 8)}`);
    expect(summary).toMatchObject({ files: 1, errors: 3, totalFiles: 4 });
  });

  test("reads what it can of a pack that was cut short", async () => {
    const pack = await storePack("data", Buffer.from("early"), Buffer.from("late".repeat(99)));
    const tree = await storeTree(file("early", ["early"]), file("late", ["late".repeat(99)]));
    await damage(pack, (bytes) => bytes.slice(0, 100));

    await run(tree);

    expect(fs.readdirSync(target)).toEqual(["early"]);
    expect([...errors.keys()]).toEqual(["/late"]);
  });

  test("takes another copy of a blob when the first is damaged or its pack is missing", async () => {
    const first = await storePack("data", Buffer.from("twice kept"), Buffer.from("other one"));
    const second = await storePack("data", Buffer.from("gone"));
    await storePack("data", Buffer.from("twice kept"));
    await storePack("data", Buffer.from("gone"), Buffer.from("filler"));
    const tree = await storeTree(file("a", ["twice kept"]), file("b", ["gone", "twice kept"]));
    await damage(first, flipFirst);
    await backend.remove({ kind: "pack", name: second });

    const summary = await run(tree);

    expect([read("a"), read("b")]).toEqual(["twice kept", "gonetwice kept"]);
    expect(summary.errors).toBe(0);
  });

  test("finds a data blob that has the bytes of a tree", async () => {
    const tree = joinTree([]);
    await storePack("tree", tree);
    await storePack("data", tree);

    await run(await storeTree(file("tree as file", [tree])));

    expect(read("tree as file")).toBe('{"nodes":[]}\n');
  });
});
