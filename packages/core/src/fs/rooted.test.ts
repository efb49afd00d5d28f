import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeEach, describe, expect, test } from "vitest";

import type { EntryMetadata } from "./metadata.ts";
import { toPathBytes as b } from "./path.ts";
import { removeTree } from "./remove-tree.ts";
import { RootedDirectory } from "./rooted.ts";
import { statFile } from "./stat.ts";

const top = mkdtempSync(join(tmpdir(), "tsbak-rooted-"));
let target = "";
let outside = "";
const ROOT = new Uint8Array(0);

afterAll(() => rmSync(top, { recursive: true, force: true }));

beforeEach(() => {
  const folder = mkdtempSync(join(top, "t-"));
  target = join(folder, "target");
  outside = join(folder, "outside");
  mkdirSync(target);
  mkdirSync(outside);
});

function writeText(root: RootedDirectory, dir: string, name: string, text: string): void {
  const fd = root.createFile(b(dir), b(name));
  writeSync(fd, text);
  closeSync(fd);
}

function metadata(change: Partial<EntryMetadata> = {}): EntryMetadata {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const atime = { seconds: 1_600_000_000, nanoseconds: 1 };
  return {
    ...owner,
    mode: 0o640,
    atime,
    mtime: { seconds: -6, nanoseconds: 500_000_001 },
    ...change,
  };
}

