import { expect, test } from "vitest";

import { isTsbakError } from "../errors.ts";
import { createSample } from "../testing/sample-repository.ts";
import { copyToTrash, emptyTrash, graceSnapshots, listTrash, removeFromTrash } from "./trash.ts";

const HOUR_MS = 3_600_000;

async function forgottenSample(graceMs = HOUR_MS) {
  const sample = await createSample();
  const { repository, backend } = sample.testing;
  const ref = { kind: "snapshot", name: sample.snapshot } as const;
  const bytes = await backend.read(ref);
  await copyToTrash(repository, sample.snapshot, graceMs);
  return { ...sample, repository, backend, ref, bytes };
}

test("copyToTrash() keeps the stored bytes of a snapshot, which stays until the caller removes it", async () => {
  const { repository, backend, ref, bytes, snapshot, root } = await forgottenSample();

  expect(await listTrash(repository)).toEqual([]);
  await backend.remove(ref);

  const [entry, ...others] = await listTrash(repository);
  expect(others).toEqual([]);
  expect(entry?.id).toBe(snapshot);
  expect(entry?.snapshot.tree).toBe(root);
  expect(entry?.file).toEqual(bytes);
  expect(Math.abs((entry?.untilMs ?? 0) - Date.now() - HOUR_MS)).toBeLessThan(60_000);
});

test("listTrash() shows a snapshot once that was forgotten twice, with the longer grace", async () => {
  const { repository, backend, ref } = await forgottenSample();
  await copyToTrash(repository, ref.name, 5 * HOUR_MS);
  await backend.remove(ref);

  const entries = await listTrash(repository);

  expect(entries.map(({ names }) => names.length)).toEqual([2]);
  expect(entries[0]?.untilMs).toBeGreaterThan(Date.now() + 4 * HOUR_MS);
});

test("graceSnapshots() gives what is in grace, even if it is a snapshot again", async () => {
  const { repository, snapshot, root } = await forgottenSample();

  expect(await graceSnapshots(repository)).toMatchObject([
    { id: snapshot, snapshot: { tree: root } },
  ]);
  expect(await graceSnapshots(repository, { nowMs: Date.now() + 2 * HOUR_MS })).toEqual([]);
});

test("emptyTrash() removes what is past its grace, and what came back", async () => {
  const { repository, backend, ref } = await forgottenSample();
  await backend.remove(ref);

  expect(await emptyTrash(repository)).toBe(0);
  expect((await listTrash(repository)).length).toBe(1);
  expect(await emptyTrash(repository, { nowMs: Date.now() + 2 * HOUR_MS })).toBe(1);
  expect(await repository.listNames("trash")).toEqual([]);

  const other = await forgottenSample();
  expect(await emptyTrash(other.repository)).toBe(0);
  expect(await other.repository.listNames("trash")).toEqual([]);
});

test("a damaged file of the trash is reported, never shown, and stays", async () => {
  const { testing, repository, backend, ref } = await forgottenSample();
  await backend.remove(ref);
  const [name = ""] = await repository.listNames("trash");
  await testing.flip("trash", name, 40);
  const damaged: string[] = [];

  await expect(listTrash(repository)).rejects.toSatisfy((error) => isTsbakError(error, "corrupt"));
  expect(await listTrash(repository, { onDamaged: (id) => damaged.push(id) })).toEqual([]);
  expect(damaged).toEqual([name]);
  expect(await emptyTrash(repository, { nowMs: Date.now() + 2 * HOUR_MS })).toBe(0);
  expect(await repository.listNames("trash")).toEqual([name]);

  await removeFromTrash(repository, [name, name]);
  expect(await repository.listNames("trash")).toEqual([]);
});
