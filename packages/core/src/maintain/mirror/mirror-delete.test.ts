import { describe, expect, test } from "vitest";
import { MemoryBackend } from "../../backend/memory.ts";
import { type Sample } from "../../testing/sample-repository.ts";
import {
  cloneOf,
  contentsOf,
  crashEverywhere,
  sampleWithConfig,
} from "../../testing/mirror-sides.ts";
import { mirror } from "./mirror.ts";

describe("mirror() with delete", () => {
  async function forgetfulSource(): Promise<{
    sample: Sample;
    target: MemoryBackend;
    old: string;
  }> {
    const sample = await sampleWithConfig();
    const { testing } = sample;
    const old = await testing.addSnapshot(sample.root, "old");
    const spare = await testing.addPack([{ type: "data", plain: new Uint8Array(99) }]);
    const index = await testing.addIndex([spare]);
    const target = await cloneOf(testing.backend, "mirror");
    await testing.backend.remove({ kind: "snapshot", name: old });
    await testing.backend.remove({ kind: "index", name: index });
    await testing.backend.remove({ kind: "pack", name: spare.id });
    return { sample, target, old };
  }

  test("leaves what only the target has unless it is asked for", async () => {
    const { sample, target, old } = await forgetfulSource();

    const kept = await mirror(sample.testing.repository, target);
    expect(kept).toMatchObject({ onlyOnTarget: 3, snapshotsOnlyOnTarget: [old] });

    const report = await mirror(sample.testing.repository, target, { delete: true });
    expect(report.deletedSnapshots).toEqual([old]);
    expect(report.deleted.pack.files).toBe(1);
    expect(await contentsOf(target)).toEqual(await contentsOf(sample.testing.backend));
  });

  test("does not delete the last snapshot unless that is meant", async () => {
    const { sample, target } = await forgetfulSource();
    await sample.testing.backend.remove({ kind: "snapshot", name: sample.snapshot });

    await expect(mirror(sample.testing.repository, target, { delete: true })).rejects.toMatchObject(
      { code: "invalid-argument" },
    );
    const report = await mirror(sample.testing.repository, target, {
      delete: true,
      allowRemoveAll: true,
    });
    expect(report.deletedSnapshots).toHaveLength(2);
  });

  test("deletes nothing while the source lacks something", async () => {
    const { sample, target, old } = await forgetfulSource();
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[1].id });

    const report = await mirror(sample.testing.repository, target, { delete: true });

    expect(report.problems).toMatchObject([{ kind: "lacking", side: "source" }]);
    expect(Object.keys(await contentsOf(target))).toContain(`snapshot ${old}`);
    expect(Object.keys(await contentsOf(target))).toContain(`pack ${sample.packs[1].id}`);
  });

  test("is whole wherever it dies", async () => {
    await crashEverywhere({ delete: true }, async () => {
      const { sample, target } = await forgetfulSource();
      return { sample, target, expected: await contentsOf(sample.testing.backend) };
    });
  });
});

test("mirror() to an empty place is whole wherever it dies", async () => {
  await crashEverywhere({}, async () => {
    const sample = await sampleWithConfig();
    const target = new MemoryBackend({ location: "mirror" });
    return { sample, target, expected: await contentsOf(sample.testing.backend) };
  });
});
