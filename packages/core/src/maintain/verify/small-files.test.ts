import { beforeEach, describe, expect, test } from "vitest";
import { untilAborted } from "../../async/interrupted.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { wrapCalls } from "../../backend/wrap-calls.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { createQuickly } from "../../testing/create-quickly.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { openRepository } from "../../repository/open.ts";
import { verify } from "./verify.ts";

let memory: MemoryBackend;
let store: FaultyBackend;

beforeEach(() => {
  memory = new MemoryBackend();
  store = new FaultyBackend(memory);
});

describe("verify() after index files were read early", () => {
  const password = "only for tests";

  test("notices an index file that is gone, and one that is new, since they were read", async () => {
    await createQuickly(store, { password });
    const writer = await openRepository(store, { password });
    const gone = await writer.saveFile("index", new TextEncoder().encode(`{"packs":[]}`));
    const repository = await openRepository(store, { password, early: { indexFiles: true } });
    expect(await repository.early?.indexNames()).toEqual([gone]);
    await memory.remove({ kind: "index", name: gone });
    const id = "ab".repeat(32);
    const blob = { id, type: "data", offset: 0, length: 40 };
    const lost = { packs: [{ id, blobs: [blob] }] };
    await writer.saveFile("index", new TextEncoder().encode(JSON.stringify(lost)));

    const { errors, counts } = await verify(repository);

    expect(counts.indexFiles).toBe(1);
    expect(errors.map(({ kind }) => kind)).toEqual(["pack-missing"]);
  });

  test("reads each index file once where nothing has changed", async () => {
    await createQuickly(store, { password });
    const writer = await openRepository(store, { password });
    await writer.saveFile("index", new TextEncoder().encode(`{"packs":[]}`));
    const before = store.calls.length;

    const repository = await openRepository(store, {
      password,
      early: { indexFiles: true, locks: true },
    });
    const { errors } = await verify(repository);

    expect(errors).toEqual([]);
    const reads = store.calls
      .slice(before)
      .filter(({ method, ref }) => method === "read" && ref?.kind === "index");
    expect(reads).toHaveLength(1);
  });

  test("does not wait for packs that were asked for early when it is interrupted", async () => {
    await createQuickly(store, { password });
    const writer = await openRepository(store, { password });
    const bytes = new Uint8Array(100);
    const name = sha256Hex(bytes);
    await memory.write({ kind: "pack", name }, bytes);
    const blob = { id: "ab".repeat(32), type: "data", offset: 0, length: 40 };
    const index = { packs: [{ id: name, blobs: [blob] }] };
    await writer.saveFile("index", new TextEncoder().encode(JSON.stringify(index)));
    const hanging = wrapCalls(memory, ({ method, ref }, options) => ({
      options,
      run: (work) =>
        method === "read" && ref?.kind === "pack"
          ? untilAborted(new Promise<never>(() => undefined), options?.signal)
          : work(),
    }));
    const early = { packs: true, indexFiles: true };
    const repository = await openRepository(hanging, { password, early });
    const ending = new AbortController();
    setTimeout(() => ending.abort(), 300);

    const verifying = verify(repository, { readData: true, noLock: true, signal: ending.signal });

    await expect(verifying).rejects.toMatchObject({ code: "interrupted" });
  });
});
