import type { Command } from "commander";

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
