import type { Command } from "commander";
import { addGroupOption, asText, collect } from "../options.ts";
import { parseTags } from "../parse-values.ts";
import { addGuardOptions, addKeepOptions } from "./keep.ts";
import { addPruneOptions } from "./prune.ts";

/** Declare the flags of `forget`. */
export function declareForget(command: Command): Command {
  addKeepOptions(command, true)
    .option("--host <name>", "only snapshots of this host (repeatable)", collect(asText))
    .option("--tag <tags>", "only snapshots with all these tags (repeatable)", collect(parseTags))
    .option("--path <path>", "only snapshots with this path (repeatable)", collect(asText));
  addGroupOption(
    command,
    "what the policy is applied to apart: host, paths, tags (default: host,paths)",
  );
  addPruneOptions(command)
    .option("--prune", "run prune then, if any were removed")
    .option("-c, --compact", "without paths and reasons")
    .option("-n, --dry-run", "remove nothing, only tell what would be removed")
    .option("--unsafe-allow-remove-all", "without a policy: remove all that fits the filters");
  return addGuardOptions(command);
}

/** Declare the flags of `undelete`. */
export function declareUndelete(command: Command): Command {
  return command
    .option("--list", "list what can be brought back; also without any names")
    .option("--all", "bring back all")
    .option("-n, --dry-run", "bring nothing back, only look whether it can be");
}
