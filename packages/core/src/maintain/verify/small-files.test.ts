import { beforeEach, describe, expect, test } from "vitest";
import type { Backend } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { wrapCalls } from "../../backend/wrap-calls.ts";
import { createQuickly } from "../../testing/create-quickly.ts";
import { openRepository } from "../../repository/open.ts";
import { verify } from "./verify.ts";

const calls: string[] = [];
let memory: MemoryBackend;
let store: Backend;

beforeEach(() => {
  memory = new MemoryBackend();
  calls.length = 0;
  store = wrapCalls(memory, ({ method, ref }, options) => {
    calls.push(`${method} ${ref?.kind}`);
    return { options, run: (work) => work() };
  });
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
    calls.length = 0;

    const repository = await openRepository(store, {
      password,
      early: { indexFiles: true, locks: true },
    });
    const { errors } = await verify(repository);

    expect(errors).toEqual([]);
    expect(calls.filter((call) => call === "read index")).toHaveLength(1);
  });
});
