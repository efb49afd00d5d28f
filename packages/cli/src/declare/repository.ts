import { Option, type Command } from "commander";
import { addFilterOptions, addFromOptions, asText, collect } from "../options.ts";
import { parseCount, parseMoment, parseSize, parseThreads } from "../parse-values.ts";

/** Declare the flags of `init`. */
export function declareInit(command: Command): Command {
  command
    .option("--repository-version <version>", "1, 2, stable or latest (default: 2)")
    .option("--chunker <name>", "how files are cut: rabin, or fastcdc where restic never writes")
    .option("--copy-chunker-params", "cut files as the repository of --from-repo does");
  return addFromOptions(command);
}

/** Declare the flags of `key add` and `key passwd`. */
export function declareNewKey(command: Command): Command {
  return command
    .option("--new-password-file <file>", "file that holds the new password")
    .option("--new-insecure-no-password", "the new password is empty")
    .option("--user <name>", "user that the key is noted for")
    .option("--host <name>", "host that the key is noted for")
    .option("--label <text>", "what the key is for; only this machine remembers it")
    .option(
      "--expires <time>",
      "day from which on its use is warned of, on this machine",
      parseMoment,
    );
}

/** Declare the flags of `verify`. */
export function declareVerify(command: Command): Command {
  command
    .option("--read-data", "read all packs in full")
    .option("--read-data-subset <part>", "read a part: n/t, such as 1/7; 5%; or a size, 10G")
    .option(
      "--read-data-budget <budget>",
      "read what was not read for longest: for 20m, up to 5GiB, or 1/30 in each run",
    )
    .option("--drill <n>", "restore n random files of the newest snapshot, and compare", parseCount)
    .option("--canary <path>", "restore this file too (repeatable)", collect(asText))
    .option("--drill-target <folder>", "restore to it and keep it (default: a folder in $TMPDIR)")
    .option("--drill-seed <number>", "draw the same files again", parseThreads)
    .addOption(new Option("--with-cache").hideHelp());
  return addFilterOptions(command);
}

/** Declare the flags of `unlock`. */
export function declareUnlock(command: Command): Command {
  return command.option("--remove-all", "remove all locks, even those in use");
}

/** Declare the flags of `repo-test`. */
export function declareRepoTest(command: Command): Command {
  return command
    .option("--size <size>", "length of the large files (default: 16M, as packs are)", parseSize)
    .option("--files <n>", "how many files to list (default: 1100)", parseCount);
}
