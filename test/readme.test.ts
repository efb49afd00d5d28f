import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compareTrees } from "./compare-trees.ts";
import { requirePeer, Workshop } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";

const root = join(import.meta.dirname, "..");
const readme = fs.readFileSync(join(root, "README.md"), "utf8");

/** The first fenced block of a language that holds `text`. */
function findBlock(language: string, text: string): string {
  const blocks = readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"));
  for (const [, block = ""] of blocks) if (block.includes(text)) return block;
  throw new Error(`README.md has no ${language} block with ${text}`);
}

let workshop: Workshop;
beforeEach(() => {
  workshop = new Workshop();
});
afterEach(() => workshop.close());

function run(program: string, args: readonly string[], cwd: string): SpawnSyncReturns<string> {
  return spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, HOME: workshop.path("home"), TMPDIR: workshop.path("tmp") },
  });
}

describe.skipIf(!requirePeer("tsbak"))("README.md", () => {
  test("has a library example that has no type errors and does what it says", () => {
    const project = workshop.path("project");
    const [source, target] = [workshop.path("source"), workshop.path("target")];
    const places = {
      "/srv/backup": workshop.path("repository"),
      "/home/ana": source,
      "/tmp/out": target,
    };
    let example = findBlock("ts", 'from "@tsbak/core"');
    for (const [place, ours] of Object.entries(places)) {
      expect(example).toContain(`"${place}"`);
      example = example.replaceAll(`"${place}"`, JSON.stringify(ours));
    }
    makeRandomTree(source, { seed: 1, size: 1e6, files: 10 });
    fs.mkdirSync(project);
    fs.symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
    fs.writeFileSync(join(project, "package.json"), '{ "type": "module" }');
    fs.writeFileSync(join(project, "example.ts"), example);
    const settings = { extends: join(root, "tsconfig.json"), include: ["example.ts"] };
    fs.writeFileSync(join(project, "tsconfig.json"), JSON.stringify(settings));

    const types = run(join(root, "node_modules/.bin/tsc"), ["--noEmit"], project);
    const result = run(process.execPath, ["example.ts"], project);

    expect(types.stdout).toBe("");
    expect(types.status).toBe(0);
    expect(result.stderr).toBe("");
    expect(result.status).toBe(0);
    expect(compareTrees(source, target + source, { root: true })).toEqual([]);
  });

  test("has a first command that makes a backup and restores it", () => {
    const command = findBlock("sh", "npm ci &&").replace("npm ci && ", "");

    const result = run("sh", ["-c", command], root);

    expect(result.stdout.trimEnd().split("\n").at(-1)).toBe("restored and equal");
    expect(result.status).toBe(0);
  });
});
