import { mkdirSync } from "node:fs";
import { compareTrees } from "../compare-trees.ts";
import { checkCommand, type ToolName } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { commandAt, NETWORK_STORES } from "../servers/network-stores.ts";
import { prove, type ProofOptions, type Report } from "./report.ts";

export interface StoreOptions extends ProofOptions {
  /** One of `NETWORK_STORES`. */
  readonly store: string;
}

/**
 * On a real server: a repository is made, a tree backed up twice, all data verified, the tree restored. Then restic, where it can
 * go, checks all data there and restores the same.
 */
export function proveStore(options: StoreOptions): Promise<Report> {
  return prove(`store ${options.store}`, options, async (workshop, findings) => {
    const { store: name, size = 1e9, files = 5000, seed = "1" } = options;
    const kind = NETWORK_STORES[name];
    if (kind === undefined) throw new RangeError(`There is no store "${name}"`);
    const source = workshop.path("source");
    makeRandomTree(source, { size, files, seed });
    mkdirSync(workshop.path("server"));
    const store = await kind.start(workshop.path("server"));
    const { args: where, env } = commandAt(store.at(store.port, "repository"));
    const run = async (tool: ToolName, ...words: readonly string[]): Promise<void> => {
      await workshop.must(tool, [...where, ...words], { env, cwd: source });
      findings.note(`${tool} ${words[0]}`);
    };
    const restore = async (tool: ToolName): Promise<void> => {
      const target = workshop.path(tool);
      await run(tool, "restore", "latest", "--target", target);
      findings.judge(`${tool} restores equal`, compareTrees(source, target));
    };
    try {
      await run("tsbak", "init");
      await run("tsbak", "backup", ".");
      await run("tsbak", "backup", ".");
      await run("tsbak", checkCommand("tsbak"), "--read-data");
      await restore("tsbak");
      if (!kind.isForRestic) return;
      await run("restic", checkCommand("restic"), "--read-data");
      await restore("restic");
    } finally {
      await store.stop();
    }
  });
}
