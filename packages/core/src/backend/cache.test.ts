import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { describeBackend } from "../testing/backend-suite.ts";
import { FaultyBackend } from "../testing/faulty-backend.ts";
import type { FileKind, FileRef } from "./backend.ts";
import { cacheDirectory, withCache } from "./cache.ts";
import type { CachedBackend } from "./cache.ts";
import { MemoryBackend } from "./memory.ts";

const root = mkdtempSync(join(tmpdir(), "tsbak-cache-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ID = "1d".repeat(32);
const BYTES = Uint8Array.from({ length: 100 }, (_, at) => at);
const ref = (kind: FileKind, prefix = "ab"): FileRef => ({ kind, name: prefix.repeat(32) });

function setUp(base = mkdtempSync(join(root, "c-"))): {
  base: string;
  store: FaultyBackend;
  cached: CachedBackend;
} {
  const store = new FaultyBackend(new MemoryBackend());
  return { base, store, cached: withCache(store, base, ID) };
}

const readsOf = (store: FaultyBackend): number =>
  store.calls.filter((call) => call.method === "read").length;

describeBackend("withCache()", async () => setUp().cached);

test("withCache() lays its files out as restic does, for the owner only", async () => {
  const { base, cached } = setUp();

  await cached.write(ref("index"), BYTES);
  await cached.write(ref("snapshot"), BYTES);
  await cached.write(ref("pack"), BYTES);
  cached.rememberPack(ref("pack", "cd").name, BYTES);
  await cached.write(ref("lock"), BYTES);
  await cached.write(ref("key"), BYTES);
  await cached.read(ref("key"));

  const files = (readdirSync(base, { recursive: true }) as string[])
    .filter((name) => lstatSync(join(base, name)).isFile())
    .sort();
  expect(files).toEqual([
    `${ID}/data/cd/${"cd".repeat(32)}`,
    `${ID}/index/ab/${"ab".repeat(32)}`,
    `${ID}/snapshots/ab/${"ab".repeat(32)}`,
    `${ID}/version`,
    "CACHEDIR.TAG",
  ]);
  expect(readFileSync(join(base, "CACHEDIR.TAG"), "utf8")).toBe(
    "Signature: 8a477f597d28d172789f06886806bc55\n",
  );
  expect(readFileSync(join(base, ID, "version"), "utf8")).toBe("1");
  for (const folder of [ID, `${ID}/data`, `${ID}/data/cd`]) {
    expect(lstatSync(join(base, folder)).mode & 0o777).toBe(0o700);
  }
});

test("withCache() reads from the cache what was written or read whole, or remembered", async () => {
  const { store, cached } = setUp();
  await cached.write(ref("index"), BYTES);
  await store.inner.write(ref("snapshot"), BYTES);
  await store.inner.write(ref("pack"), BYTES);
  await cached.read(ref("snapshot"));
  cached.rememberPack(ref("pack").name, await cached.read(ref("pack")));
  expect(readsOf(store)).toBe(2);

  for (const kind of ["index", "snapshot", "pack"] as const) {
    expect(await cached.read(ref(kind))).toEqual(BYTES);
    expect(await cached.read(ref(kind), { offset: 10, length: 5 })).toEqual(BYTES.slice(10, 15));
  }

  expect(readsOf(store)).toBe(2);
});

test("withCache() asks the backend when its copy is too short", async () => {
  const { base, store, cached } = setUp();
  await cached.write(ref("index"), BYTES);
  writeFileSync(join(base, ID, "index", "ab", ref("index").name), BYTES.slice(0, 50));

  expect(await cached.read(ref("index"), { offset: 40, length: 20 })).toEqual(BYTES.slice(40, 60));
  expect(readsOf(store)).toBe(1);
});

test("forget() drops a damaged copy once, and leaves the file to the backend from then on", async () => {
  const { base, store, cached } = setUp();
  await cached.write(ref("index"), BYTES);
  const copy = join(base, ID, "index", "ab", ref("index").name);
  writeFileSync(copy, "damaged");
  expect(Buffer.from(await cached.read(ref("index"))).toString()).toBe("damaged");

  expect(cached.forget(ref("index"))).toBe(true);
  expect(await cached.read(ref("index"))).toEqual(BYTES);
  expect(await cached.read(ref("index"))).toEqual(BYTES);
  expect(cached.forget(ref("index"))).toBe(false);

  expect(readsOf(store)).toBe(2);
  expect(existsSync(copy)).toBe(false);
});

test("list() drops copies of what is gone once it is complete; remove() drops its own", async () => {
  const { base, store, cached } = setUp();
  for (const prefix of ["aa", "bb", "cc"]) await cached.write(ref("index", prefix), BYTES);
  const copies = (): number =>
    ["aa", "bb", "cc"].filter((prefix) =>
      existsSync(join(base, ID, "index", prefix, prefix.repeat(32))),
    ).length;
  await store.inner.remove(ref("index", "aa"));

  for await (const file of cached.list("index")) {
    expect(file.size).toBe(100);
    break;
  }
  expect(copies()).toBe(3);
  for await (const file of cached.list("index")) expect(file.size).toBe(100);
  expect(copies()).toBe(2);
  await cached.remove(ref("index", "bb"));
  expect(copies()).toBe(1);
});

test("withCache() works on as if there were none where it cannot have a cache", async () => {
  const file = join(mkdtempSync(join(root, "f-")), "file");
  writeFileSync(file, "");
  const { cached } = setUp(join(file, "below"));
  await cached.write(ref("index"), BYTES);
  cached.rememberPack(ref("pack").name, BYTES);
  expect(await cached.read(ref("index"))).toEqual(BYTES);
  await expect(cached.read(ref("pack"))).rejects.toMatchObject({ code: "not-found" });
});

test("withCache() leaves a cache of a later version alone", async () => {
  const { base, cached } = setUp();
  await cached.write(ref("index"), BYTES);
  chmodSync(join(base, ID, "version"), 0o600);
  writeFileSync(join(base, ID, "version"), "2");

  const { cached: later } = setUp(base);
  await expect(later.read(ref("index"))).rejects.toMatchObject({ code: "not-found" });
  for await (const file of later.list("index")) expect.fail(file.name);

  expect(existsSync(join(base, ID, "index", "ab", ref("index").name))).toBe(true);
});

test("withCache() marks the cache as used, so that restic does not clear it away", () => {
  const { base } = setUp();
  const folder = join(base, ID);
  utimesSync(folder, 1, 1);
  setUp(base);
  expect(lstatSync(folder).mtimeMs).toBeGreaterThan(1e12);
});

test.skipIf(process.platform !== "linux")("cacheDirectory() is the one that restic uses", () => {
  const home = { HOME: "/home/me" };
  expect(cacheDirectory(home)).toBe("/home/me/.cache/restic");
  expect(cacheDirectory({ ...home, XDG_CACHE_HOME: "/xdg" })).toBe("/xdg/restic");
  expect(cacheDirectory({ ...home, XDG_CACHE_HOME: "relative" })).toBe("/home/me/.cache/restic");
  expect(cacheDirectory({ ...home, RESTIC_CACHE_DIR: "/r" })).toBe("/r");
  expect(cacheDirectory({ ...home, RESTIC_CACHE_DIR: "/r", TSBAK_CACHE_DIR: "/t" })).toBe("/t");
});
