import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compareTrees } from "./compare-trees.ts";
import { checkCommand, type ToolName, type Workshop } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";

/** How the tools reach a store. */
export interface StoreReach {
  /** A location that holds nothing yet. */
  readonly location: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** For each tool, such as `--cacert FILE`. */
  readonly args?: readonly string[] | undefined;
}

const TOOLS = ["tsbak", "restic"] satisfies ToolName[];

/**
 * The life of a repository in a store, through the commands: tsbak makes it and backs up twice, restic backs up into it too, both
 * read all of it, and both restore what the other wrote. Throws if a command fails; gives the differences of what was restored.
 */
export async function roundTrip(workshop: Workshop, reach: StoreReach): Promise<string[]> {
  const { location, env, args = [] } = reach;
  const folder = mkdtempSync(workshop.path("round-trip-"));
  const source = join(folder, "source");
  const must = (tool: ToolName, ...words: string[]): Promise<string> =>
    workshop.must(tool, ["-r", location, ...args, ...words], { env, cwd: source });
  makeRandomTree(source, { seed: location.split(":")[0] ?? "", size: 8e6, files: 60 });

  await must("tsbak", "init");
  await must("tsbak", "backup", ".");
  writeFileSync(`${source}/added by the second backup`, "text");
  await must("tsbak", "backup", "--tag", "tsbak", ".");
  writeFileSync(`${source}/added by the third`, "text");
  await must("restic", "backup", "--tag", "restic", ".");
  for (const tool of TOOLS) await must(tool, checkCommand(tool), "--read-data");

  const restored = async (reader: ToolName, writer: ToolName): Promise<string[]> => {
    const target = join(folder, "target");
    await must(reader, "restore", "latest", "--tag", writer, "--target", target);
    const found = compareTrees(source, target).map((line) => `${reader} of ${writer}: ${line}`);
    rmSync(target, { recursive: true });
    return found;
  };
  const ofRestic = await restored("tsbak", "restic");
  rmSync(`${source}/added by the third`);
  const ofOurs = await restored("restic", "tsbak");
  rmSync(folder, { recursive: true });
  return [...ofRestic, ...ofOurs];
}
