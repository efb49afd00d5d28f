import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseTime } from "../format/time.ts";
import { StateFolder } from "../fs/state-folder.ts";
import { isExpired, KeyNotes } from "./key-notes.ts";

const ID = "ab".repeat(32);
const OTHER = "cd".repeat(32);
let base: string;
let state: StateFolder;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "tsbak-"));
  state = new StateFolder(base, "1".repeat(64));
});
afterEach(() => rmSync(base, { recursive: true }));

test("KeyNotes keeps what was set, for each key, until it is taken away", () => {
  const notes = new KeyNotes(state);
  expect(notes.all()).toEqual(new Map());
  notes.set(ID, {});
  expect(state.read("keys.json")).toBeUndefined();

  notes.set(ID, { label: 'the "old" one', expires: "2027-01-01T00:00:00+01:00" });
  notes.set(OTHER, { label: "another" });
  const again = new KeyNotes(state);
  expect(again.all().get(ID)).toEqual({
    label: 'the "old" one',
    expires: "2027-01-01T00:00:00+01:00",
  });

  again.set(ID, {});
  expect([...new KeyNotes(state).all().keys()]).toEqual([OTHER]);
});

test.each(["", "[]", '{"x":1}', `{"${ID}":{"expires":"tomorrow"}}`, `{"${ID}":7}`])(
  "KeyNotes takes %j for nothing",
  (text) => {
    state.write("keys.json", Buffer.from(text));

    expect(new KeyNotes(state).all()).toEqual(new Map());
  },
);

test("isExpired() begins at the very instant", () => {
  const note = { expires: "2027-01-01T00:00:00Z" };

  expect(isExpired(note, parseTime("2026-12-31T23:59:59.999999999Z"))).toBe(false);
  expect(isExpired(note, parseTime("2027-01-01T01:00:00+01:00"))).toBe(true);
  expect(isExpired({ label: "a" })).toBe(false);
});
