import { describe, expect, test } from "vitest";
import {
  type MirrorCase,
  cloneOf,
  contentsOf,
  crashEverywhere,
  flip,
  sampleWithConfig,
} from "../../testing/mirror-sides.ts";
import { mirror } from "./mirror.ts";

describe("mirror() with heal", () => {
  /** A source and its mirror, each with damage that the other does not have. */
  async function damagedSides(): Promise<MirrorCase> {
    const sample = await sampleWithConfig();
    const { backend } = sample.testing;
    const expected = await contentsOf(backend);
    const target = await cloneOf(backend, "mirror");
    await flip(backend, "snapshot", sample.snapshot);
    await flip(backend, "pack", sample.packs[0].id);
    await flip(target, "index", sample.index);
    await flip(target, "pack", sample.packs[1].id);
    return { sample, target, expected };
  }

  test("replaces what is damaged by the other side's copy", async () => {
    const { sample, target, expected } = await damagedSides();

    const report = await mirror(sample.testing.repository, target, { heal: true });

    expect(report.problems).toEqual([]);
    expect(report.healed).toHaveLength(4);
    expect(await contentsOf(target)).toEqual(expected);
    expect(await contentsOf(sample.testing.backend)).toEqual(expected);
  });

  test("heals the config of the target, and names it before", async () => {
    const { sample, target, expected } = await damagedSides();
    await flip(target, "config", "");

    await expect(mirror(sample.testing.repository, target)).rejects.toMatchObject({
      code: "corrupt",
    });
    await mirror(sample.testing.repository, target, { heal: true });

    expect(await contentsOf(target)).toEqual(expected);
  });

  test("brings back a pack that only the target has", async () => {
    const sample = await sampleWithConfig();
    const expected = await contentsOf(sample.testing.backend);
    const target = await cloneOf(sample.testing.backend, "mirror");
    await sample.testing.backend.remove({ kind: "pack", name: sample.packs[2].id });

    const report = await mirror(sample.testing.repository, target, { heal: true });

    expect(report.problems).toEqual([]);
    expect(await contentsOf(sample.testing.backend)).toEqual(expected);
  });

  test("reports what is damaged on both sides", async () => {
    const { sample, target } = await damagedSides();
    await flip(target, "pack", sample.packs[0].id);

    const report = await mirror(sample.testing.repository, target, { heal: true });

    expect(report.problems).toMatchObject([
      { kind: "damaged-both", file: { kind: "pack", name: sample.packs[0].id } },
    ]);
  });

  test("loses nothing wherever it dies, even if things are deleted later", async () => {
    await crashEverywhere({ heal: true, delete: true }, damagedSides, false);
  });
});
