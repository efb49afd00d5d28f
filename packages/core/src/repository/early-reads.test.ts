import { beforeEach, describe, expect, test } from "vitest";
import type { Backend } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { wrapCalls } from "../backend/wrap-calls.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { EarlyReads } from "./early-reads.ts";

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

async function put(kind: "index" | "lock" | "pack", text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const name = sha256Hex(bytes);
  await memory.write({ kind, name }, bytes);
  return name;
}

async function namesOf(backend: Backend, kind: "index" | "lock" | "pack"): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of backend.list(kind)) names.push(name);
  return names;
}

/** Until what was begun is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("EarlyReads", () => {
  test("asks for nothing that is not wished, and for nothing before it starts", async () => {
    await put("index", "one");
    const early = new EarlyReads(store);
    await settled();
    expect(calls).toEqual([]);

    early.start({});
    await settled();
    expect(calls).toEqual([]);
    expect(await early.indexNames()).toBeUndefined();
  });

  test("answers the first reading of an index file, and no other", async () => {
    const name = await put("index", "one");
    const early = new EarlyReads(store);
    early.start({ indexFiles: true });
    await settled();
    calls.length = 0;

    const first = await early.backend.read({ kind: "index", name });
    expect(new TextDecoder().decode(first)).toBe("one");
    expect(calls).toEqual([]);
    await early.backend.read({ kind: "index", name });
    expect(calls).toHaveLength(1);
    expect(await early.indexNames()).toEqual([name]);
  });

  test("lists index files anew, with those that came later", async () => {
    const name = await put("index", "one");
    const early = new EarlyReads(store);
    early.start({ indexFiles: true });
    await settled();
    const later = await put("index", "two");

    expect((await namesOf(early.backend, "index")).toSorted()).toEqual([name, later].toSorted());
    expect(new TextDecoder().decode(await early.backend.read({ kind: "index", name: later }))).toBe(
      "two",
    );
  });

  test("answers the first listing of locks, and no other", async () => {
    const name = await put("lock", "one");
    const early = new EarlyReads(store);
    early.start({ locks: true });
    await settled();
    const later = await put("lock", "two");

    expect(await namesOf(early.backend, "lock")).toEqual([name]);
    expect((await namesOf(early.backend, "lock")).toSorted()).toEqual([name, later].toSorted());
  });

  test("asks again for what could not be had", async () => {
    const name = await put("index", "one");
    let isDown = true;
    const failing = wrapCalls(memory, (_call, options) => ({
      options,
      run: async (work) => {
        if (isDown) throw new Error("the store is down");
        return work();
      },
    }));
    const early = new EarlyReads(failing);
    early.start({ indexFiles: true, locks: true });
    await settled();
    isDown = false;

    expect(await early.indexNames()).toBeUndefined();
    expect(await namesOf(early.backend, "lock")).toEqual([]);
    expect(await early.backend.read({ kind: "index", name })).toHaveLength(3);
  });

  test("reads no more than so much", async () => {
    const large = new Uint8Array(17 << 20);
    await memory.write({ kind: "index", name: sha256Hex(large) }, large);
    const early = new EarlyReads(store);
    early.start({ indexFiles: true });
    await settled();

    expect(calls).toEqual(["list index"]);
  });

  test("reads the first packs, and leaves connections to others", async () => {
    for (const text of ["one", "two", "three", "four"]) await put("pack", text);
    const [name = ""] = await namesOf(memory, "pack");
    const early = new EarlyReads(Object.assign(store, { connections: 5 }));
    early.start({ packs: true });
    await settled();

    expect(calls).toEqual(["list pack", "read pack", "read pack", "read pack"]);
    calls.length = 0;
    await early.backend.read({ kind: "pack", name });
    expect(calls).toEqual([]);
    await early.backend.read({ kind: "pack", name });
    expect(calls).toEqual(["read pack"]);
  });

  test("reads no packs that threads read for themselves, and none with few connections", async () => {
    await put("pack", "one");
    const near = { ...store, connections: 5, openFile: () => Promise.reject(new Error("unused")) };
    new EarlyReads(near).start({ packs: true });
    new EarlyReads(Object.assign(store, { connections: 2 })).start({ packs: true });
    await settled();

    expect(calls).toEqual([]);
  });

  test("gives nothing after it was stopped that came before", async () => {
    const name = await put("pack", "one");
    const early = new EarlyReads(Object.assign(store, { connections: 5 }));
    early.start({ packs: true });
    await settled();
    early.stop();
    calls.length = 0;

    await early.backend.read({ kind: "pack", name });

    expect(calls).toEqual(["read pack"]);
  });
});
