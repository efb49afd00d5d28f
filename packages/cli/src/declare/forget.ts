import { Option, type Command } from "commander";
import { addGroupOption, asText, collect } from "../options.ts";
import { parseForgetLimit, parseGrace, parseKeepCount, parseKeepSpan } from "../parse-policy.ts";
import { parseTags } from "../parse-values.ts";
import { addPruneOptions } from "./prune.ts";

const PERIODS = [
  ["H", "hourly", "hours"],
  ["d", "daily", "days"],
  ["w", "weekly", "weeks"],
  ["m", "monthly", "months"],
  ["y", "yearly", "years"],
] as const;

/** Declare the flags of `forget`. */
export function declareForget(command: Command): Command {
  declarePolicy(command);
  command
    .option("--host <name>", "only snapshots of this host (repeatable)", collect(asText))
    .option("--tag <tags>", "only snapshots with all these tags (repeatable)", collect(parseTags))
    .option("--path <path>", "only snapshots with this path (repeatable)", collect(asText));
  addGroupOption(
    command,
    "what the policy is applied to apart: host, paths, tags (default: host,paths)",
  );
  return addPruneOptions(command)
    .option("--prune", "run prune then, if any were removed")
    .option("-c, --compact", "without paths and reasons")
    .option("-n, --dry-run", "remove nothing, only tell what would be removed")
    .option("--unsafe-allow-remove-all", "without a policy: remove all that fits the filters")
    .option("--grace <time>", "how long undelete can bring them back (default: 7d)", parseGrace)
    .option(
      "--max-forget <limit>",
      "refuse, or ask, to remove more of a group: 50%, 20 (default: 90%)",
      parseForgetLimit,
    )
    .option("--allow-shrink", "also where the newest snapshot is much smaller than those before")
    .option("--trust-times", "believe the times of all snapshots");
}

function declarePolicy(command: Command): void {
  command.option("-l, --keep-last <n>", "keep the newest n, or 'unlimited'", parseKeepCount);
  for (const [letter, period, units] of PERIODS) {
    const help = `keep the newest of each of the last n ${units} that have any`;
    command.option(`-${letter}, --keep-${period} <n>`, help, parseKeepCount);
  }
  command.option("--keep-within <time>", "keep all of such a time, as 1y5m7d2h", parseKeepSpan);
  for (const [, period, units] of PERIODS) {
    const help = `keep the newest of the ${units} of such a time`;
    command.option(`--keep-within-${period} <time>`, help, parseKeepSpan);
  }
  command.addOption(
    new Option("--keep-tag <tags>", "keep those with all these tags (repeatable)").argParser(
      collect(parseTags),
    ),
  );
}

/** Declare the flags of `undelete`. */
export function declareUndelete(command: Command): Command {
  return command
    .option("--list", "list what can be brought back; also without any names")
    .option("--all", "bring back all")
    .option("-n, --dry-run", "bring nothing back, only look whether it can be");
}
