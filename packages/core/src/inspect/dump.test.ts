import { beforeEach, expect, test } from "vitest";
import { sha256Hex } from "../crypto/sha256.ts";
import type { Node } from "../format/node.ts";
import { encodeTree } from "../format/tree.ts";
import {
  createSample,
  directoryNode,
  fileNode,
  type Sample,
} from "../testing/sample-repository.ts";
import { dumpFile, dumpFolder, findDumpSource } from "./dump.ts";

let sample: Sample;

beforeEach(async () => {
  sample = await createSample();
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

async function dump(path: string, root = sample.root): Promise<Buffer> {
  const { repository } = sample.testing;
  const source = await findDumpSource(repository, root, path);
  return collect(
    source.file === undefined
      ? dumpFolder(repository, source, "tar")
      : dumpFile(repository, source.file),
  );
}

/** Store a tree, which the next index knows, and give its id. */
async function storeTree(nodes: readonly Node[]): Promise<string> {
  const plain = encodeTree(nodes);
  await sample.testing.addIndex([await sample.testing.addPack([{ type: "tree", plain }])]);
  sample.testing.repository.dropIndex();
  return sha256Hex(plain);
}

/** Names of the entries of a tar whose headers are all old. */
function namesIn(tar: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; tar[at] !== 0;) {
    names.push(tar.toString("latin1", at, tar.indexOf(0, at)));
    const size = parseInt(tar.toString("latin1", at + 124, at + 135), 8);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return names;
}

test("a file is its blobs in their order, also one that comes again", async () => {
  const { first, shared } = sample.blobs;

  expect((await dump("/one")).equals(Buffer.concat([first, shared]))).toBe(true);
  const root = await storeTree([fileNode("twice", [shared, first, shared])]);
  const twice = Buffer.concat([shared, first, shared]);
  expect((await dump("twice", root)).equals(twice)).toBe(true);
});

test("a damaged blob ends the dump, unless another copy is whole", async () => {
  const { testing, packs, blobs } = sample;
  await testing.flip("pack", packs[1].id, 20);

  await expect(dump("/sub/three")).rejects.toMatchObject({ code: "corrupt" });
  await expect(dump("/sub")).rejects.toMatchObject({ code: "corrupt" });

  const copy = await testing.addPack([
    { type: "data", plain: blobs.last },
    { type: "data", plain: Buffer.from("another pack of the same blob") },
  ]);
  await testing.addIndex([copy]);
  testing.repository.dropIndex();
  expect((await dump("/sub/three")).equals(blobs.last)).toBe(true);
});

test("a blob that the index does not know ends the dump", async () => {
  const root = await storeTree([fileNode("file", [Buffer.from("nowhere")])]);

  await expect(dump("/file", root)).rejects.toMatchObject({ code: "not-found" });
  await expect(dump("/", root)).rejects.toThrow(/"file": blob \w{8} is not in the index/);
});

test("names that lead elsewhere are left out, with what is below them, and reported", async () => {
  const { testing, blobs } = sample;
  const sub = encodeTree([fileNode("three", [blobs.last]), fileNode("two", [blobs.shared])]);
  const bad = ["..", "/etc", "a/../b"];
  const nodes = [...bad.map((name) => directoryNode(name, sub)), fileNode("good", [])];
  nodes.sort((a, b) => Buffer.compare(a.name, b.name));
  const root = await storeTree(nodes);
  const told: string[] = [];

  const source = await findDumpSource(testing.repository, root, "/");
  const onSkipped = (path: Uint8Array, reason: string): void => {
    told.push(`${Buffer.from(path).toString()} ${reason}`);
  };
  const tar = await collect(dumpFolder(testing.repository, source, "tar", { onSkipped }));

  const names = namesIn(tar).filter((name) => !name.startsWith("PaxHeaders"));
  expect(names).toEqual(["good"]);
  expect(told).toHaveLength(3);
});

test("a dump that nobody reads to its end ends, and so does the next", async () => {
  const { repository } = sample.testing;
  const source = await findDumpSource(repository, sample.root, "/");
  for (const format of ["tar", "tar.gz", "zip"] as const) {
    for await (const chunk of dumpFolder(repository, source, format)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  }

  expect(namesIn(await dump("/sub"))).toContain("sub/two");
});
