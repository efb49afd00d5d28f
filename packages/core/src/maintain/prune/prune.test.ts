import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { sleep } from "../../async/sleep.ts";
import type { FileKind } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { sha256, sha256Hex } from "../../crypto/sha256.ts";
import { encodeTree } from "../../format/tree.ts";
import { Repository } from "../../repository/repository.ts";
import { loadSnapshot } from "../../repository/snapshots.ts";
import { copyToTrash, listTrash, removeFromTrash } from "../../repository/trash.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { putLock } from "../../testing/lock-samples.ts";
import { fileNode, TestingRepository, type PlainBlob } from "../../testing/sample-repository.ts";
import { verify } from "../verify/verify.ts";
import { BlobMarks, createMarks } from "./blob-marks.ts";
import { IndexFiles } from "./index-files.ts";
import { LateComers } from "./late-comers.ts";
import { prune } from "./prune.ts";
import type { PruneOptions } from "./prune-options.ts";

const data = (size = 5000): PlainBlob => ({ type: "data", plain: randomBytes(size) });
const idOf = ({ plain }: PlainBlob): string => sha256Hex(plain);

/** A tree with one file for each blob of data. */
function treeOf(...blobs: readonly PlainBlob[]): PlainBlob {
  const nodes = blobs.map((blob, n) =>
    fileNode(`file-${String(n).padStart(3, "0")}`, [blob.plain]),
  );
  return { type: "tree", plain: encodeTree(nodes) };
}

/**
 * A repository with the snapshot `kept`, and the blobs of one that was forgotten. The packs: all used, partly used, unused, trees of
 * which one is used; each in an index file of its own.
 */
async function createScene() {
  const testing = await TestingRepository.create();
  const [a, b, c, d, e] = [data(), data(), data(), data(), data()];
  const [kept, forgotten] = [treeOf(a, b, c), treeOf(d, e)];
  const blobs = [[a, b], [c, d], [e], [kept, forgotten]];
  const packs: string[] = [];
  for (const pack of blobs) {
    const indexed = await testing.addPack(pack);
    await testing.addIndex([indexed]);
    packs.push(indexed.id);
  }
  const snapshot = await testing.addSnapshot(idOf(kept));
  return { testing, snapshot, packs, used: { a, b, c, kept }, unused: { d, e, forgotten } };
}

async function names({ backend }: Repository, kind: FileKind): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of backend.list(kind)) found.push(name);
  return found.sort();
}

async function allNames(repository: Repository): Promise<string[][]> {
  const kinds: FileKind[] = ["pack", "index", "snapshot", "lock"];
  return Promise.all(kinds.map((kind) => names(repository, kind)));
}

async function expectClean(repository: Repository): Promise<void> {
  repository.dropIndex();
  const report = await verify(repository, { readData: true, threads: 2 });
  expect(report.errors).toEqual([]);
  expect(report.hints).toEqual([]);
}

async function blobIds(repository: Repository): Promise<string[]> {
  repository.dropIndex();
  const index = await repository.loadIndex();
  return Array.from({ length: index.size }, (_, entry) => index.idAt(entry)).sort();
}

const all = { threads: 1, maxUnused: { bytes: 0 } } as const;

/** Nobody else is there when it begins, or somebody is for a while. */
type Company = "alone" | "beside others";
const companies: readonly Company[] = ["alone", "beside others"];

/** Prunes a repository that others use as well. They hold a lock until it begins to repack. */
async function pruneIn(
  company: Company,
  { repository }: TestingRepository,
  options: PruneOptions,
  pruned: Repository = repository,
) {
  const isAlone = company === "alone";
  const other = isAlone ? undefined : await repository.lock({ exclusive: false });
  const onEvent: PruneOptions["onEvent"] = (event) => {
    if (event.kind === "phase" && event.phase === "repack") void other?.release();
    options.onEvent?.(event);
  };
  return prune(pruned, { ...options, onEvent });
}

