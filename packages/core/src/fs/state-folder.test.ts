import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateFolder, stateDirectory } from "./state-folder.ts";

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "tsbak-state-"));
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

test("what was written is read again, and replaced", () => {
  const state = new StateFolder(join(base, "below"), "ab12");
  expect(state.read("ledger")).toBeUndefined();
  state.write("ledger", Buffer.from("one"));
  state.write("ledger", Buffer.from("two"));
  expect(state.read("ledger")?.toString()).toBe("two");
  expect(readdirSync(join(base, "below", "ab12"))).toEqual(["ledger"]);
});

test("names are those of the files that are there whole", () => {
  const state = new StateFolder(base, "ab12");
  expect(state.names()).toEqual([]);
  state.write("ledger", Buffer.from("one"));
  state.write("locks", Buffer.from("two"), { durable: false });
  writeFileSync(join(base, "ab12", "keys.17.new"), "");
  expect(state.names().sort()).toEqual(["ledger", "locks"]);
});

test("only the owner can read it", () => {
  new StateFolder(base, "ab12").write("ledger", Buffer.from("one"));
  expect(statSync(join(base, "ab12")).mode & 0o777).toBe(0o700);
  expect(statSync(join(base, "ab12", "ledger")).mode & 0o777).toBe(0o600);
});

test("removing is no error when there is nothing", () => {
  const state = new StateFolder(base, "ab12");
  state.remove("ledger");
  state.write("ledger", Buffer.from("one"));
  state.remove("ledger");
  expect(state.read("ledger")).toBeUndefined();
});

test("a place that cannot be written is named, and nothing is left behind", () => {
  writeFileSync(join(base, "file"), "");
  const state = new StateFolder(join(base, "file"), "ab12");
  expect(() => state.write("ledger", Buffer.from("one"))).toThrow(
    /^Cannot write local state .*TSBAK_STATE_DIR$/,
  );
  mkdirSync(join(base, "ab12", "ledger"), { recursive: true });
  expect(() => new StateFolder(base, "ab12").write("ledger", Buffer.from("one"))).toThrow(
    /Cannot write/,
  );
  expect(readdirSync(join(base, "ab12"))).toEqual(["ledger"]);
});

test("where it lies by the environment", () => {
  expect(stateDirectory({ TSBAK_STATE_DIR: "/s", XDG_STATE_HOME: "/x", HOME: "/h" })).toBe("/s");
  expect(stateDirectory({ XDG_STATE_HOME: "/x", HOME: "/h" })).toBe("/x/tsbak");
  expect(stateDirectory({ XDG_STATE_HOME: "x", HOME: "/h" })).toBe("/h/.local/state/tsbak");
});
