import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { keepCopy } from "./keep-copy.ts";
import { makeFolders } from "./make-folders.ts";
import { StateFolder } from "./state-folder.ts";
import { makeTarget } from "./target.ts";

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "tsbak-folders-"));
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const modeOf = (...names: string[]): number => statSync(join(base, ...names)).mode & 0o777;

describe("makeFolders()", () => {
  test("makes what is missing with its mode, and leaves what is there", () => {
    mkdirSync(join(base, "a"), { mode: 0o755 });

    makeFolders(join(base, "a", "b", "c", "d") + "/", 0o750);
    makeFolders(join(base, "a", "b"));

    expect([modeOf("a"), modeOf("a", "b"), modeOf("a", "b", "c", "d")]).toEqual([
      0o755, 0o750, 0o750,
    ]);
  });

  test("takes relative paths, and names of any bytes", () => {
    const before = process.cwd();
    process.chdir(base);
    onTestFinished(() => process.chdir(before));
    const name = Buffer.concat([Buffer.from(`${base}/`), Buffer.from([0xff, 0xfe])]);

    makeFolders("x/y");
    makeFolders("z");
    makeFolders(Buffer.concat([name, Buffer.from("/below")]));
    makeFolders("/");
    makeFolders(".");

    expect(modeOf("x", "y")).toBe(0o700);
    expect(modeOf("z")).toBe(0o700);
    expect(existsSync(Buffer.concat([name, Buffer.from("/below")]))).toBe(true);
  });

  test("goes through symlinks, and says what the system says of a file in the way", () => {
    mkdirSync(join(base, "real"));
    symlinkSync("real", join(base, "link"));
    writeFileSync(join(base, "file"), "");

    makeFolders(join(base, "link", "below"));

    expect(modeOf("real", "below")).toBe(0o700);
    expect(() => makeFolders(join(base, "file"))).toThrow(/EEXIST/);
    expect(() => makeFolders(join(base, "file", "below"))).toThrow(/ENOTDIR/);
  });
});

describe.skipIf(process.platform !== "linux")("below /proc, which takes no folders", () => {
  const message = /^Cannot make folder \/proc\/tsbak.*: the file system takes no folders there/;

  test.each([
    ["makeFolders()", () => makeFolders("/proc/tsbak/below")],
    ["local state", () => new StateFolder("/proc/tsbak", "ab12").write("ledger", Buffer.of(1))],
    ["a copy", () => keepCopy("/proc/tsbak/below", "key", Buffer.of(1))],
    ["the target of a restore", () => makeTarget(Buffer.from("/proc/tsbak/below"))],
  ])("%s ends with a clear error", (_, make) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "denied" }));
  });
});