describe.each([
  ["with /proc", {}],
  ["without /proc", { useProc: false }],
  ["with two open directories", { openDirectories: 2 }],
])("RootedDirectory %s", (_, options) => {
  let root: RootedDirectory;
  const open = (): RootedDirectory => (root = new RootedDirectory(b(target), options));

  test("makes directories with their parents, files, symlinks and links", () => {
    open();
    root.makeDirectory(b("a/b/c/d/e"));
    root.makeDirectory(b("a/b"));
    writeText(root, "a/b/c/d/e", "file", "deep");
    writeText(root, "", "top", "shallow");
    root.symlink(b("a"), b("link"), b("/etc/passwd"));
    root.link(b("a/b/c/d/e"), b("file"), ROOT, b("second"));
    root.close();

    expect(readFileSync(join(target, "a/b/c/d/e/file"), "utf8")).toBe("deep");
    expect(readFileSync(join(target, "second"), "utf8")).toBe("deep");
    expect(readFileSync(join(target, "top"), "utf8")).toBe("shallow");
    expect(readlinkSync(join(target, "a/link"))).toBe("/etc/passwd");
    expect(lstatSync(join(target, "a/b")).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(target, "top")).mode & 0o777).toBe(0o600);
  });

  test("tells which directories were there", () => {
    mkdirSync(join(target, "old"));
    symlinkSync(outside, join(target, "link"));
    open();

    const news = ["old", "link", "new", "old/new"].map((dir) => root.makeDirectory(b(dir)));
    root.close();

    expect(news).toEqual([false, true, true, true]);
  });

  test("renames over what stands there, but for a directory with entries", () => {
    writeFileSync(join(outside, "kept"), "kept");
    symlinkSync(join(outside, "kept"), join(target, "symlink"));
    mkdirSync(join(target, "empty"));
    mkdirSync(join(target, "full/below"), { recursive: true });
    open();

    for (const name of ["symlink", "empty", "missing"]) {
      writeText(root, "", "new", "new");
      root.rename(ROOT, b("new"), b(name));
    }
    writeText(root, "", "new", "new");
    expect(() => root.rename(ROOT, b("new"), b("full"))).toThrow("ENOTEMPTY");
    expect(() => root.rename(ROOT, b("new"), b("../outside/kept"))).toThrow(/no name of a file/);
    root.close();

    for (const name of ["symlink", "empty", "missing"]) {
      expect(lstatSync(join(target, name)).isFile()).toBe(true);
      expect(readFileSync(join(target, name), "utf8")).toBe("new");
    }
    expect(readFileSync(join(outside, "kept"), "utf8")).toBe("kept");
  });

  test("opens files that were there only if they have no other name", () => {
    for (const name of ["alone", "shared"]) writeFileSync(join(target, name), name);
    linkSync(join(target, "shared"), join(outside, "other"));
    symlinkSync("alone", join(target, "symlink"));
    open();

    for (const use of ["openForUpdate", "openForFinish"] as const) {
      closeSync(root[use](ROOT, b("alone")));
      for (const name of ["shared", "symlink"]) expect(() => root[use](ROOT, b(name))).toThrow();
    }
    root.close();
  });

  test("removes a tree, and never what symlinks in it lead to", () => {
    mkdirSync(join(target, "a/b/c"), { recursive: true });
    writeFileSync(join(target, "a/b/file"), "");
    writeFileSync(join(outside, "kept"), "kept");
    symlinkSync(outside, join(target, "a/b/way out"));
    open();
    root.makeDirectory(b("a/b/c"));

    const removed: string[] = [];
    removeTree(root, ROOT, b("a"), (path) => removed.push(Buffer.from(path).toString()));
    removeTree(root, ROOT, b("missing"), () => expect.unreachable());
    root.makeDirectory(b("a/b"));
    root.close();

    expect(removed).toEqual(["a/b/c", "a/b/file", "a/b/way out", "a/b", "a"]);
    expect(readdirSync(outside)).toEqual(["kept"]);
    expect(readdirSync(join(target, "a/b"))).toEqual([]);
  });

  test("replaces what stands there, without touching what it links to", () => {
    writeFileSync(join(outside, "kept"), "kept");
    symlinkSync(join(outside, "kept"), join(target, "symlink"));
    linkSync(join(outside, "kept"), join(target, "hardlink"));
    symlinkSync(outside, join(target, "dir"));
    mkdirSync(join(target, "empty"));
    mkdirSync(join(target, "full"));
    writeFileSync(join(target, "full", "x"), "");
    open();

    for (const name of ["symlink", "hardlink", "empty"]) writeText(root, "", name, "new");
    root.makeDirectory(b("dir/sub"));
    expect(() => root.createFile(ROOT, b("full"))).toThrow("ENOTEMPTY");
    root.symlink(ROOT, b("symlink"), b("elsewhere"));
    root.link(ROOT, b("empty"), ROOT, b("hardlink"));
    root.close();

    expect(readFileSync(join(outside, "kept"), "utf8")).toBe("kept");
    expect(readdirSync(outside)).toEqual(["kept"]);
    expect(lstatSync(join(target, "dir")).isDirectory()).toBe(true);
    expect(readFileSync(join(target, "hardlink"), "utf8")).toBe("new");
  });

  test("refuses names that are none", () => {
    open();
    const bad = ["", ".", "..", "a/b", "/", "../outside/x", "nul\0"];
    const corrupt = expect.objectContaining({ code: "corrupt" });
    for (const name of bad) {
      expect(() => root.createFile(ROOT, b(name))).toThrow(corrupt);
      expect(() => root.symlink(ROOT, b(name), b("x"))).toThrow(corrupt);
      expect(() => root.unlink(ROOT, b(name))).toThrow(corrupt);
      expect(() => root.setMetadata(ROOT, b(name), metadata(), { isSymlink: false })).toThrow(
        corrupt,
      );
    }
    for (const dir of ["..", "../outside", "/", "/tmp", "a//b", "a/", ".", "a/../..", "a\0"]) {
      expect(() => root.makeDirectory(b(dir))).toThrow(corrupt);
      expect(() => root.createFile(b(dir), b("x"))).toThrow();
    }
    root.close();
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(join(target, ".."))).toEqual(["outside", "target"]);
  });

  test("does not enter a symlink that the snapshot itself made", () => {
    open();
    root.symlink(ROOT, b("evil"), b(outside));
    const denied = expect.objectContaining({ code: "denied" });

    expect(() => root.createFile(b("evil"), b("x"))).toThrow(denied);
    expect(() => root.symlink(b("evil"), b("x"), b("y"))).toThrow(denied);
    expect(() => root.setMetadata(b("evil"), b("x"), metadata(), { isSymlink: true })).toThrow(
      denied,
    );
    expect(() => root.setMetadata(ROOT, b("evil"), metadata(), { isSymlink: false })).toThrow(
      denied,
    );
    expect(() => root.openForWrite(ROOT, b("evil"))).toThrow("ELOOP");
    root.close();
    expect(readdirSync(outside)).toEqual([]);
  });

  test("sets owner, mode and times by descriptor and by name, to the nanosecond", () => {
    open();
    root.makeDirectory(b("d"));
    const fd = root.createFile(b("d"), b("by-fd"));
    root.finishFile(fd, metadata({ mode: 0o4755 }));
    closeSync(fd);
    writeText(root, "d", "by-name", "x");
    root.setMetadata(b("d"), b("by-name"), metadata({ mode: 0o100200 }), { isSymlink: false });
    root.symlink(b("d"), b("symlink"), b("/nowhere"));
    root.setMetadata(b("d"), b("symlink"), metadata(), { isSymlink: true });
    root.setMetadata(ROOT, b("d"), metadata({ mode: 0o1755 }), { isSymlink: false });
    root.close();

    const times = { mtimeSeconds: -6, mtimeNanoseconds: 500_000_001, atimeSeconds: 1_600_000_000 };
    for (const [name, mode] of [
      ["d/by-fd", 0o104755],
      ["d/by-name", 0o100200],
      ["d/symlink", 0o120777],
      ["d", 0o041755],
    ] as const) {
      expect(statFile(b(join(target, name)))).toMatchObject({ ...times, mode });
    }
  });

  test("opens for more writing only a regular file with one name", () => {
    open();
    writeText(root, "", "file", "12345");
    const fd = root.openForWrite(ROOT, b("file"));
    writeSync(fd, "x", 2);
    closeSync(fd);
    expect(readFileSync(join(target, "file"), "utf8")).toBe("12x45");

    const denied = expect.objectContaining({ code: "denied" });
    linkSync(join(target, "file"), join(outside, "other"));
    expect(() => root.openForWrite(ROOT, b("file"))).toThrow(denied);
    execFileSync("mkfifo", [join(target, "fifo")]);
    expect(() => root.openForRead(ROOT, b("fifo"))).toThrow(denied);
    expect(() => root.openForWrite(ROOT, b("missing"))).toThrow("ENOENT");
    root.close();
  });

  test("lists, looks at and removes entries", () => {
    open();
    root.makeDirectory(b("d/e"));
    writeText(root, "d", "f", "x");

    expect(root.list(b("d")).map(String)).toEqual([b("e"), b("f")].map(String));
    expect(root.stat(b("d"), b("f"))?.size).toBe(1);
    expect(root.stat(b("d"), b("g"))).toBeUndefined();
    root.unlink(b("d"), b("f"));
    root.unlink(b("d"), b("f"));
    root.list(b("d/e"));
    root.removeDirectory(b("d"), b("e"));
    expect(() => root.list(b("d/e"))).toThrow("ENOENT");
    root.makeDirectory(b("d/e"));
    writeText(root, "d/e", "again", "x");
    root.close();
    expect(existsSync(join(target, "d/e/again"))).toBe(true);
  });

  test("leaves no descriptor open after close()", () => {
    const before = readdirSync("/proc/self/fd").length;
    open();
    for (let count = 0; count < 20; count++) root.makeDirectory(b(`a/b${count}/c`));
    for (let count = 0; count < 20; count++) writeText(root, `a/b${count}/c`, "f", "x");
    root.close();
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });
});

