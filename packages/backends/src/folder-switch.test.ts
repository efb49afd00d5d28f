import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { planSwitch, switchFolders } from "./folder-switch.ts";

const ID = "0123456789".repeat(6) + "abcd";

let folder: string;
beforeEach(() => (folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "tsbak-switch-")))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** A folder that holds its own name. */
function make(name: string): void {
  fs.mkdirSync(join(folder, name));
  fs.writeFileSync(join(folder, name, "config"), name);
}

/** What each folder was made as. */
function contents(): Record<string, string> {
  const names = fs.readdirSync(folder);
  return Object.fromEntries(
    names.map((name) => [name, fs.readFileSync(join(folder, name, "config"), "utf8")]),
  );
}

test("switchFolders() puts the new repository in the place of the old, which it keeps", async () => {
  make("repo");
  make("repo.new");

  const plan = await planSwitch(join(folder, "repo"));
  const old = await switchFolders(plan, ID);

  expect(plan.wasFinished).toBe(false);
  expect(old).toBe(join(folder, "repo.old-01234567"));
  expect(contents()).toEqual({ repo: "repo.new", "repo.old-01234567": "repo" });
});

test("planSwitch() goes back to filling when it died before the old one was moved", async () => {
  make("repo");
  make("repo.complete");

  const plan = await planSwitch(join(folder, "repo"));

  expect(plan.wasFinished).toBe(false);
  expect(contents()).toEqual({ repo: "repo", "repo.new": "repo.complete" });
});

test("planSwitch() finishes when it died between the two moves", async () => {
  make("repo.old-01234567");
  make("repo.complete");

  const plan = await planSwitch(join(folder, "repo"));

  expect(plan.wasFinished).toBe(true);
  expect(contents()).toEqual({ repo: "repo.complete", "repo.old-01234567": "repo.old-01234567" });
});

test("planSwitch() does not take what is half done for complete when the repository is away", async () => {
  make("repo.new");

  const plan = await planSwitch(join(folder, "repo"));

  expect(plan.wasFinished).toBe(false);
  expect(contents()).toEqual({ "repo.new": "repo.new" });
});

test("switchFolders() keeps everything in its place if the old one cannot be moved", async () => {
  make("repo");
  make("repo.new");
  make("repo.old-01234567");
  const plan = await planSwitch(join(folder, "repo"));

  await expect(switchFolders(plan, ID)).rejects.toMatchObject({ code: "already-exists" });

  expect(contents()).toMatchObject({ repo: "repo", "repo.new": "repo.new" });
});

test("planSwitch() follows a link to the repository, and leaves it", async () => {
  make("repo");
  make("repo.new");
  fs.mkdirSync(join(folder, "links"));
  fs.symlinkSync(join(folder, "repo"), join(folder, "links", "here"));

  await switchFolders(await planSwitch(join(folder, "links", "here")), ID);

  expect(fs.readFileSync(join(folder, "links", "here", "config"), "utf8")).toBe("repo.new");
});
