import { describe, expect, test } from "vitest";
import { sha256Hex } from "../../crypto/sha256.ts";
import { ALL, onlyProblem, runVerify, STRUCTURE, summarize } from "../../testing/run-verify.ts";
import {
  createSample,
  directoryNode,
  onlyName,
  TestingRepository,
} from "../../testing/sample-repository.ts";
import { encodeTree } from "../../format/tree.ts";
import { verify } from "./verify.ts";

describe("verify() names the damaged pack and the files that need it when one bit is flipped", () => {
  const regions = [
    ["the first blob", 20, ["/one"], 1],
    ["the blob in the middle", 1500, ["/one", "/sub/two"], 1],
    ["the header", -40, [], 0],
    ["the length of the header", -4, [], 0],
  ] as const;
  for (const [region, at, paths, lost] of regions) {
    test(`in ${region}`, async () => {
      const sample = await createSample();
      await sample.testing.flip("pack", sample.packs[0].id, at);

      const report = await runVerify(sample);

      expect(summarize(report)).toEqual([["pack-damaged", sample.packs[0].id, paths]]);
      expect(onlyProblem(report)).toMatchObject({ lostBlobs: lost, affectedCount: paths.length });
      expect(report.damagedPacks).toEqual([sample.packs[0].id]);
    });
  }

  test("in the only copy of a tree", async () => {
    const sample = await createSample();
    await sample.testing.flip("pack", sample.packs[2].id, 20);

    for (const options of [ALL, STRUCTURE]) {
      const report = await runVerify(sample, options);

      expect(summarize(report)).toEqual([["pack-damaged", sample.packs[2].id, ["/"]]]);
      expect(onlyProblem(report).affected).toEqual([{ snapshot: sample.snapshot, path: "/" }]);
    }
  });

  test("but names no file if another pack has a whole copy", async () => {
    const sample = await createSample();
    const copy = await sample.testing.addPack([{ type: "data", plain: sample.blobs.first }]);
    await sample.testing.addIndex([copy]);
    await sample.testing.flip("pack", sample.packs[0].id, 20);

    expect(summarize(await runVerify(sample))).toEqual([["pack-damaged", sample.packs[0].id, []]]);
  });
});

describe("verify() names a damaged file when one bit is flipped", () => {
  for (const kind of ["index", "snapshot", "key"] as const) {
    for (const at of [3, 100, -1]) {
      test(`in the ${kind} file at ${at}`, async () => {
        const sample = await createSample();
        const name = await onlyName(sample.testing.repository, kind);
        await sample.testing.flip(kind, name, at);

        const [first] = (await runVerify(sample)).errors;

        expect(first).toMatchObject({ kind: `${kind}-damaged`, file: { kind, name } });
      });
    }
  }

  test("in a lock", async () => {
    const sample = await createSample();
    const { repository } = sample.testing;
    const lock = await repository.lock({ exclusive: false });
    const name = await onlyName(repository, "lock");
    await sample.testing.flip("lock", name, 50);

    const report = await runVerify(sample);
    await lock.release();

    expect(summarize(report)).toEqual([["lock-damaged", name, []]]);
  });
});

describe("verify() names what is not there", () => {
  test("a pack of data", async () => {
    const sample = await createSample();
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[0].id });

    const report = await runVerify(sample, STRUCTURE);

    const paths = ["/one", "/sub/two"];
    expect(summarize(report)).toEqual([["pack-missing", sample.packs[0].id, paths]]);
    expect(onlyProblem(report).lostBlobs).toBe(2);
    expect(report.suggestRepairIndex).toBe(true);
  });

  test("a pack of trees", async () => {
    const sample = await createSample();
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[2].id });

    expect(summarize(await runVerify(sample))).toEqual([
      ["pack-missing", sample.packs[2].id, ["/"]],
    ]);
  });

  test("the end of a pack", async () => {
    const sample = await createSample();
    const name = sample.packs[0].id;
    await sample.testing.change("pack", name, (bytes) => bytes.subarray(0, 2000));

    for (const options of [ALL, STRUCTURE]) {
      const report = await runVerify(sample, options);

      expect(summarize(report)).toEqual([["pack-size", name, ["/one", "/sub/two"]]]);
      expect(onlyProblem(report).lostBlobs).toBe(1);
    }
  });

  test("an index file, by the blobs that are needed", async () => {
    const sample = await createSample();
    await sample.testing.backend.remove({ kind: "index", name: sample.index });
    await sample.testing.addIndex(sample.packs.slice(1));

    const report = await runVerify(sample);

    expect(report.errors).toMatchObject([
      { kind: "blob-missing", blob: { id: sample.ids.first }, affected: [{ path: "/one" }] },
      { kind: "blob-missing", affected: [{ path: "/one" }, { path: "/sub/two" }] },
    ]);
    expect(report.hints).toMatchObject([{ kind: "unreferenced-pack" }]);
  });

  test("a tree", async () => {
    const testing = await TestingRepository.create();
    const root = encodeTree([directoryNode("gone", Buffer.from("no tree"))]);
    await testing.addIndex([await testing.addPack([{ type: "tree", plain: root }])]);
    const snapshots = [
      await testing.addSnapshot(sha256Hex(root), "a"),
      await testing.addSnapshot(sha256Hex(root), "b"),
    ];

    const problem = onlyProblem(await verify(testing.repository, ALL));

    const id = sha256Hex(Buffer.from("no tree"));
    expect(problem).toMatchObject({ kind: "blob-missing", blob: { type: "tree", id } });
    expect(problem.affected.map(({ path }) => path)).toEqual(["/gone", "/gone"]);
    expect(new Set(problem.affected.map(({ snapshot }) => snapshot))).toEqual(new Set(snapshots));
  });

  test("a root tree", async () => {
    const sample = await createSample();
    const snapshot = await sample.testing.addSnapshot("3".repeat(64));

    const report = await runVerify(sample, STRUCTURE);

    expect(onlyProblem(report)).toMatchObject({
      kind: "blob-missing",
      affected: [{ snapshot, path: "/" }],
    });
  });
});
