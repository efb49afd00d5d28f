import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Backend } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { wrapCalls } from "../backend/wrap-calls.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { TestingRepository } from "../testing/sample-repository.ts";
import { openRepository, type OpenOptions } from "./open.ts";
import { removeKey } from "./remove-key.ts";
import { RememberedKey } from "./remembered-key.ts";
import type { Repository } from "./repository.ts";

const password = "only for tests";
let memory: MemoryBackend;
let repository: Repository;
let store: Backend;
let lists = 0;
let stateDirectory = "";

beforeEach(async () => {
  memory = new MemoryBackend();
  repository = await createQuickly(memory, { password });
  store = wrapCalls(memory, ({ method, ref }, options) => {
    if (method === "list" && ref?.kind === "key") lists++;
    return { options, run: (work) => work() };
  });
  stateDirectory = mkdtempSync(join(tmpdir(), "tsbak-remembered-"));
  onTestFinished(() => rmSync(stateDirectory, { recursive: true }));
});

function addKey(forPassword: string): Promise<string> {
  return new TestingRepository(repository).addPassword(forPassword);
}

/** Gives the name of the key that opened, and whether keys were listed. */
async function open(
  options: Partial<OpenOptions> = {},
): Promise<{ keyId: string; hasListed: boolean }> {
  lists = 0;
  const { keyId } = await openRepository(store, { password, stateDirectory, ...options });
  return { keyId, hasListed: lists > 0 };
}

describe("openRepository() that remembers", () => {
  test("lists keys the first time only", async () => {
    const first = await open();
    expect(first.hasListed).toBe(true);
    expect(await open()).toEqual({ keyId: first.keyId, hasListed: false });
  });

  test("goes by a hint, and remembers that key then", async () => {
    const first = await open();
    const keyId = await addKey(password);

    expect(await open({ keyHint: keyId })).toEqual({ keyId, hasListed: true });
    expect(await open()).toEqual({ keyId, hasListed: false });
    expect(first.keyId).not.toBe(keyId);
  });

  test("finds another key where the one that it remembers is gone", async () => {
    const first = await open();
    const keyId = await addKey("another");
    const other = await openRepository(store, { password: "another" });
    await removeKey(other, first.keyId);

    expect(await open({ password: "another" })).toEqual({ keyId, hasListed: true });
    await expect(open()).rejects.toMatchObject({ code: "wrong-password" });
  });

  test("finds another key by another password", async () => {
    await open();
    const keyId = await addKey("another");

    expect(await open({ password: "another" })).toEqual({ keyId, hasListed: true });
  });

  test("opens where nothing can be remembered", async () => {
    mkdirSync(join(stateDirectory, "opened"));
    const name = new RememberedKey(stateDirectory, memory.location);
    name.note("a".repeat(64));
    expect((await open()).hasListed).toBe(true);
    expect(await open({ stateDirectory: "/proc/nowhere" })).toMatchObject({ hasListed: true });
  });
});
