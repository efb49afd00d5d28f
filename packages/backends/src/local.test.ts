import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { CONFIG_REF } from "@tsbak/core";
import type { FileInfo, FileKind, FileRef } from "@tsbak/core";
import { describeBackend } from "@tsbak/core/testing";
import { afterAll, describe, expect, test } from "vitest";

import { LocalBackend } from "./local.ts";

const root = mkdtempSync(join(tmpdir(), "tsbak-local-"));
const FOLDERS: Record<FileKind, string> = {
  config: "",
  key: "keys",
  lock: "locks",
  snapshot: "snapshots",
  index: "index",
  pack: "data",
  trash: "tsbak/trash",
};

// Each repository has 256 folders, which are slow to remove from a disk that others use too.
const memory = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/tsbak-local-") : root;

afterAll(() => {
  rmSync(memory, { recursive: true, force: true });
  rmSync(root, { recursive: true, force: true });
}, 60_000);

describeBackend("LocalBackend", async () => new LocalBackend(newFolder(memory)), {
  tellsTimes: true,
  addStranger: async (backend, kind, name) => {
    const folder = kind === "pack" ? join("data", name.slice(0, 2).toLowerCase()) : FOLDERS[kind];
    mkdirSync(join(backend.location, folder), { recursive: true });
    writeFileSync(join(backend.location, folder, name), "stranger");
  },
});

