import { beforeEach, expect, test } from "vitest";
import { sha256Hex } from "../crypto/sha256.ts";
import { encodeTree } from "../format/tree.ts";
import { printablePath } from "../fs/path.ts";
import {
  createSample,
  directoryNode,
  fileNode,
  type PlainBlob,
  type Sample,
} from "../testing/sample-repository.ts";
import { diffTrees, type DiffOptions, type DiffStatistics } from "./diff.ts";

let sample: Sample;

beforeEach(async () => {
  sample = await createSample();
});

/** Store blobs and give the id of the last one. */
async function store(...blobs: readonly PlainBlob[]): Promise<string> {
  await sample.testing.addIndex([await sample.testing.addPack(blobs)]);
  return sha256Hex(blobs.at(-1)?.plain ?? new Uint8Array());
}

const tree = (plain: Uint8Array): PlainBlob => ({ type: "tree", plain });

async function compare(
  after: string,
  options: DiffOptions = {},
): Promise<{ lines: string[]; statistics: DiffStatistics }> {
  const lines: string[] = [];
  const statistics = await diffTrees(sample.testing.repository, sample.root, after, {
    ...options,
    onChange: ({ path, modifier }) => lines.push(`${modifier} ${printablePath(path)}`),
    onError: (path, { code }) => lines.push(`${code} ${printablePath(path)}`),
  });
  return { lines, statistics };
}

test("a file with other contents and the same metadata may have rotted", async () => {
  const sub = encodeTree([fileNode("three", []), fileNode("two", [sample.blobs.shared])]);
  const root = encodeTree([
    fileNode("one", [sample.blobs.first, sample.blobs.shared]),
    directoryNode("sub", sub),
  ]);

  const { lines, statistics } = await compare(await store(tree(sub), tree(root)));

  expect(lines).toEqual(["M? /sub/three"]);
  expect(statistics.changedFiles).toBe(1);
  expect(statistics.removed).toMatchObject({ files: 0, dataBlobs: 1, treeBlobs: 2 });
  expect(statistics.added).toMatchObject({ files: 0, dataBlobs: 0, treeBlobs: 2 });
});

test("blobs of a folder that moved are on both sides", async () => {
  const sub = encodeTree([
    fileNode("three", [sample.blobs.last]),
    fileNode("two", [sample.blobs.shared]),
  ]);
  const root = encodeTree([
    fileNode("one", [sample.blobs.first, sample.blobs.shared]),
    directoryNode("sup", sub),
  ]);

  const { lines, statistics } = await compare(await store(tree(root)));

  expect(lines).toEqual([
    ...["- /sub/", "- /sub/three", "- /sub/two"],
    ...["+ /sup/", "+ /sup/three", "+ /sup/two"],
  ]);
  expect(statistics.added).toMatchObject({ files: 2, dirs: 1, dataBlobs: 0, treeBlobs: 1 });
});

test("a folder that cannot be read is reported and counted, and the rest is compared", async () => {
  const missing = directoryNode("new", Buffer.from("no tree of this repository"));
  const root = encodeTree([missing, fileNode("one", [])]);

  const { lines, statistics } = await compare(await store(tree(root)));

  expect(lines).toEqual([
    ...["+ /new/", "not-found /new/", "M? /one"],
    ...["- /sub/", "- /sub/three", "- /sub/two"],
  ]);
  expect(statistics.errors).toBe(1);
});

test("metadata is compared only on demand, times as instants", async () => {
  const one = fileNode("one", [sample.blobs.first, sample.blobs.shared]);
  const sub = encodeTree([
    fileNode("three", [sample.blobs.last]),
    fileNode("two", [sample.blobs.shared]),
  ]);
  const sameInstant = { ...one, mtime: one.mtime.replace("T12", "T11").replace("+02", "+01") };
  const directory = { ...directoryNode("sub", sub), mode: 0o20000000700 };
  const same = await store(tree(encodeTree([sameInstant, directoryNode("sub", sub)])));
  const other = await store(tree(encodeTree([one, directory])));
  sample.testing.repository.dropIndex();

  expect((await compare(same, { metadata: true })).lines).toEqual([]);
  expect((await compare(other)).lines).toEqual([]);
  expect((await compare(other, { metadata: true })).lines).toEqual(["U /sub/"]);
});
