import type { Command } from "commander";
import { addFromOptions } from "../options.ts";

/** Declare the flags of `repair index`. */
export function declareRepairIndex(command: Command): Command {
  return command.option("--read-all-packs", "trust no index: read the headers of all packs");
}

/** Declare the flags of `repair packs`. */
export function declareRepairPacks(command: Command): Command {
  return command.option(
    "--keep-in <folder>",
    "where copies of the damaged packs are kept (default: the current folder)",
  );
}

/** Declare the flags of `doctor`. */
export function declareDoctor(command: Command): Command {
  command
    .option("-n, --dry-run", "only tell what is wrong")
    .option("-y, --yes", "repair without asking")
    .option("--no-read-data", "look at the index and at folders only, not at the contents of files")
    .option("--keep-in <folder>", "where copies of damaged files are kept")
    .option("--snapshots-from-cache", "bring back snapshots that only the cache here has");
  return addFromOptions(command);
}
