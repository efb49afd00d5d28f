import { execFileSync } from "node:child_process";
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { nodePath, toPathBytes } from "./path.ts";
import { fromNode, statDescriptor, statFile } from "./stat.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-stat-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(at("file"), "12345");
linkSync(at("file"), at("hardlink"));
symlinkSync("nowhere at all", at("symlink"));
mkdirSync(at("dir"), { mode: 0o700 });
writeFileSync(at("large"), "");
truncateSync(at("large"), 5_000_000_000);
execFileSync("mkfifo", [at("fifo")]);

test("statFile() tells what GNU stat tells, of the symlink itself too", () => {
  for (const name of ["file", "symlink", "dir", "large", "fifo"]) {
    const stat = statFile(toPathBytes(at(name)));
    const format = "%f %u %g %i %d %h %s";
    const [mode = "", ...rest] = execFileSync("stat", ["-c", format, at(name)], {
      encoding: "utf8",
    })
      .trim()
      .split(" ");
    expect(stat.mode).toBe(parseInt(mode, 16));
    const { uid, gid, inode, deviceId, links, size } = stat;
    expect([uid, gid, inode, deviceId, links, size].map(String)).toEqual(rest);
  }
});

test.each([
  ["1700000000.123456789", 1_700_000_000, 123_456_789],
  ["1700000000.000000001", 1_700_000_000, 1],
  ["-5.5", -6, 500_000_000],
  ["-1", -1, 0],
  ["0", 0, 0],
  ["4294967296.999999999", 4_294_967_296, 999_999_999],
])("statFile() and statDescriptor() keep the time %s exactly", (time, seconds, nanoseconds) => {
  execFileSync("touch", ["-d", `@${time}`, at("file")]);
  const expected = { mtimeSeconds: seconds, mtimeNanoseconds: nanoseconds };

  expect(statFile(toPathBytes(at("file")))).toMatchObject(expected);
  const fd = openSync(at("file"), "r");
  expect(statDescriptor(fd)).toMatchObject(expected);
  closeSync(fd);
});

test("statFile() gives the same by either way, for every field", () => {
  for (const path of [
    at("file"),
    at("symlink"),
    at("dir"),
    "/dev/null",
    "/dev",
    "/proc/self",
    "/",
  ]) {
    const {
      atimeSeconds: _,
      atimeNanoseconds: __,
      ...node
    } = fromNode(lstatSync(nodePath(toPathBytes(path)), { bigint: true }));
    expect(statFile(toPathBytes(path))).toMatchObject(node);
  }
});

test("statFile() throws the system's error", () => {
  expect(() => statFile(toPathBytes(at("missing")))).toThrow(
    expect.objectContaining({ code: "ENOENT" }),
  );
  expect(() => statFile(toPathBytes(at("file/below")))).toThrow(
    expect.objectContaining({ code: "ENOTDIR" }),
  );
  expect(() => statFile(Buffer.from(`${at("file")}\0x`))).toThrow();
  expect(() => statFile(Buffer.alloc(5000, "a"))).toThrow(
    expect.objectContaining({ code: "ENAMETOOLONG" }),
  );
});

test("statFile() finds a name that is no UTF-8", () => {
  const path = Buffer.concat([toPathBytes(folder), Buffer.from([0x2f, 0xff, 0x80])]);
  writeFileSync(path, "x");
  expect(statFile(path).size).toBe(1);
});
