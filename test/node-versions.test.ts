import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compareTrees } from "./compare-trees.ts";
import { findPeer, requirePeer, Workshop, type PeerName } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { backupStep, checkStep, initByTool, restoreStep } from "./steps.ts";

const NEEDED: readonly PeerName[] = ["node-20", "node-24"];
const WELCOME: readonly PeerName[] = ["node-22", "node-26"];

/** The Node.js of the machine, which is not the one that npm puts in front of it. */
function findSystemNode(): string | undefined {
  const folders = (process.env.PATH ?? "")
    .split(":")
    .filter((path) => !path.includes("node_modules"));
  return folders.map((folder) => join(folder, "node")).find((path) => existsSync(path));
}

function findNode(name: PeerName): string | undefined {
  const found = NEEDED.includes(name) ? requirePeer(name) : findPeer(name) !== undefined;
  if (!found) console.warn(`SKIPPED TESTS: ${name} is missing: run scripts/install-peers.sh`);
  return findPeer(name)?.[0];
}

const nodes = new Map<string, string | undefined>([
  ["the machine's own Node.js", findSystemNode()],
  ...[...NEEDED, ...WELCOME].map((name) => [name, findNode(name)] as const),
]);

let workshop: Workshop;
beforeEach(() => {
  workshop = new Workshop();
});
afterEach(() => workshop.close());

describe.skipIf(!requirePeer("tsbak"))("the built command", () => {
  for (const [name, node] of nodes)
    test.skipIf(node === undefined)(`backs up, verifies and restores on ${name}`, async () => {
      const source = workshop.path("source");
      const target = workshop.path("target");
      makeRandomTree(source, { seed: 1, size: 3e6, files: 30 });
      mkdirSync(target);

      const version = await workshop.must("tsbak", ["--version"], { node });
      const repository = await initByTool(workshop, "tsbak", "repository", 2, node);
      const { id } = await backupStep(repository, "tsbak", ".", { cwd: source, node });
      await checkStep(repository, ["tsbak"], node);
      await restoreStep(repository, "tsbak", id, target, { node });

      expect(version).toMatch(/\d+\.\d+\.\d+/);
      expect(compareTrees(source, target)).toEqual([]);
    });
});