/** Prunes while the listing of snapshots that decides waits for `meanwhile`. */
async function pruneAmid(
  company: Company,
  { testing }: { testing: TestingRepository },
  meanwhile: () => Promise<unknown>,
) {
  const { config, masterKey, keyId, zstd, locking, backend: store } = testing.repository;
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  const backend = new FaultyBackend(store);
  // The one after the lock is certain; beside others there is one more before.
  const [nth, before] = company === "alone" ? [2, "repack"] : [3, "check-again"];
  backend.on({ method: "list", kind: "snapshot", nth }, { type: "delay", until });
  // The delay begins whenever the call comes; what happens meanwhile is begun by the phase before it.
  const onEvent: PruneOptions["onEvent"] = (event) => {
    if (event.kind === "phase" && event.phase === before) void meanwhile().then(go);
  };
  const slow = new Repository({ backend, config, masterKey, keyId, zstd, locking });
  return pruneIn(company, testing, { ...all, onEvent }, slow);
}

test("prune() removes what no snapshot needs and keeps the rest whole", async () => {
  const { testing, packs, used } = await createScene();
  const { id: unindexed } = await testing.addPack([data()]);

  const report = await prune(testing.repository, all);

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual(Object.values(used).map(idOf).sort());
  const left = await names(testing.repository, "pack");
  expect(left).toContain(packs[0]);
  for (const gone of [...packs.slice(1), unindexed]) expect(left).not.toContain(gone);
  expect(left).toHaveLength(3);
  expect(await names(testing.repository, "lock")).toEqual([]);
  expect(await names(testing.repository, "index")).toHaveLength(1);
  expect(report.removedPacks).toBe(4);
  expect(report.statistics).toMatchObject({
    blobs: { used: 4, unused: 3, duplicate: 0, repack: 4, repackRemove: 2, remove: 1 },
    packs: { used: 1, partlyUsed: 2, unused: 1, unreferenced: 1, keep: 1, repack: 2, remove: 1 },
  });
});

test("prune() has nothing to do a second time", async () => {
  const { testing } = await createScene();
  await prune(testing.repository, all);
  const before = await allNames(testing.repository);

  const report = await prune(testing.repository, all);

  expect(await allNames(testing.repository)).toEqual(before);
  expect(report.removedPacks).toBe(0);
});

test("prune() as a dry run changes nothing", async () => {
  const { testing } = await createScene();
  const before = await allNames(testing.repository);

  const report = await prune(testing.repository, { ...all, dryRun: true });

  expect(await allNames(testing.repository)).toEqual(before);
  expect(report.statistics.packs).toMatchObject({ repack: 2, remove: 1 });
});

test("prune() keeps one copy of what is stored twice", async () => {
  const { testing, used } = await createScene();
  const { a, b, c, kept } = used;
  await testing.addIndex([await testing.addPack([a, b, c]), await testing.addPack([kept])]);

  const report = await prune(testing.repository, all);

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual([a, b, c, kept].map(idOf).sort());
  expect(report.statistics.blobs).toMatchObject({ used: 4, duplicate: 4 });
});

test("prune() spares the snapshots that it is told of", async () => {
  const { testing, unused } = await createScene();
  const forgotten = await testing.addSnapshot(idOf(unused.forgotten));
  const entry = await loadSnapshot(testing.repository, forgotten);
  await testing.backend.remove({ kind: "snapshot", name: forgotten });

  await prune(testing.repository, { ...all, spare: () => Promise.resolve([entry]) });

  const left = await blobIds(testing.repository);
  for (const blob of Object.values(unused)) expect(left).toContain(idOf(blob));
});

test("prune() takes snapshots for removed that are to be ignored", async () => {
  const { testing, snapshot } = await createScene();

  const { statistics } = await prune(testing.repository, {
    ...all,
    dryRun: true,
    ignoreSnapshots: new Set([snapshot]),
  });

  expect(statistics.blobs).toMatchObject({ used: 0, unused: 7 });
});

test.each(companies)(
  "prune() %s keeps packs that a snapshot needs which was made while it worked",
  async (company) => {
    const scene = await createScene();
    const { testing, unused } = scene;

    const report = await pruneAmid(company, scene, () =>
      testing.addSnapshot(idOf(unused.forgotten)),
    );

    testing.repository.dropIndex();
    const verified = await verify(testing.repository, { readData: true, threads: 2 });
    expect(verified.errors).toEqual([]);
    expect(verified.counts.snapshots).toBe(2);
    expect(report.rescuedPacks).toBe(3);
  },
);

