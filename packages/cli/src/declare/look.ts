import { Option, type Command } from "commander";
import { addFilterOptions, addGroupOption, asText, collect } from "../options.ts";
import { parseCount, parseMoment } from "../parse-values.ts";

/** Declare the flags of `snapshots`. */
export function declareSnapshots(command: Command): Command {
  addFilterOptions(command)
    .option("-c, --compact", "without the paths")
    .option("--latest <n>", "only the newest n of each host and paths", parseCount);
  return addGroupOption(command, "host, paths, tags, separated by commas");
}

/** Declare the flags of `ls`. */
export function declareLs(command: Command): Command {
  addFilterOptions(command)
    .option("-l, --long", "with mode, owner, size and time")
    .option("--human-readable", "sizes with units");
  const keys = ["name", "size", "time", "mtime", "atime", "ctime", "extension"];
  const help = "name (as it comes), size, time (or mtime), atime, ctime or extension";
  return command
    .option("--recursive", "also what is in the folders below the named ones")
    .addOption(new Option("-s, --sort <key>", help).choices(keys))
    .option("--reverse", "in reverse order")
    .option("--ncdu", "for ncdu: pipe it into 'ncdu -f -'");
}

/** Declare the flags of `diff`. */
export function declareDiff(command: Command): Command {
  return command
    .option("--metadata", "also what changed in metadata only")
    .option("--live", "compare with the disk: where the snapshot came from, or the folder <other>")
    .option("--read-data", "with --live: read also files that seem unchanged")
    .option("-x, --one-file-system", "with --live: do not look into mount points");
}

/** Declare the flags of `find`. */
export function declareFind(command: Command): Command {
  command
    .option("-i, --ignore-case", "upper and lower case alike")
    .option("-l, --long", "with mode, owner, size and time")
    .option("--human-readable", "sizes with units")
    .option("-O, --oldest <time>", "modified then or later, '2012-11-01 22:08'", parseMoment)
    .option("-N, --newest <time>", "modified then or earlier", parseMoment)
    .option("--blob", "look for blobs by their IDs, or beginnings of them")
    .option("--tree", "look for trees")
    .option("--pack", "look for everything in packs")
    .option("--show-pack-id", "with --blob, --tree or --pack: tell in which packs they are")
    .option("-s, --snapshot <id>", "only in this snapshot (repeatable)", collect(asText))
    .option("-R, --reverse", "the oldest snapshot first");
  return addFilterOptions(command);
}

/** Declare the flags of `stats`. */
export function declareStats(command: Command): Command {
  const modes = "restore-size, files-by-contents, blobs-per-file or raw-data";
  const mode = new Option("--mode <mode>", `how to count: ${modes} (default: restore-size)`);
  return addFilterOptions(command.addOption(mode.choices(modes.split(/, | or /))));
}
