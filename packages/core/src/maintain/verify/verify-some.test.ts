import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../crypto/sha256.ts";
import { encodeTree } from "../../format/tree.ts";
import {
  directoryNode,
  fileNode,
  TestingRepository,
  type PlainBlob,
} from "../../testing/sample-repository.ts";
import type { SnapshotChoice } from "./choose-snapshots.ts";
import type { VerifyReport } from "./verify-report.ts";
import { verify, type VerifyOptions } from "./verify.ts";

const data = (plain: Uint8Array): PlainBlob => ({ type: "data", plain });
const tree = (plain: Uint8Array): PlainBlob => ({ type: "tree", plain });
type Names = Readonly<Record<"shared" | "ofOne" | "ofTwo" | "treesOne" | "treesTwo", string>>;

describe("verify() of some snapshots", () => {
  let testing: TestingRepository;
  let packs: Names;
  let one: string;
  let two: string;

  /** Two snapshots of hosts `one` and `two`, with a file of their own each in a folder, and one that both have. */
  beforeEach(async () => {
    testing = await TestingRepository.create();
    const [both, first, second] = [randomBytes(900), randomBytes(800), randomBytes(700)];
    const sub = (own: Uint8Array): Uint8Array => encodeTree([fileNode("own", [own])]);
    const root = (own: Uint8Array): Uint8Array =>
      encodeTree([fileNode("both", [both]), directoryNode("sub", sub(own))]);
    const added = [
      await testing.addPack([data(both)]),
      await testing.addPack([data(first)]),
      await testing.addPack([data(second)]),
      await testing.addPack([tree(root(first)), tree(sub(first))]),
      await testing.addPack([tree(root(second)), tree(sub(second))]),
    ] as const;
    const [shared, ofOne, ofTwo, treesOne, treesTwo] = added.map(({ id }) => id) as [
      string,
      string,
      string,
      string,
      string,
    ];
    packs = { shared, ofOne, ofTwo, treesOne, treesTwo };
    await testing.addIndex(added);
    one = await testing.addSnapshot(sha256Hex(root(first)), "one");
    two = await testing.addSnapshot(sha256Hex(root(second)), "two");
  });

  function run(
    snapshots: SnapshotChoice | undefined,
    options: VerifyOptions = { readData: true },
  ): Promise<VerifyReport> {
    return verify(testing.repository, { noLock: true, threads: 1, snapshots, ...options });
  }

  function kinds({ errors }: VerifyReport): unknown[] {
    return errors.map(({ kind, file, affected }) => [
      kind,
      file?.name,
      affected.map(({ snapshot, path }) => `${snapshot}:${path}`).sort(),
    ]);
  }

  test("reads what they need and nothing else", async () => {
    await testing.flip("pack", packs.ofTwo, 20);
    await testing.flip("pack", packs.treesTwo, 20);

    const report = await run({ names: [one.slice(0, 8)] });

    expect(report.errors).toEqual([]);
    expect(report.counts).toMatchObject({
      snapshots: 1,
      snapshotsLeftOut: 1,
      trees: 2,
      packsRead: 3,
    });
    const other = await run({ names: [two] });
    expect(kinds(other)).toEqual([["pack-damaged", packs.treesTwo, [`${two}:/`]]]);
    expect((await run(undefined)).counts.snapshotsLeftOut).toBeUndefined();
  });

  test("finds damage to contents, and names the files of these snapshots only", async () => {
    await testing.flip("pack", packs.shared, 20);

    const report = await run({ filter: { hosts: ["two"] } });

    expect(kinds(report)).toEqual([["pack-damaged", packs.shared, [`${two}:/both`]]]);
  });

  test("reads their trees also if no data is read", async () => {
    await testing.flip("pack", packs.treesOne, -100);
    await testing.flip("pack", packs.treesOne, 20);
    const structure = { readData: false };

    expect((await run({ names: [two] }, structure)).errors).toEqual([]);
    const report = await run({ names: [one] }, structure);

    expect(kinds(report)).toEqual([["pack-damaged", packs.treesOne, [`${one}:/`]]]);
    expect(report.counts.packsRead).toBe(0);
  });

  test("names packs that are missing, whoever needs them", async () => {
    await testing.backend.remove({ kind: "pack", name: packs.ofTwo });

    expect(kinds(await run({ names: [one] }))).toEqual([["pack-missing", packs.ofTwo, []]]);
  });

  test("reads a part of what they need", async () => {
    const chosen = await run({ names: [one] }, { readData: { subset: { percent: 34 } } });
    const byName = await Promise.all(
      [1, 2].map((part) => run({ names: [one] }, { readData: { subset: { part, of: 2 } } })),
    );

    expect(chosen.counts.packsRead).toBe(1);
    const sum = byName.reduce((all, { counts }) => all + counts.packsRead, 0);
    expect(sum).toBe(3);
  });

  test("believes none of the copies of what they need", async () => {
    const copy = randomBytes(10);
    const root = encodeTree([fileNode("copied", [copy])]);
    const doubled = [
      await testing.addPack([data(copy), tree(root)]),
      await testing.addPack([tree(root), data(copy)]),
    ];
    await testing.addIndex(doubled);
    const three = await testing.addSnapshot(sha256Hex(root), "three");

    expect((await run({ names: [three] })).counts).toMatchObject({ trees: 1, packsRead: 2 });
    for (const { id } of doubled) {
      await testing.flip("pack", id, 20);
      const report = await run({ names: [three] });
      expect(report.errors).toMatchObject([{ kind: "pack-damaged", affectedCount: 0 }]);
      await testing.flip("pack", id, 20);
    }
  });

  test("looks at other snapshots only where the choice depends on them", async () => {
    const newest = await testing.addSnapshot("ab".repeat(32), "broken");
    await testing.flip("snapshot", newest, 20);

    expect((await run({ names: [one] })).errors).toEqual([]);
    for (const choice of [{ names: ["latest"] }, { filter: { hosts: ["one"] } }]) {
      expect(kinds(await run(choice))).toEqual([["snapshot-damaged", newest, []]]);
    }
    expect(kinds(await run({ names: [newest] }))).toEqual([["snapshot-damaged", newest, []]]);
  });

  test("knows the latest of those that fit", async () => {
    await testing.flip("pack", packs.ofTwo, 20);

    expect((await run({ names: ["latest"], filter: { hosts: ["one"] } })).errors).toEqual([]);
    expect((await run({ names: ["latest"], filter: { hosts: ["two"] } })).errors).toHaveLength(1);
  });

  test("of none finds nothing, and is refused for a name that means none", async () => {
    const report = await run({ filter: { hosts: ["nobody"] } });

    expect(report.counts).toMatchObject({ snapshots: 0, snapshotsLeftOut: 2, packsRead: 0 });
    await expect(run({ names: [one, "ffffffff0"] })).rejects.toMatchObject({ code: "not-found" });
    await expect(run({ names: [`${one}:/sub`] })).rejects.toMatchObject({
      code: "invalid-argument",
    });
    await expect(run({ names: ["latest"], filter: { hosts: ["nobody"] } })).rejects.toMatchObject({
      code: "not-found",
    });
  });
});
