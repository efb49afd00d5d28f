import { expect, test } from "vitest";

import type { Backend } from "../../backend/backend.ts";
import { Repository } from "../../repository/repository.ts";
import { listTrash } from "../../repository/trash.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { createSample, TestingRepository } from "../../testing/sample-repository.ts";
import { forgetSnapshots } from "./forget.ts";
import { undeleteSnapshot } from "./undelete.ts";

/** The same repository through another backend. */
function through(
  { config, masterKey, keyId, zstd, locking }: Repository,
  backend: Backend,
): Repository {
  return new Repository({ backend, config, masterKey, keyId, zstd, locking });
}

/** A repository of a few snapshots behind a backend that can be told to fail. */
async function setUp(count = 3) {
  const made = await TestingRepository.create();
  const ids: string[] = [];
  const root = await made.addPack([{ type: "tree", plain: Buffer.from('{"nodes":[]}\n') }]);
  await made.addIndex([root]);
  const tree = Buffer.from(root.entries[0]!.id).toString("hex");
  for (let at = 0; at < count; at++) ids.push(await made.addSnapshot(tree, `host${at}`));
  const backend = new FaultyBackend(made.backend);
  return { made, backend, ids, repository: through(made.repository, backend) };
}

/** Every snapshot is there, in the trash or both; gives how many are where. */
async function placesOf(
  repository: Repository,
  ids: readonly string[],
): Promise<readonly [number, number]> {
  const present = new Set(await repository.listNames("snapshot"));
  const trash = new Set((await listTrash(repository)).map(({ id }) => id));
  for (const id of ids) expect(present.has(id) || trash.has(id)).toBe(true);
  return [present.size, trash.size];
}

test("forgetSnapshots() moves snapshots to the trash, and undeleteSnapshot() back under the same id", async () => {
  const { repository, backend, ids } = await setUp();
  const ref = { kind: "snapshot", name: ids[0]! } as const;
  const bytes = await backend.read(ref);

  expect(await forgetSnapshots(repository, [ids[0]!])).toMatchObject({ failed: [], trash: "kept" });
  expect(await placesOf(repository, ids)).toEqual([2, 1]);
  const [entry] = await listTrash(repository);
  await undeleteSnapshot(repository, entry!);

  expect(await backend.read(ref)).toEqual(bytes);
  expect(await repository.listNames("trash")).toEqual([]);
});

test("without a grace nothing goes to the trash", async () => {
  const { repository, ids } = await setUp();

  expect((await forgetSnapshots(repository, ids, { graceMs: 0 })).trash).toBe("off");

  expect(await repository.listNames("trash")).toEqual([]);
  expect(await repository.listNames("snapshot")).toEqual([]);
});

test("a store that takes no trash loses the snapshots and says so", async () => {
  const { repository, backend, ids } = await setUp();
  backend.on({ method: "write", kind: "trash" }, { type: "fail", error: "unsupported" });

  const result = await forgetSnapshots(repository, ids);

  expect(result.trash).toBe("unsupported");
  expect(result.removed.toSorted()).toEqual(ids.toSorted());
});

test.each([
  ["copied", "write", "trash"],
  ["removed", "remove", "snapshot"],
] as const)(
  "a snapshot that cannot be %s is reported and stays, the others go",
  async (_, method, kind) => {
    const { repository, backend, ids } = await setUp();
    backend.on({ method, kind, nth: 1 }, { type: "fail", error: "denied" });
    const errors: string[] = [];

    const { removed, failed } = await forgetSnapshots(repository, ids, {
      onSnapshot: (id, error) => {
        if (error !== undefined) errors.push(`${id} ${error.code}`);
      },
    });

    expect([removed.length, failed.length]).toEqual([2, 1]);
    expect(errors).toEqual([`${failed[0]} denied`]);
    expect(await repository.listNames("snapshot")).toEqual(failed);
  },
);

test.each([
  ["before", false],
  ["after", true],
])("no snapshot is lost if forget or undelete dies %s any of its writes", async (_, applied) => {
  let crashes = 0;
  for (let nth = 1, isDone = false; !isDone; nth++) {
    const { repository, backend, made, ids } = await setUp(2);
    backend.crashAt(nth, { applied });
    await forgetSnapshots(repository, ids).catch(() => undefined);
    const entries = backend.crashed ? [] : await listTrash(repository);
    for (const entry of entries) await undeleteSnapshot(repository, entry).catch(() => undefined);
    isDone = !backend.crashed;
    if (backend.crashed) crashes++;

    const healed = through(made.repository, made.backend);
    await placesOf(healed, ids);
    for (const entry of await listTrash(healed)) await undeleteSnapshot(healed, entry);
    expect(new Set(await healed.listNames("snapshot"))).toEqual(new Set(ids));
  }

  // Each is written twice and removed twice.
  expect(crashes).toBe(8);
});

test("undeleteSnapshot() refuses what a prune has taken the data of, and changes nothing", async () => {
  const { testing, snapshot, packs } = await createSample();
  const { repository } = testing;
  await forgetSnapshots(repository, [snapshot]);
  const [entry] = await listTrash(repository);
  const [index = ""] = await repository.listNames("index");
  await testing.backend.remove({ kind: "index", name: index });
  await testing.addIndex([packs[0], packs[2]]);

  await expect(undeleteSnapshot(repository, entry!)).rejects.toThrow(
    "1 of its blobs or trees is gone",
  );

  expect(await repository.listNames("snapshot")).toEqual([]);
  expect((await listTrash(repository)).length).toBe(1);
});
