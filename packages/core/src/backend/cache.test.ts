import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeBackend } from "../testing/backend-suite.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import { cacheDirectory, withCache } from "./cache.ts";
import { MemoryBackend } from "./memory.ts";

let base: string;
const id = "c0".repeat(32);
const name = "ab".repeat(32);
const bytes = Uint8Array.of(1, 2, 3, 4, 5);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "tsbak-cache-"));
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

function pathOf(folder: string): string {
  return join(base, id, folder, "ab", name);
}

describeBackend("CachedBackend", () =>
  Promise.resolve(withCache(new MemoryBackend(), mkdtempSync(join(tmpdir(), "tsbak-cache-")), id)),
);

describe("CachedBackend", () => {
  test("keeps restic's layout: tag, version, folders by the first two digits", async () => {
    const cached = withCache(new MemoryBackend(), base, id);
    await cached.write({ kind: "index", name }, bytes);
    cached.rememberPack(name, bytes);

    expect(readFileSync(join(base, "CACHEDIR.TAG"), "utf8")).toBe(
      "Signature: 8a477f597d28d172789f06886806bc55\n",
    );
    expect(readFileSync(join(base, id, "version"), "utf8")).toBe("1");
    expect(new Uint8Array(readFileSync(pathOf("index")))).toEqual(bytes);
    expect(new Uint8Array(readFileSync(pathOf("data")))).toEqual(bytes);
  });

  test("reads index and snapshots once, then from its copy", async () => {
    const store = new FaultyBackend(new MemoryBackend());
    await store.write({ kind: "snapshot", name }, bytes);
    const cached = withCache(store, base, id);

    for (let time = 0; time < 3; time++) {
      expect(await cached.read({ kind: "snapshot", name })).toEqual(bytes);
    }
    expect(await cached.read({ kind: "snapshot", name }, { offset: 1, length: 2 })).toEqual(
      Uint8Array.of(2, 3),
    );

    expect(store.calls.filter((call) => call.method === "read")).toHaveLength(1);
  });

  test("never caches keys, locks and the config", async () => {
    const cached = withCache(new MemoryBackend(), base, id);
    await cached.write({ kind: "key", name }, bytes);
    await cached.write({ kind: "lock", name }, bytes);
    await cached.read({ kind: "key", name });

    expect(existsSync(pathOf("keys"))).toBe(false);
    expect(existsSync(pathOf("locks"))).toBe(false);
  });

  test("drops what a complete listing no longer has", async () => {
    const store = new MemoryBackend();
    const cached = withCache(store, base, id);
    await cached.write({ kind: "index", name }, bytes);
    await store.remove({ kind: "index", name });

    for await (const file of cached.list("index")) expect.unreachable(file.name);

    expect(existsSync(pathOf("index"))).toBe(false);
  });

  test("asks the backend where its copy is too short", async () => {
    const cached = withCache(new MemoryBackend(), base, id);
    await cached.write({ kind: "index", name }, bytes);
    chmodSync(pathOf("index"), 0o600);
    writeFileSync(pathOf("index"), bytes.subarray(0, 2));

    const range = { offset: 1, length: 3 };
    expect(await cached.read({ kind: "index", name }, range)).toEqual(Uint8Array.of(2, 3, 4));
  });

  test("works without a place to cache", async () => {
    const file = join(base, "file");
    writeFileSync(file, "in the way");
    const cached = withCache(new MemoryBackend(), file, id);

    await cached.write({ kind: "index", name }, bytes);

    expect(await cached.read({ kind: "index", name })).toEqual(bytes);
  });
});

test("cacheDirectory() follows the environment as restic does", () => {
  const home = { HOME: "/home/ana" };
  expect(cacheDirectory({ ...home, TSBAK_CACHE_DIR: "/a", RESTIC_CACHE_DIR: "/b" })).toBe("/a");
  expect(cacheDirectory({ ...home, RESTIC_CACHE_DIR: "/b" })).toBe("/b");
  if (process.platform !== "linux") return;
  expect(cacheDirectory({ ...home, XDG_CACHE_HOME: "/c" })).toBe("/c/restic");
  expect(cacheDirectory(home)).toBe("/home/ana/.cache/restic");
});