test("RootedDirectory writes nothing outside when a parent is swapped for a symlink between calls", () => {
  const root = new RootedDirectory(b(target));
  root.makeDirectory(b("a/b"));
  writeText(root, "a/b", "first", "x");
  writeFileSync(join(outside, "first"), "precious");
  mkdirSync(join(outside, "b"));
  writeFileSync(join(outside, "b", "first"), "precious");
  const before = statFile(b(join(outside, "b", "first")));

  renameSync(join(target, "a"), join(target, "moved"));
  symlinkSync(outside, join(target, "a"));
  writeText(root, "a/b", "second", "y");
  root.setMetadata(b("a/b"), b("first"), metadata({ mode: 0o777 }), { isSymlink: false });
  root.unlink(b("a/b"), b("first"));
  expect(() => root.createFile(b("a/new"), b("x"))).toThrow("ENOENT");
  root.close();

  expect(readdirSync(outside).sort()).toEqual(["b", "first"]);
  expect(readdirSync(join(outside, "b"))).toEqual(["first"]);
  expect(statFile(b(join(outside, "b", "first")))).toEqual(before);
  expect(readdirSync(join(target, "moved/b"))).toEqual(["second"]);

  const fresh = new RootedDirectory(b(target));
  expect(() => fresh.createFile(b("a/b"), b("third"))).toThrow(
    expect.objectContaining({ code: "denied" }),
  );
  fresh.close();
});