test.each(companies)(
  "prune() %s keeps packs that were in no index until a backup ended meanwhile",
  async (company) => {
    const scene = await createScene();
    const { testing } = scene;
    const late = data();
    const tree = treeOf(late);
    const packs = [await testing.addPack([late]), await testing.addPack([tree])];

    await pruneAmid(company, scene, async () => {
      await testing.addIndex(packs);
      await testing.addSnapshot(idOf(tree));
    });

    await expectClean(testing.repository);
    const left = await names(testing.repository, "pack");
    for (const { id } of packs) expect(left).toContain(id);
  },
);

test("LateComers looks below trees that were marked and could not be read", async () => {
  const { testing, packs, unused } = await createScene();
  const files = new IndexFiles(testing.repository);
  await files.loadNew({});
  const { index } = files;
  const marks = new BlobMarks(createMarks(index.size));
  marks.mark(index.find("tree", sha256(unused.forgotten.plain)));
  const condemned = { packs: new Set(index.packs.keys()), unreferenced: new Set<string>() };
  const late = new LateComers(testing.repository, files, marks, {});
  await late.newSnapshots({});
  await testing.addSnapshot(idOf(unused.forgotten));

  await late.spare(condemned, {});

  expect(Array.from(condemned.packs, (pack) => index.packs[pack])).toEqual([packs[0]]);
});

test.each(companies)(
  "prune() %s removes nothing if index files went meanwhile",
  async (company) => {
    const scene = await createScene();
    const { repository } = scene.testing;
    const before = await names(repository, "pack");
    const [gone = ""] = await names(repository, "index");

    const pruned = pruneAmid(company, scene, () =>
      repository.backend.remove({ kind: "index", name: gone }),
    );

    await expect(pruned).rejects.toMatchObject({ code: "locked" });
    for (const pack of before) expect(await names(repository, "pack")).toContain(pack);
  },
);

test("prune() removes nothing while others hold a lock, and uses what it repacked the next time", async () => {
  const { testing, used } = await createScene();
  const { repository } = testing;
  const before = await names(repository, "pack");
  const lock = await repository.lock({ exclusive: false });

  await expect(prune(repository, { ...all, maxWaitMs: 0 })).rejects.toMatchObject({
    code: "locked",
    message: expect.stringContaining("nothing was removed") as string,
  });
  const amid = await names(repository, "pack");
  for (const pack of before) expect(amid).toContain(pack);
  await lock.release();
  const report = await prune(repository, all);

  await expectClean(repository);
  expect(await blobIds(repository)).toEqual(Object.values(used).map(idOf).sort());
  expect(report.statistics.packs.repack).toBe(0);
  for (const pack of await names(repository, "pack")) expect(amid).toContain(pack);
});

/** The repository of a scene through a backend that can be slow. */
function slowly({ testing }: { readonly testing: TestingRepository }) {
  const { config, masterKey, keyId, zstd, locking, backend: store } = testing.repository;
  const backend = new FaultyBackend(store);
  const pruned = new Repository({ backend, config, masterKey, keyId, zstd, locking });
  return { backend, pruned };
}

function locksWritten({ calls }: FaultyBackend): number {
  return calls.filter(({ method, ref }) => method === "write" && ref?.kind === "lock").length;
}

test("prune() alone takes one lock", async () => {
  const scene = await createScene();
  const { backend, pruned } = slowly(scene);

  await prune(pruned, all);

  expect(locksWritten(backend)).toBe(1);
  await expectClean(scene.testing.repository);
});

