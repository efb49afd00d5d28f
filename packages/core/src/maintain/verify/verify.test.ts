import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Backend } from "../../backend/backend.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { Repository } from "../../repository/repository.ts";
import { ALL, onlyProblem, runVerify, STRUCTURE, summarize } from "../../testing/run-verify.ts";
import {
  createSample,
  fileNode,
  directoryNode,
  TestingRepository,
} from "../../testing/sample-repository.ts";
import { encodeTree } from "../../format/tree.ts";
import { startVerifyWorkers } from "./read-packs.ts";
import { verify } from "./verify.ts";

describe("verify() of a whole repository", () => {
  test("finds nothing, counts everything and leaves no lock behind", async () => {
    const sample = await createSample();
    const events: unknown[] = [];

    const options = { readData: true, threads: 2, onEvent: (event: unknown) => events.push(event) };
    const report = await runVerify(sample, options);

    expect(report).toMatchObject({ errors: [], hints: [], damagedPacks: [] });
    expect(report.counts).toMatchObject({ snapshots: 1, indexFiles: 1, packs: 3, blobs: 5 });
    expect(report.counts).toMatchObject({ trees: 2, packsRead: 3 });
    expect(events.at(-1)).toMatchObject({ packsDone: 3, packsTotal: 3, treesDone: 2 });
    expect(await sample.testing.repository.listNames("lock")).toEqual([]);
  });

  test("does not go on beside another lock that comes up at the same time, and leaves none behind", async () => {
    const sample = await createSample();
    const { repository } = sample.testing;

    const [report, other] = await Promise.allSettled([
      runVerify(sample, { readData: true, threads: 1 }),
      repository.lock({ exclusive: false }),
    ]);

    const refused = [report, other].filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    for (const one of refused) expect(one).toMatchObject({ reason: { code: "locked" } });
    if (other.status === "fulfilled") await other.value.release();
    expect(await repository.listNames("lock")).toEqual([]);
  });

  test("works with threads that were started before, and ends them", async () => {
    const sample = await createSample();
    const workers = startVerifyWorkers(1);

    const report = await runVerify(sample, { ...ALL, workers });
    const again = runVerify(sample, { ...ALL, workers });

    expect(report.errors).toEqual([]);
    await expect(again).rejects.toMatchObject({ code: "interrupted" });
  });

  test("reads only trees unless told otherwise", async () => {
    const sample = await createSample();
    await sample.testing.flip("pack", sample.packs[0].id, 20);

    const report = await runVerify(sample, STRUCTURE);

    expect(report.errors).toEqual([]);
    expect(report.counts).toMatchObject({ trees: 2, packsRead: 0, bytesRead: 0 });
  });

  test("is not bothered by unused blobs, and only notes packs that no index lists", async () => {
    const sample = await createSample();
    const unused = await sample.testing.addPack([{ type: "data", plain: randomBytes(10) }]);
    await sample.testing.addIndex([unused]);
    const stray = await sample.testing.addPack([{ type: "data", plain: randomBytes(10) }]);

    const report = await runVerify(sample);

    expect(report.errors).toEqual([]);
    expect(report.hints).toMatchObject([{ kind: "unreferenced-pack", packs: [stray.id] }]);
  });

  test("stops when its signal is aborted", async () => {
    const sample = await createSample();
    const call = runVerify(sample, { ...ALL, signal: AbortSignal.abort() });

    await expect(call).rejects.toMatchObject({ code: "interrupted" });
  });
});

describe("verify() finds an index that lies", () => {
  test("about the id of a blob", async () => {
    const sample = await createSample();
    const [pack] = sample.packs;
    const entries = pack.entries.map((entry, at) =>
      at === 0 ? { ...entry, id: randomBytes(32) } : entry,
    );
    await sample.testing.backend.remove({ kind: "index", name: sample.index });
    await sample.testing.addIndex([{ id: pack.id, entries }, ...sample.packs.slice(1)]);

    const report = await runVerify(sample);

    expect(report.errors).toMatchObject([{ kind: "pack-damaged" }, { kind: "blob-missing" }]);
    expect(report.errors[0]?.message).toContain("its header lists other blobs than the index");
    expect(report.errors[0]?.message).toContain("its contents have another hash");
  });

  test("about the uncompressed length of a blob, however large", async () => {
    const sample = await createSample();
    const pack = sample.packs[2];
    const entries = pack.entries.map((entry) => ({ ...entry, uncompressedLength: 0xffff_ffff }));
    await sample.testing.backend.remove({ kind: "index", name: sample.index });
    await sample.testing.addIndex([...sample.packs.slice(0, 2), { id: pack.id, entries }]);

    const report = await runVerify(sample);

    expect(summarize(report)).toEqual([["pack-damaged", pack.id, ["/"]]]);
  });

  test("by leaving out a blob of a pack", async () => {
    const sample = await createSample();
    const [pack] = sample.packs;
    await sample.testing.backend.remove({ kind: "index", name: sample.index });
    const short = { id: pack.id, entries: pack.entries.slice(1) };
    await sample.testing.addIndex([short, ...sample.packs.slice(1)]);

    const [first] = (await runVerify(sample)).errors;

    expect(first).toMatchObject({ kind: "pack-size", file: { name: pack.id } });
    expect(first?.message).toContain("gap or an overlap at offset 0");
  });

  test("by listing other blobs of a pack in another file, but not by listing the same again", async () => {
    const sample = await createSample();
    const [pack, other] = sample.packs;
    await sample.testing.addIndex([
      { id: pack.id, entries: pack.entries.slice(0, 1) },
      { id: other.id, entries: other.entries.toReversed() },
    ]);

    const report = await runVerify(sample);

    expect(summarize(report)).toEqual([["index-conflict", pack.id, []]]);
    expect(report.hints).toMatchObject([{ kind: "repeated-pack", packs: [other.id] }]);
  });
});

