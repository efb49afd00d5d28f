import { Option, type Command } from "commander";
import { addGroupOption, collect } from "../options.ts";
import { parseForgetLimit, parseGrace, parseKeepCount, parseKeepSpan } from "../parse-policy.ts";
import { parseTags } from "../parse-values.ts";

const PERIODS = [
  ["H", "hourly", "hours"],
  ["d", "daily", "days"],
  ["w", "weekly", "weeks"],
  ["m", "monthly", "months"],
  ["y", "yearly", "years"],
] as const;

/** Declare the flags that say which snapshots to keep. Only `forget` has them with letters, some of which mean something else elsewhere. */
export function addKeepOptions(command: Command, hasLetters: boolean): Command {
  const named = (letter: string, name: string): string =>
    hasLetters ? `-${letter}, --${name}` : `--${name}`;
  command.option(
    `${named("l", "keep-last")} <n>`,
    "keep the newest n, or 'unlimited'",
    parseKeepCount,
  );
  for (const [letter, period, units] of PERIODS) {
    const help = `keep the newest of each of the last n ${units} that have any`;
    command.option(`${named(letter, `keep-${period}`)} <n>`, help, parseKeepCount);
  }
  command.option("--keep-within <time>", "keep all of such a time, as 1y5m7d2h", parseKeepSpan);
  for (const [, period, units] of PERIODS) {
    const help = `keep the newest of the ${units} of such a time`;
    command.option(`--keep-within-${period} <time>`, help, parseKeepSpan);
  }
  return command.addOption(
    new Option("--keep-tag <tags>", "keep those with all these tags (repeatable)").argParser(
      collect(parseTags),
    ),
  );
}

/** Declare `--grace` on a command. */
export function addGraceOption(command: Command): Command {
  const help = "how long undelete can bring back what is removed (default: 7d)";
  return command.option("--grace <time>", help, parseGrace);
}

/** Declare the flags about what may hold a policy back. */
export function addGuardOptions(command: Command): Command {
  return addGraceOption(command)
    .option(
      "--max-forget <limit>",
      "refuse, or ask, to remove more of a group: 50%, 20 (default: 90%)",
      parseForgetLimit,
    )
    .option("--allow-shrink", "also where the newest snapshot is much smaller than those before")
    .option("--trust-times", "believe the times of all snapshots");
}

/** Declare the flags of a retention at the target. */
export function addRetentionOptions(command: Command): Command {
  command.optionsGroup("What the target keeps:");
  addKeepOptions(command, false);
  addGroupOption(
    command,
    "what the policy is applied to apart: host, paths, tags (default: host,paths)",
  );
  return addGuardOptions(command);
}