test("prune() begins again beside somebody who came in the same moment, and keeps what that one needs", async () => {
  const scene = await createScene();
  const { repository } = scene.testing;
  const { backend, pruned } = slowly(scene);
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  // The look that makes the first lock certain, after one before it is written and one meanwhile.
  backend.on({ method: "list", kind: "lock", nth: 3 }, { type: "delay", until });
  let other = "";
  const come = async (): Promise<void> => {
    other = await putLock(repository);
    go();
  };
  const leave = async (): Promise<void> => {
    await scene.testing.addSnapshot(idOf(scene.unused.forgotten));
    await repository.backend.remove({ kind: "lock", name: other });
  };
  const phases: string[] = [];
  const onEvent: PruneOptions["onEvent"] = (event) => {
    if (event.kind !== "phase") return;
    phases.push(event.phase);
    if (event.phase === "load") void (other === "" ? come() : undefined);
    if (event.phase === "wait") void leave();
  };

  const report = await prune(pruned, { ...all, onEvent });

  expect(phases.filter((phase) => phase === "load")).toHaveLength(2);
  expect(report.rescuedPacks).toBe(3);
  repository.dropIndex();
  const { errors, counts } = await verify(repository, { readData: true, threads: 1 });
  expect(errors).toEqual([]);
  expect(counts.snapshots).toBe(2);
});

test("prune() lets others in when its plan takes long", async () => {
  const scene = await createScene();
  const { repository } = scene.testing;
  const { backend, pruned } = slowly(scene);
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  backend.on({ method: "list", kind: "pack" }, { type: "delay", until });
  const visit = async (): Promise<void> => {
    for (;;) {
      // In memory nothing takes time, and none would be left for anybody else.
      await sleep(20);
      const lock = await repository.lock({ exclusive: false }).catch(() => undefined);
      if (lock === undefined) continue;
      await scene.testing.addSnapshot(idOf(scene.unused.forgotten));
      await lock.release();
      return go();
    }
  };
  const onEvent: PruneOptions["onEvent"] = (event) => {
    if (event.kind === "phase" && event.phase === "plan") void visit();
  };

  const report = await prune(pruned, { ...all, onEvent });

  // The first became a shared one; as all is needed again, that was enough.
  expect(locksWritten(backend)).toBe(2);
  expect(report.rescuedPacks).toBe(3);
  repository.dropIndex();
  expect((await verify(repository, { readData: true, threads: 1 })).errors).toEqual([]);
});

test("prune() begins no repacking when its time is over", async () => {
  const { testing, packs } = await createScene();

  const report = await prune(testing.repository, { ...all, maxDurationMs: 0 });

  await expectClean(testing.repository);
  expect(report).toMatchObject({ postponedPacks: 2, removedPacks: 1 });
  expect(await names(testing.repository, "pack")).toEqual([packs[0], packs[1], packs[3]].sort());
});

test("prune() removes the index first where there is no room, and writes it anew", async () => {
  const { testing, packs } = await createScene();
  const { repository } = testing;

  const wrong = prune(repository, { ...all, recoverNoFreeSpace: "2".repeat(64) });
  await expect(wrong).rejects.toMatchObject({ code: "invalid-argument" });
  const report = await prune(repository, { ...all, recoverNoFreeSpace: repository.id });

  await expectClean(repository);
  expect(report.removedPacks).toBe(1);
  expect(await names(repository, "pack")).toEqual([packs[0], packs[1], packs[3]].sort());
});

test.each<[string, (scene: Awaited<ReturnType<typeof createScene>>) => Promise<unknown>]>([
  [
    "a blob that is used is in no index",
    ({ testing }) => testing.addSnapshot(idOf(treeOf(data()))),
  ],
  [
    "a pack that is used is missing",
    ({ testing, packs }) => testing.backend.remove({ kind: "pack", name: packs[0] ?? "" }),
  ],
  [
    "a pack that is used is too short",
    ({ testing, packs }) => testing.change("pack", packs[0] ?? "", (bytes) => bytes.subarray(9)),
  ],
  ["a snapshot cannot be read", ({ testing, snapshot }) => testing.flip("snapshot", snapshot, 40)],
  ["a tree cannot be read", ({ testing, packs }) => testing.flip("pack", packs[3] ?? "", 40)],
  [
    "a blob to be moved is damaged",
    ({ testing, packs }) => testing.flip("pack", packs[1] ?? "", 40),
  ],
  [
    "an index file cannot be read",
    async ({ testing }) => {
      const [index = ""] = await names(testing.repository, "index");
      await testing.flip("index", index, 40);
    },
  ],
])("prune() removes nothing if %s", async (_, damage) => {
  const scene = await createScene();
  await damage(scene);
  const before = await allNames(scene.testing.repository);

  await expect(prune(scene.testing.repository, all)).rejects.toMatchObject({ code: "corrupt" });

  const after = await allNames(scene.testing.repository);
  before.slice(0, 3).forEach((files, kind) => {
    for (const name of files) expect(after[kind]).toContain(name);
  });
  expect(after[3]).toEqual([]);
});

