import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CreateCalls } from "./create-calls.ts";
import { toPathBytes as b } from "./path.ts";
import { loadPosix } from "./posix.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-create-"));
const calls = loadPosix()?.creating as CreateCalls;
let root = -1;

beforeAll(() => {
  mkdirSync(join(folder, "root/a/b"), { recursive: true });
  symlinkSync("b", join(folder, "root/a/link"));
  writeFileSync(join(folder, "root/there"), "there");
  root = openSync(join(folder, "root"), "r");
});

afterAll(() => {
  closeSync(root);
  rmSync(folder, { recursive: true });
});

describe("CreateCalls", () => {
  test.each(["", "a", "a/b"])('creates a file in "%s" with a mode', (dir) => {
    const fd = calls.create(root, b(dir), b("new"), 0o640);
    writeSync(fd, "text");
    calls.close(fd);

    const path = join(folder, "root", dir, "new");
    expect(readFileSync(path, "utf8")).toBe("text");
    expect(lstatSync(path).mode & 0o777).toBe(0o640 & ~process.umask());
    expect(() => calls.close(fd)).toThrow("EBADF");
  });

  test.each([
    ["what stands there", "", "there"],
    ["a symlink", "a", "link"],
    ["a symlink on the way", "a/link", "x"],
    ["a missing directory", "missing", "x"],
    ["a file on the way", "there", "x"],
    ["what leads above", "..", "x"],
    ["what is above", "", ".."],
    ["an absolute path", folder, "x"],
    ["too long a name", "a", "x".repeat(256)],
    ["too long a path", "a/".repeat(2050), "x"],
  ])("does nothing about %s", (_what, dir, name) => {
    expect(calls.create(root, b(dir), b(name), 0o600)).toBe(-1);
    expect(readFileSync(join(folder, "root/there"), "utf8")).toBe("there");
  });

  test("asks a kernel that does not know the call only once", () => {
    let asked = 0;
    const old = new CreateCalls({
      bind: () => () => {
        asked++;
        return -1;
      },
      lastError: () => Object.assign(new Error("ENOSYS"), { errno: -38 }),
    });

    expect([1, 2, 3].map(() => old.create(root, b("a"), b("never"), 0o600))).toEqual([-1, -1, -1]);
    expect(asked).toBe(1);
  });
});