describe("RootedDirectory that makes what is missing", () => {
  function open(): RootedDirectory {
    const root = new RootedDirectory(b(target), { makesMissing: true });
    expect(root.makesMissing).toBe(true);
    return root;
  }

  test("makes directories for what is made in them, for the owner only", () => {
    const root = open();
    writeText(root, "a/b", "file", "x");
    writeText(root, "a/b", "another", "x");
    root.symlink(b("a/c"), b("link"), b("b"));
    root.close();

    expect(readdirSync(join(target, "a/b")).sort()).toEqual(["another", "file"]);
    expect(readlinkSync(join(target, "a/c/link"))).toBe("b");
    expect(lstatSync(join(target, "a/b")).mode & 0o777).toBe(0o700);
  });

  test("makes one that stays empty when it gets its metadata", () => {
    const root = open();
    writeText(root, "full", "file", "x");
    root.finishDirectory(ROOT, b("full"), metadata({ mode: 0o750 }));
    root.finishDirectory(b("above"), b("empty"), metadata({ mode: 0o711 }));
    root.close();

    expect(lstatSync(join(target, "full")).mode & 0o777).toBe(0o750);
    const { mode, mtimeMs } = lstatSync(join(target, "above/empty"));
    expect([mode & 0o777, Math.round(mtimeMs)]).toEqual([0o711, -5500]);
  });

  test("goes on where somebody else was faster, but not through a symlink or a file", () => {
    const root = open();
    mkdirSync(join(target, "theirs"));
    symlinkSync(outside, join(target, "away"));
    writeFileSync(join(target, "file"), "");
    writeText(root, "theirs", "ours", "x");

    for (const dir of ["away", "away/deeper", "file"]) {
      const denied = expect.objectContaining({ code: "denied" }) as Error;
      expect(() => root.createFile(b(dir), b("x"))).toThrow(denied);
      expect(() => root.finishDirectory(b(dir), b("x"), metadata())).toThrow(denied);
    }
    root.close();

    expect(readdirSync(join(target, "theirs"))).toEqual(["ours"]);
    expect(readdirSync(outside)).toEqual([]);
  });

  test("refuses names that are none", () => {
    const root = open();
    const corrupt = expect.objectContaining({ code: "corrupt" }) as Error;
    for (const dir of ["..", "a/../..", "/etc", "a//b"]) {
      expect(() => root.createFile(b(dir), b("x"))).toThrow(corrupt);
      expect(() => root.finishDirectory(b(dir), b("x"), metadata())).toThrow(corrupt);
    }
    expect(() => root.finishDirectory(ROOT, b(".."), metadata())).toThrow(corrupt);
    root.close();

    expect(readdirSync(target)).toEqual([]);
  });

  test("leaves no directory open beyond its limit", () => {
    const root = new RootedDirectory(b(target), { makesMissing: true, openDirectories: 4 });
    const before = readdirSync("/proc/self/fd").length;
    for (let at = 0; at < 50; at++) writeText(root, `a/b${at}`, "file", "x");

    expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 8);
    root.close();
    expect(readdirSync(join(target, "a"))).toHaveLength(50);
  });
});