test.each(companies)(
  "prune() %s loses nothing when it dies at any of its writes, and the next one does the rest",
  async (company) => {
    const { testing, used } = await createScene();
    const { config, masterKey, keyId, zstd, locking, backend } = testing.repository;
    let crashes = 0;
    for (let more = true; more;) {
      const copy = new MemoryBackend();
      for (const kind of ["pack", "index", "snapshot"] as const) {
        for await (const { name } of backend.list(kind)) {
          await copy.write({ kind, name }, await backend.read({ kind, name }));
        }
      }
      const faulty = new FaultyBackend(copy).crashAt(crashes + 1, { applied: false });
      const parts = { config, masterKey, keyId, zstd, locking };
      const pruned = new Repository({ ...parts, backend: faulty });
      const beside = new TestingRepository(new Repository({ ...parts, backend: copy }));
      // Who is dead waits for nobody.
      await pruneIn(company, beside, { ...all, maxWaitMs: 1000 }, pruned).catch(() => undefined);
      more = faulty.crashed;
      if (more) crashes++;
      for await (const { name } of copy.list("lock")) await copy.remove({ kind: "lock", name });

      const left = new Repository({ ...parts, backend: copy });
      const { errors, counts } = await verify(left, { readData: true, threads: 1 });
      expect(errors).toEqual([]);
      expect(counts.snapshots).toBe(1);
      if (crashes % 4 > 0) continue;
      await prune(left, all);
      // A pack may be listed twice, which is no error.
      expect((await verify(left, { readData: true, threads: 1 })).errors).toEqual([]);
      expect(await blobIds(left)).toEqual(Object.values(used).map(idOf).sort());
    }
    // One or two locks come and go; two packs, two index files; four index files and three packs are removed.
    expect(crashes).toBeGreaterThan(12);
  },
  300_000,
);

test("prune() forgets packs that are missing and not needed", async () => {
  const { testing, packs, used } = await createScene();
  await testing.backend.remove({ kind: "pack", name: packs[2] ?? "" });
  const warnings: string[] = [];

  await prune(testing.repository, {
    ...all,
    onEvent: (event) => event.kind === "warning" && warnings.push(event.message),
  });

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual(Object.values(used).map(idOf).sort());
  expect(warnings).toEqual([expect.stringContaining(packs[2] ?? "")]);
});

test("prune() spares what is in the trash, until its grace ends, and takes it out of there then", async () => {
  const { testing, unused } = await createScene();
  const { repository } = testing;
  const id = await testing.addSnapshot(idOf(unused.forgotten));
  await copyToTrash(repository, id, 3_600_000);
  await repository.backend.remove({ kind: "snapshot", name: id });

  await prune(repository, all);
  expect(await blobIds(repository)).toEqual(
    expect.arrayContaining(Object.values(unused).map(idOf)),
  );
  const [entry] = await listTrash(repository);
  await repository.backend.write({ kind: "snapshot", name: id }, entry!.file);
  await expectClean(repository);

  await copyToTrash(repository, id, -1000);
  await removeFromTrash(repository, entry!.names);
  await repository.backend.remove({ kind: "snapshot", name: id });
  await prune(repository, all);
  for (const blob of Object.values(unused)) {
    expect(await blobIds(repository)).not.toContain(idOf(blob));
  }
  expect(await names(repository, "trash")).toEqual([]);
});

test("prune() is not held up by a forgotten snapshot whose data is gone already", async () => {
  const { testing, used } = await createScene();
  const id = await testing.addSnapshot("ab".repeat(32));
  await copyToTrash(testing.repository, id, 3_600_000);
  await testing.backend.remove({ kind: "snapshot", name: id });

  await prune(testing.repository, all);

  await expectClean(testing.repository);
  expect(await blobIds(testing.repository)).toEqual(Object.values(used).map(idOf).sort());
  expect((await listTrash(testing.repository)).length).toBe(1);
});