describe("LocalBackend on disk", () => {
  test("removeFolders() takes away what create() made, and nothing else", async () => {
    const empty = new LocalBackend(join(newFolder(), "empty"));
    const used = new LocalBackend(newFolder());
    for (const backend of [empty, used]) await backend.create();
    const ref: FileRef = { kind: "pack", name: "ab".repeat(32) };
    await used.write(ref, Buffer.from("contents"));
    writeFileSync(join(used.location, "stranger"), "");

    await empty.removeFolders();
    await used.removeFolders();

    expect(existsSync(empty.location)).toBe(false);
    expect(readdirSync(used.location).sort()).toEqual(["data", "stranger"]);
    expect((await used.stat(ref)).size).toBe(8);
    await expect(used.write(ref, Buffer.from("contents"))).rejects.toMatchObject({
      code: "already-exists",
    });
  });

  test("misplacedPacks finds, reads and removes packs in wrong folders only", async () => {
    const { misplacedPacks, location } = await created();
    const name = "ab".repeat(32);
    const wrong = ["data", "data/cd", "data/strange", "data/data/ab", "data/ab/ab"];
    for (const folder of [...wrong, "data/ab", "index"]) {
      mkdirSync(join(location, folder), { recursive: true });
      writeFileSync(join(location, folder, name), folder);
    }
    writeFileSync(join(location, "data/cd", `${name}-tmp-0123`), "");
    mkdirSync(join(location, "data/ef", name));
    symlinkSync(".", join(location, "data/loop"));
    symlinkSync("../cd", join(location, "data/00", name));

    const found = await misplacedPacks.list();

    const paths = wrong.map((folder) => ({ name, size: folder.length, path: `${folder}/${name}` }));
    expect([...found].sort((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1))).toEqual(
      paths.sort((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1)),
    );
    for (const pack of found) {
      expect(`${Buffer.from(await misplacedPacks.read(pack)).toString()}/${name}`).toBe(pack.path);
      await misplacedPacks.remove(pack);
      await misplacedPacks.remove(pack);
      await expect(misplacedPacks.read(pack)).rejects.toMatchObject({ code: "not-found" });
    }
    expect(await misplacedPacks.list()).toEqual([]);
    expect(existsSync(join(location, "data/ab", name))).toBe(true);
  });

  test("clock() gives the time of the file", async () => {
    const backend = new LocalBackend(newFolder());
    await backend.create();
    const ref: FileRef = { kind: "lock", name: "ab".repeat(32) };
    await expect(backend.clock(ref)).rejects.toMatchObject({ code: "not-found" });
    await backend.write(ref, Buffer.from("contents"));
    utimesSync(join(backend.location, "locks", ref.name), 0, 1_700_000_000);

    expect(await backend.clock(ref)).toBe(1_700_000_000_000);
  });

  test("openFile() opens the very file", async () => {
    const backend = new LocalBackend(newFolder());
    await backend.create();
    const ref: FileRef = { kind: "pack", name: "ab".repeat(32) };
    await backend.write(ref, Buffer.from("contents"));

    const file = await backend.openFile(ref);
    const text = Buffer.alloc(100);
    const length = readSync(file.descriptor, text, 0, 100, 0);
    await file.close();

    expect([file.size, text.toString("utf8", 0, length)]).toEqual([8, "contents"]);
    await expect(backend.openFile({ ...ref, name: "cd".repeat(32) })).rejects.toMatchObject({
      code: "not-found",
    });
  });

  test("read() puts the bytes into memory that is lent and long enough", async () => {
    const backend = await created();
    const ref = { kind: "snapshot", name: "ab".repeat(32) } as const;
    await backend.write(ref, Uint8Array.of(1, 2, 3));
    const into = new ArrayBuffer(8);

    const bytes = await backend.read(ref, undefined, { into });

    expect([bytes.buffer === into, bytes.length]).toEqual([true, 3]);
  });

  test.each([0, 1, 4095, 4096, 5000])(
    "write() keeps every byte of a large file that ends %i bytes behind a MiB, wherever its memory begins",
    async (rest) => {
      const backend = await created();
      const size = (1 << 20) + rest;
      const pages = new SharedArrayBuffer(0, { maxByteLength: 2 << 20 });
      pages.grow(2 << 20);
      for (const start of [0, 1]) {
        const bytes = new Uint8Array(pages, start, size).map((_, at) => (at * 7) >> 5);
        new Uint8Array(pages, start, size).set(bytes);
        const ref = packRef(start === 0 ? "ab" : "cd");
        await backend.write(ref, new Uint8Array(pages, start, size));
        expect(Buffer.compare(await backend.read(ref), bytes)).toBe(0);
      }
    },
  );

  test("create() makes the folders that restic makes, for the owner only", async () => {
    const backend = await created();

    const top = readdirSync(backend.location).sort();
    expect(top).toEqual(["data", "index", "keys", "locks", "snapshots"]);
    expect(readdirSync(join(backend.location, "data")).length).toBe(256);
    for (const name of [".", ...top, "data/00", "data/ff"]) {
      expect(modeOf(join(backend.location, name))).toBe(0o700);
    }
  });

  test.skipIf(process.platform !== "linux")(
    "create() is denied where the file system takes no folders",
    async () => {
      await expect(new LocalBackend("/proc/tsbak/repository").create()).rejects.toMatchObject({
        code: "denied",
        message: expect.stringMatching(/^Cannot make folder .*: the file system takes no folders/),
      });
    },
  );

  test("write() puts files where restic looks for them, read-only for the owner", async () => {
    const backend = await created();
    const name = "ab".repeat(32);

    for (const kind of ["key", "lock", "snapshot", "index", "pack"] as const) {
      await backend.write({ kind, name }, Buffer.from("x"));
      const folder = kind === "pack" ? "data/ab" : FOLDERS[kind];
      expect(modeOf(join(backend.location, folder, name))).toBe(0o400);
      expect(readdirSync(join(backend.location, folder))).toEqual([name]);
    }
    await backend.write(CONFIG_REF, Buffer.from("x"));
    expect(modeOf(join(backend.location, "config"))).toBe(0o400);
  });

  test("write() shares with the group what is in a repository whose config the group may read", async () => {
    const previous = process.umask(0o022);
    try {
      const backend = await created();
      await backend.write(CONFIG_REF, Buffer.from("x"));
      chmodSync(join(backend.location, "config"), 0o440);
      rmSync(join(backend.location, "data", "ab"), { recursive: true });
      process.umask(0);

      const reopened = new LocalBackend(backend.location);
      await reopened.write({ kind: "pack", name: "ab".repeat(32) }, Buffer.from("x"));

      expect(modeOf(join(backend.location, "data/ab"))).toBe(0o770);
      expect(modeOf(join(backend.location, "data/ab", "ab".repeat(32)))).toBe(0o440);
    } finally {
      process.umask(previous);
    }
  });

  test("write() makes a missing folder, but not a missing repository", async () => {
    const backend = await created();
    rmSync(join(backend.location, "data"), { recursive: true });

    await backend.write(packRef("ab"), Buffer.from("x"));
    expect((await backend.stat(packRef("ab"))).size).toBe(1);

    rmSync(backend.location, { recursive: true });
    const gone = backend.write(packRef("cd"), Buffer.from("x"));
    await expect(gone).rejects.toMatchObject({ code: "unavailable" });
    expect(() => lstatSync(backend.location)).toThrow("ENOENT");
  });

  test("list() ignores what a crash left, and packs in a folder where read() does not look", async () => {
    const backend = await created();
    await backend.write(packRef("ab"), Buffer.from("x"));
    const stray = join(backend.location, "data");
    writeFileSync(join(stray, "ab", `${"ab".repeat(32)}-tmp-0123456789abcdef`), "half");
    writeFileSync(join(stray, "cd", "ab".repeat(32)), "elsewhere");
    mkdirSync(join(stray, "ef", "ef".repeat(32)));
    writeFileSync(join(stray, "12".repeat(32)), "not in a folder");
    const names: FileInfo[] = [];

    for await (const { name, size } of backend.list("pack")) names.push({ name, size });

    expect(names).toEqual([{ name: "ab".repeat(32), size: 1 }]);
  });

  test("write() is denied in a folder that may not be changed", async () => {
    if (process.getuid?.() !== 0) return;
    const backend = await created();
    const folder = join(backend.location, "keys");
    try {
      execFileSync("chattr", ["+i", folder], { stdio: "ignore" });
    } catch {
      console.warn("SKIPPED: chattr +i does not work here");
      return;
    }
    try {
      const denied = backend.write({ kind: "key", name: "ab".repeat(32) }, Buffer.from("x"));
      await expect(denied).rejects.toMatchObject({ code: "denied" });
    } finally {
      execFileSync("chattr", ["-i", folder]);
    }
  });
});

function newFolder(parent = root): string {
  return join(mkdtempSync(join(parent, "r-")), "repository");
}

async function created(): Promise<LocalBackend> {
  const backend = new LocalBackend(newFolder());
  mkdirSync(dirname(backend.location), { recursive: true });
  await backend.create();
  return backend;
}

function packRef(prefix: string): FileRef {
  return { kind: "pack", name: prefix.repeat(32) };
}

function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}
