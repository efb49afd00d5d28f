import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
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
import { cacheDirectory, findOldCaches, removeCaches } from "./cache-folders.ts";
import { withCache } from "./cache.ts";
import type { CachedBackend } from "./cache.ts";
import { MemoryBackend } from "./memory.ts";

const root = mkdtempSync(join(tmpdir(), "tsbak-cache-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ID = "1d".repeat(32);
const BYTES = Uint8Array.from({ length: 100 }, (_, at) => at);
const ref = (kind: FileKind, prefix = "ab"): FileRef => ({ kind, name: prefix.repeat(32) });

function setUp(
  base = mkdtempSync(join(root, "c-")),
  limit?: number,
): {
  base: string;
  store: FaultyBackend;
  cached: CachedBackend;
} {
  const store = new FaultyBackend(new MemoryBackend());
  return { base, store, cached: withCache(store, base, ID, limit) };
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

/** The first two digits of the packs that are cached. */
function cachedPacks(base: string): string[] {
  const folder = join(base, ID, "data");
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => name.length > 2)
    .map((name) => name.slice(0, 2))
    .sort();
}

/** Say of a cached pack that it was used so many seconds after 1970. */
function setUsed(base: string, prefix: string, seconds: number): void {
  utimesSync(join(base, ID, "data", prefix, prefix.repeat(32)), seconds, seconds);
}

const remember = (cached: CachedBackend, prefix: string): void =>
  cached.rememberPack(prefix.repeat(32), BYTES);

test("withCache() drops what was used longest ago when a limit is reached", async () => {
  const { base, cached: unlimited } = setUp();
  for (const [at, prefix] of ["aa", "bb", "cc", "dd"].entries()) {
    remember(unlimited, prefix);
    setUsed(base, prefix, 1000 - at);
  }
  const { cached } = setUp(base, 350);

  expect(await cached.read(ref("pack", "dd"))).toEqual(BYTES);
  remember(cached, "ee");
  expect(cachedPacks(base)).toEqual(["aa", "dd", "ee"]);
  expect(await cached.read(ref("pack", "aa"))).toEqual(BYTES);
  remember(cached, "ff");

  expect(cachedPacks(base)).toEqual(["aa", "ee", "ff"]);
});

test("withCache() remembers across runs which files were used", async () => {
  const { base, cached: first } = setUp();
  for (const prefix of ["aa", "bb"]) {
    remember(first, prefix);
    setUsed(base, prefix, prefix === "aa" ? 1000 : 2000);
  }
  await setUp(base, 250).cached.read(ref("pack", "aa"));

  remember(setUp(base, 250).cached, "cc");

  expect(cachedPacks(base)).toEqual(["aa", "cc"]);
});

test("withCache() counts the caches of other repositories, and files that were never completed", () => {
  const { base } = setUp();
  const other = join(base, "2e".repeat(32), "index", "ab");
  mkdirSync(other, { recursive: true });
  for (const name of ["ab".repeat(32), "tmp-1"]) {
    writeFileSync(join(other, name), BYTES);
    utimesSync(join(other, name), 1, 1);
  }

  remember(setUp(base, 150).cached, "aa");

  expect(readdirSync(other)).toEqual([]);
  expect(cachedPacks(base)).toEqual(["aa"]);
});

test("withCache() stores nothing that is larger than the limit, and drops nothing for it", () => {
  const { base, cached } = setUp(undefined, 199);
  remember(cached, "aa");

  cached.rememberPack(ref("pack", "bb").name, new Uint8Array(200));

  expect(cachedPacks(base)).toEqual(["aa"]);
});

test("findOldCaches() finds caches that nobody has used for 30 days, and nothing else", () => {
  const base = mkdtempSync(join(root, "old-"));
  const names = ["ab".repeat(32), "cd".repeat(32), "restic-check-cache-17", "else"];
  for (const name of names) mkdirSync(join(base, name, "data"), { recursive: true });
  for (const name of names) utimesSync(join(base, name), 1, name.startsWith("cd") ? 1e6 : 1);
  const day = 24 * 3_600_000;

  const old = findOldCaches(base, 30 * day + 2000);
  removeCaches(old);

  expect(old.map((path) => path.slice(base.length + 1)).sort()).toEqual([names[0], names[2]]);
  expect(readdirSync(base).sort()).toEqual([names[1], "else"]);
  expect(findOldCaches(join(base, "missing"))).toEqual([]);
});

test.skipIf(process.platform !== "linux")("cacheDirectory() is the one that restic uses", () => {
  const home = { HOME: "/home/me" };
  expect(cacheDirectory(home)).toBe("/home/me/.cache/restic");
  expect(cacheDirectory({ ...home, XDG_CACHE_HOME: "/xdg" })).toBe("/xdg/restic");
  expect(cacheDirectory({ ...home, XDG_CACHE_HOME: "relative" })).toBe("/home/me/.cache/restic");
  expect(cacheDirectory({ ...home, RESTIC_CACHE_DIR: "/r" })).toBe("/r");
  expect(cacheDirectory({ ...home, RESTIC_CACHE_DIR: "/r", TSBAK_CACHE_DIR: "/t" })).toBe("/t");
});
