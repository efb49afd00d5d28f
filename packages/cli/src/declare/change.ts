import type { Command } from "commander";
import { addFilterOptions, asText, collect } from "../options.ts";
import { parseLocalTime, parseTags } from "../parse-values.ts";
import { addGraceOption } from "./keep.ts";

/** Declare the flags of `tag`. */
export function declareTag(command: Command): Command {
  command
    .option(
      "--set <tags>",
      "these tags and no others; '' for none (repeatable)",
      collect(parseTags),
    )
    .option("--add <tags>", "add these tags (repeatable)", collect(parseTags))
    .option("--remove <tags>", "take these tags away (repeatable)", collect(parseTags));
  return addFilterOptions(addGraceOption(command));
}

/** Declare the flags of `rewrite`. */
export function declareRewrite(command: Command): Command {
  command
    .option("-e, --exclude <pattern>", "leave out what matches (repeatable)", collect(asText))
    .option("--iexclude <pattern>", "the same, upper and lower case alike", collect(asText))
    .option("--exclude-file <file>", "file of patterns, one a line", collect(asText))
    .option("--iexclude-file <file>", "the same, upper and lower case alike", collect(asText))
    .option("-i, --include <pattern>", "keep only what matches (repeatable)", collect(asText))
    .option("--iinclude <pattern>", "the same, upper and lower case alike", collect(asText))
    .option("--include-file <file>", "file of patterns, one a line", collect(asText))
    .option("--iinclude-file <file>", "the same, upper and lower case alike", collect(asText))
    .option("--new-host <name>", "host of the new snapshots")
    .option("--new-time <time>", "time of the new snapshots, '2012-11-01 22:08:41'", parseLocalTime)
    .option("-s, --snapshot-summary", "count files and bytes of snapshots that have no counts")
    .option("--forget", "remove the old snapshots when the new ones are there")
    .option("-n, --dry-run", "write nothing, only tell what would be written");
  return addFilterOptions(addGraceOption(command));
}

/** Declare the flags of `repair snapshots`. */
export function declareRepairSnapshots(command: Command): Command {
  command
    .option("--forget", "remove the old snapshots when the new ones are there")
    .option("-n, --dry-run", "write nothing, only tell what would be written");
  return addFilterOptions(addGraceOption(command));
}

/** Declare the flags of `migrate`. */
export function declareMigrate(command: Command): Command {
  return command
    .option("-f, --force", "for scripts made for restic; there is nothing to force")
    .option(
      "--restore-config <file>",
      "put a copy of the config back into a repository without one",
    );
}
