import type { Command } from "commander";
import { addFilterOptions, addFromOptions } from "../options.ts";

/** Declare the flags of `copy`. */
export function declareCopy(command: Command): Command {
  return addFilterOptions(addFromOptions(command));
}

/** Declare the flags of `mirror`. */
export function declareMirror(command: Command): Command {
  return addFromOptions(command)
    .option("--heal", "read everything on both sides, and replace what is damaged by the other's")
    .option("--delete", "delete what the source does not have any more")
    .option("--unsafe-allow-remove-all", "with --delete: even if no snapshot is left")
    .option("-n, --dry-run", "change nothing, only tell what would be done");
}
