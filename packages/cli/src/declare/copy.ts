import type { Command } from "commander";
import { addFilterOptions, addFromOptions } from "../options.ts";
import { parseInterval } from "../parse-values.ts";
import { addRetentionOptions } from "./keep.ts";
import { addPruneOptions } from "./prune.ts";

/** Declare the flags of `copy`. */
export function declareCopy(command: Command): Command {
  addRetentionOptions(addFilterOptions(addFromOptions(command)));
  return addPruneOptions(command).option("--prune", "prune the target if it has forgotten any");
}

/** Declare the flags of `mirror`. */
export function declareMirror(command: Command): Command {
  addFromOptions(command)
    .option("--heal", "read everything on both sides, and replace what is damaged by the other's")
    .option("--delete", "delete what the source does not have any more")
    .option("--unsafe-allow-remove-all", "with --delete: even if no snapshot is left")
    .option("-n, --dry-run", "change nothing, only tell what would be done");
  return addRetentionOptions(command).option(
    "--prune",
    "delete packs that only the target has and nothing there needs",
  );
}

/** Declare the flags of `rekey`. */
export function declareRekey(command: Command): Command {
  return command
    .option("--to <location>", "where the new repository goes (default: in the place of the old)")
    .option("--new-password-file <file>", "file that holds the new password")
    .option("--new-insecure-no-password", "the new password is empty")
    .option("--new-chunker-params", "cut files in another way from now on, too");
}

/** Declare the flags of `watch copy`. */
export function declareWatchCopy(command: Command): Command {
  return declareCopy(addInterval(command));
}

/** Declare the flags of `watch mirror`. */
export function declareWatchMirror(command: Command): Command {
  return declareMirror(addInterval(command));
}

function addInterval(command: Command): Command {
  const help = "look for new snapshots that often (default: 5m)";
  return command.option("--interval <duration>", help, parseInterval);
}
