import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { openRepository } from "./open.ts";
import type { Repository } from "./repository.ts";
import { SnapshotSearch } from "./snapshot-search.ts";
import { saveSnapshot, type SnapshotEntry } from "./snapshots.ts";
import { TreeReader } from "./tree-reader.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-tree-reader-"));
const password = "only for tests";
const early = { snapshots: true, index: true };
const memory = new MemoryBackend();
const store = new FaultyBackend(memory);
let first: SnapshotEntry;
let repository: Repository;

beforeAll(async () => {
  for (const folder of ["a/b", "c"]) {
    fs.mkdirSync(join(top, folder), { recursive: true });
    fs.writeFileSync(join(top, folder, "file"), folder);
  }
  const writer = await createQuickly(memory, { password });
  const { snapshot } = await backup(writer, [top], { threads: 1 });
  first = snapshot as SnapshotEntry;
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(async () => {
  repository = await openRepository(store, { password, early });
});

/** How often packs were read. */
function packReads(): number {
  return store.calls.filter(({ method, ref }) => method === "read" && ref?.kind === "pack").length;
}

/** The names in all trees from `root` on. */
async function namesBelow(reader: TreeReader, root: string): Promise<string[]> {
  const names: string[] = [];
  for (const { name, subtree } of await reader.nodes(root)) {
    names.push(Buffer.from(name).toString());
    if (subtree !== undefined) names.push(...(await namesBelow(reader, subtree)));
  }
  return names;
}

describe("TreeReader", () => {
  test("gives trees that were read ahead without reading them again, each once", async () => {
    const reader = new TreeReader(repository, await repository.loadIndex());
    await reader.readAhead(first.snapshot.tree);
    const root = await reader.nodes(first.snapshot.tree);
    const before = packReads();

    expect(await namesBelow(reader, first.snapshot.tree)).toEqual(
      expect.arrayContaining(["a", "b", "c", "file"]),
    );
    expect(packReads()).toBe(before);
    expect(await reader.nodes(first.snapshot.tree)).not.toBe(root);
  });

  test("reads nothing ahead once somebody has asked", async () => {
    const reader = new TreeReader(repository, await repository.loadIndex());
    await reader.nodes(first.snapshot.tree);
    reader.clear();
    const before = packReads();

    await reader.readAhead(first.snapshot.tree);

    expect(packReads()).toBe(before);
  });

  test("leaves it to who asks to meet a tree that cannot be read", async () => {
    const reader = new TreeReader(repository, await repository.loadIndex());

    await expect(reader.readAhead("ab".repeat(32))).resolves.toBeUndefined();
    await expect(reader.nodes("ab".repeat(32))).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("SnapshotSearch", () => {
  test("finds what it looked at early, and has its trees at hand", async () => {
    repository.loadIndexEarly();
    const search = new SnapshotSearch(repository, "latest", {});
    await expect.poll(() => search.ahead !== undefined).toBe(true);
    const before = store.calls.length;

    const { id } = await search.find({});

    expect(id).toBe(first.id);
    const snapshotReads = store.calls
      .slice(before)
      .filter(({ method, ref }) => method === "read" && ref?.kind === "snapshot");
    expect(snapshotReads).toEqual([]);
    expect(search.ahead?.trees.index).toBe(await repository.loadIndex());
  });

  test("finds a snapshot that came later, and loads the index that knows it", async () => {
    repository.loadIndexEarly();
    const search = new SnapshotSearch(repository, "latest", {});
    await expect.poll(() => search.ahead !== undefined).toBe(true);
    const writer = await openRepository(memory, { password });
    fs.writeFileSync(join(top, "c", "more"), "more");
    const { snapshot } = await backup(writer, [top], { threads: 1 });

    const { id } = await search.find({});

    expect(id).toBe(snapshot?.id);
    const index = await repository.loadIndex();
    expect(index.has("tree", Buffer.from(snapshot?.snapshot.tree ?? "", "hex"))).toBe(true);
    expect(search.ahead?.trees.index).not.toBe(index);
    await memory.remove({ kind: "snapshot", name: id });
  });

  test("does not find a snapshot that was forgotten after it was looked at", async () => {
    const { id } = await saveSnapshot(repository, { ...first.snapshot, hostname: "gone" });
    const again = await openRepository(store, { password, early });
    again.loadIndexEarly();
    const search = new SnapshotSearch(again, id, {});
    await expect.poll(() => search.ahead !== undefined).toBe(true);
    await memory.remove({ kind: "snapshot", name: id });

    await expect(search.find({})).rejects.toMatchObject({ code: "not-found" });
  });
});