test("verify() names entries of a tree that break a rule", async () => {
  const testing = await TestingRepository.create();
  const tree = encodeTree([
    { ...fileNode("", []), name: new Uint8Array(0) },
    { ...fileNode("a", []), content: null },
    { ...fileNode("b", []), type: "dir" },
    { ...fileNode("c", []), type: "door" },
    { ...fileNode("d", []), content: ["0".repeat(64)] },
    { ...fileNode("e", []), type: "dir", subtree: "0".repeat(64) },
  ]);
  await testing.addIndex([await testing.addPack([{ type: "tree", plain: tree }])]);
  await testing.addSnapshot(sha256Hex(tree));

  const { errors } = await verify(testing.repository, ALL);

  expect(errors.map(({ kind }) => kind)).toEqual(Array(6).fill("tree-invalid"));
  expect(errors.every(({ affectedCount }) => affectedCount === 1)).toBe(true);
});

test("verify() names a tree that has the right hash but is none", async () => {
  const testing = await TestingRepository.create();
  const tree = Buffer.from("{}, or not");
  const root = encodeTree([directoryNode("bad", tree)]);
  const blobs = [tree, root].map((plain) => ({ type: "tree" as const, plain }));
  await testing.addIndex([await testing.addPack(blobs)]);
  await testing.addSnapshot(sha256Hex(root));

  const problem = onlyProblem(await verify(testing.repository, ALL));

  expect(problem).toMatchObject({ kind: "tree-damaged", affected: [{ path: "/bad" }] });
});

test("verify() notes packs that hold both trees and data", async () => {
  const testing = await TestingRepository.create();
  const content = randomBytes(100);
  const tree = encodeTree([fileNode("a", [content])]);
  const pack = await testing.addPack([
    { type: "data", plain: content },
    { type: "tree", plain: tree },
  ]);
  await testing.addIndex([pack]);
  await testing.addSnapshot(sha256Hex(tree));

  for (const options of [ALL, STRUCTURE]) {
    const report = await verify(testing.repository, options);

    expect(report.errors).toEqual([]);
    expect(report.hints).toMatchObject([{ kind: "mixed-pack", packs: [pack.id] }]);
    expect(report.suggestPrune).toBe(true);
  }
});

test("verify() reads a pack a second time before it counts as damaged", async () => {
  const sample = await createSample();
  const { repository } = sample.testing;
  const backend = new FirstReadBad(repository.backend);
  const { config, masterKey, keyId, zstd, locking } = repository;

  const report = await verify(
    new Repository({ backend, config, masterKey, keyId, zstd, locking }),
    ALL,
  );

  expect(report.errors).toEqual([]);
  expect(backend.packReads).toBe(6);
});

/** Returns each pack with a wrong byte when it is read for the first time: a fault of the line. */
class FirstReadBad implements Backend {
  readonly location = "bad line";
  readonly connections = 2;
  readonly create: Backend["create"];
  readonly write: Backend["write"];
  readonly stat: Backend["stat"];
  readonly list: Backend["list"];
  readonly remove: Backend["remove"];
  packReads = 0;
  readonly #inner: Backend;
  readonly #seen = new Set<string>();

  constructor(inner: Backend) {
    this.#inner = inner;
    this.create = inner.create.bind(inner);
    this.write = inner.write.bind(inner);
    this.stat = inner.stat.bind(inner);
    this.list = inner.list.bind(inner);
    this.remove = inner.remove.bind(inner);
  }

  async read(...args: Parameters<Backend["read"]>): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#inner.read(...args);
    const [{ kind, name }] = args;
    if (kind !== "pack") return bytes;
    this.packReads++;
    if (!this.#seen.has(name)) bytes[30] = (bytes[30] as number) ^ 1;
    this.#seen.add(name);
    return bytes;
  }
}
