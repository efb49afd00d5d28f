import { lstatSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadPosix } from "./posix.ts";
import { LITTLE, STATX, wideNumber } from "./statx.ts";

const states = loadPosix()?.entryStates();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbak-states-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function fill(count: number): string[] {
  symlinkSync("nowhere", join(folder, "link"));
  for (let at = 1; at < count; at++) writeFileSync(join(folder, `file-${at}`), "x".repeat(at));
  return readdirSync(folder);
}

describe.skipIf(states === undefined)("EntryStates", () => {
  test.each([1, 3, 40])("tells of each of %i entries what lstat tells", (count) => {
    const names = fill(count);

    const isEntered = states?.enter(Buffer.from(folder), names.length);

    expect(isEntered).toBe(true);
    for (const name of names) {
      expect(states?.look(name)).toBe(true);
      const stat = lstatSync(join(folder, name));
      const state = states?.state as DataView<ArrayBuffer>;
      expect(wideNumber(state, STATX.inode)).toBe(stat.ino);
      expect(wideNumber(state, STATX.bytes)).toBe(stat.size);
      expect(state.getUint16(STATX.mode, LITTLE)).toBe(stat.mode);
    }
    expect(states?.look("missing")).toBe(false);
    states?.leave();
  });

  test.each([1, 40])("keeps nothing open after a directory of %i entries", (count) => {
    fill(count);
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 10; round++) {
      states?.enter(Buffer.from(folder), count);
      states?.look("link");
      states?.leave();
      states?.leave();
    }
    expect(readdirSync("/proc/self/fd")).toHaveLength(before);
  });

  test("finds no entry of a directory that is not there", () => {
    states?.enter(Buffer.from(join(folder, "gone")), 40);

    expect(states?.look("link")).toBe(false);
    states?.leave();
  });
});
