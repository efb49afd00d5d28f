import { mkdirSync, rmSync } from "node:fs";
import { compareTrees } from "../compare-trees.ts";
import { mutateTree } from "../mutate-tree.ts";
import { checkCommand, type ToolName, type Workshop } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { commandAt, NETWORK_STORES, RCLONE_STORES } from "../servers/network-stores.ts";
import type { StoreAddress } from "../servers/network-stores.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

export interface StoreOptions extends ProofOptions {
  /** One of `NETWORK_STORES` or `RCLONE_STORES`. */
  readonly store: string;
}

const POLICY = ["--keep-last", "1", "--grace", "0", "--max-unused", "0", "--prune"];

/**
 * On a real server: a repository is made, a tree backed up, changed and backed up again, all data verified, the tree restored; and once
 * more after the first snapshot was forgotten and pruned. In between and at the end restic, where it can go, checks all data
 * there, and restores the same.
 */
export function proveStore(options: StoreOptions): Promise<Report> {
  return prove(`store ${options.store}`, options, async (workshop, findings) => {
    const { store: name, size = 1e9, files = 5000, seed = "1" } = options;
    const kind = { ...NETWORK_STORES, ...RCLONE_STORES }[name];
    if (kind === undefined) throw new RangeError(`There is no store "${name}"`);
    const source = workshop.path("source");
    makeRandomTree(source, { size, files, seed });
    mkdirSync(workshop.path("server"));
    const store = await kind.start(workshop.path("server"));
    const place = new Place(workshop, findings, source, store.at(store.port, "repository"));
    const tools: ToolName[] = kind.isForRestic ? ["tsbak", "restic"] : ["tsbak"];
    try {
      await place.run("tsbak", "init");
      await place.run("tsbak", "backup", ".");
      mutateTree(source, { seed, changes: 200, largest: size / 100 });
      await place.run("tsbak", "backup", ".");
      for (const tool of tools) await place.examine(tool);
      await place.run("tsbak", "forget", ...POLICY);
      for (const tool of tools) await place.examine(tool);
    } finally {
      await store.stop();
    }
  });
}

/** A repository on a server, and what it was made of. */
class Place {
  readonly #workshop: Workshop;
  readonly #findings: Findings;
  readonly #source: string;
  readonly #where: ReturnType<typeof commandAt>;

  constructor(workshop: Workshop, findings: Findings, source: string, address: StoreAddress) {
    this.#workshop = workshop;
    this.#findings = findings;
    this.#source = source;
    this.#where = commandAt(address);
  }

  async run(tool: ToolName, ...words: readonly string[]): Promise<void> {
    const { args, env } = this.#where;
    await this.#workshop.must(tool, [...args, ...words], { env, cwd: this.#source });
    this.#findings.note(`${tool} ${words[0]}`);
  }

  /** All data is whole, and the newest snapshot is the source. */
  async examine(tool: ToolName): Promise<void> {
    await this.run(tool, checkCommand(tool), "--read-data");
    const target = this.#workshop.path("target");
    await this.run(tool, "restore", "latest", "--target", target);
    this.#findings.judge(`${tool} restores equal`, compareTrees(this.#source, target));
    rmSync(target, { recursive: true });
  }
}
