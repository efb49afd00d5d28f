import { Option, type Command } from "commander";
import { parseDuration, parseSize, parseUnusedLimit } from "../parse-values.ts";

/** Declare the flags of `prune`. */
export function declarePrune(command: Command): Command {
  command.option("-n, --dry-run", "change nothing, only tell what would be done");
  return addPruneOptions(command).option(
    "--unsafe-recover-no-free-space <id>",
    "UNSAFE: remove the index first, where the store has no room left; the repository's id",
  );
}

/** Declare the flags that `prune` shares with other commands that prune. */
export function addPruneOptions(command: Command): Command {
  return command
    .option(
      "--max-unused <limit>",
      "leave so much that is not used: 5%, 200M or unlimited (default: 5%)",
      parseUnusedLimit,
    )
    .option("--max-repack-size <size>", "repack no more than that in all: 500M, 10G", parseSize)
    .option("--repack-cacheable-only", "repack only packs of trees, which the cache keeps")
    .option("--repack-smaller-than <size>", "packs below that are small: 8M", parseSize)
    .option("--repack-uncompressed", "compress all data that is not compressed")
    .option("--max-duration <duration>", "begin no repacking after that: 30m, 2h", parseDuration)
    .option(
      "--max-wait <duration>",
      "wait so long for others to end before removing anything (default: 10m)",
      parseDuration,
    )
    .addOption(new Option("--repack-small").hideHelp());
}
