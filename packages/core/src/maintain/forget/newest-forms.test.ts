import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { compilePatterns } from "../../fs/filter.ts";
import { listSnapshots, type SnapshotEntry } from "../../repository/snapshots.ts";
import { listTrash } from "../../repository/trash.ts";
import { createSample, type Sample } from "../../testing/sample-repository.ts";
import { rewriteSnapshots } from "../rewrite/rewrite-snapshots.ts";
import { tagSnapshots } from "../rewrite/tag-snapshots.ts";
import { forgetSnapshots } from "./forget.ts";
import { newestForms } from "./newest-forms.ts";
import { undeleteSnapshot } from "./undelete.ts";

let sample: Sample;
beforeEach(async () => {
  sample = await createSample();
});

function snapshots(): Promise<SnapshotEntry[]> {
  return listSnapshots(sample.testing.repository);
}

/** The only snapshot that there is. */
async function only(): Promise<SnapshotEntry> {
  const [entry, ...others] = await snapshots();
  expect(others).toEqual([]);
  return entry!;
}

async function tag(text: string): Promise<void> {
  await sleep(2);
  await tagSnapshots(sample.testing.repository, [await only()], { add: [text] });
}

/** Leave a file out; the old form stays only with `forget` false. */
async function rewrite(name: string, forget = true): Promise<void> {
  const exclude = [compilePatterns([name])];
  await rewriteSnapshots(sample.testing.repository, [await only()], { exclude, forget });
}

async function forgetAll(): Promise<void> {
  // Which of two was forgotten later is known to the millisecond.
  await sleep(2);
  const ids = (await snapshots()).map(({ id }) => id);
  expect((await forgetSnapshots(sample.testing.repository, ids)).failed).toEqual([]);
}

/** Ids of what would come back of the trash, which holds so many. */
async function comingBack(inTrash: number): Promise<string[]> {
  const trash = await listTrash(sample.testing.repository);
  expect(trash).toHaveLength(inTrash);
  return newestForms(trash, await snapshots()).map(({ id }) => id);
}

const replacements: readonly [string, readonly (() => Promise<void>)[]][] = [
  ["tagged", [() => tag("x")]],
  ["tagged and tagged again", [() => tag("x"), () => tag("y")]],
  ["tagged and rewritten", [() => tag("x"), () => rewrite("three")]],
  ["rewritten and rewritten again", [() => rewrite("three"), () => rewrite("two")]],
  ["rewritten, tagged and tagged again", [() => rewrite("one"), () => tag("x"), () => tag("y")]],
  [
    "tagged, rewritten, tagged and rewritten",
    [() => tag("x"), () => rewrite("two"), () => tag("y"), () => rewrite("one")],
  ],
];

test.each(replacements)("of a snapshot that was %s no old form comes back", async (_, steps) => {
  for (const step of steps) await step();

  expect(await comingBack(steps.length)).toEqual([]);
});

test.each(replacements)(
  "a snapshot that was %s, and then forgotten, comes back in its last form",
  async (_, steps) => {
    for (const step of steps) await step();
    const { id } = await only();
    await forgetAll();

    expect(await comingBack(steps.length + 1)).toEqual([id]);
  },
);

test("two that were rewritten from one come back both", async () => {
  await rewrite("three", false);
  const [first] = (await snapshots()).filter(({ id }) => id !== sample.snapshot);
  await forgetSnapshots(sample.testing.repository, [first!.id]);
  await rewrite("two");
  const second = await only();
  await forgetAll();

  expect((await comingBack(3)).sort()).toEqual([first!.id, second.id].sort());
});

test("snapshots of the same contents that were made of nothing come back all", async () => {
  const { testing, root } = sample;
  for (const host of ["same", "same"]) await testing.addSnapshot(root, host);
  await forgetAll();

  expect(await comingBack(3)).toHaveLength(3);
});

test("an old form comes back when it is asked for", async () => {
  await tag("x");
  await tag("y");
  const [first] = await listTrash(sample.testing.repository);

  await undeleteSnapshot(sample.testing.repository, first!);

  expect((await snapshots()).map(({ id }) => id)).toContain(sample.snapshot);
});
