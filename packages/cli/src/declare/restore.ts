import { Option, type Command } from "commander";
import { addFilterOptions, asText, collect } from "../options.ts";
import { parseOverwrite } from "../parse-values.ts";

/** Declare the flags of `restore`. */
export function declareRestore(command: Command): Command {
  command
    .option("-t, --target <folder>", "folder to write to")
    .option("-i, --include <pattern>", "only what matches (repeatable)", collect(asText))
    .option("--iinclude <pattern>", "the same, upper and lower case alike", collect(asText))
    .option("--include-file <file>", "file of patterns, one a line", collect(asText))
    .option("--iinclude-file <file>", "the same, upper and lower case alike", collect(asText))
    .option("-e, --exclude <pattern>", "leave out what matches (repeatable)", collect(asText))
    .option("--iexclude <pattern>", "the same, upper and lower case alike", collect(asText))
    .option("--exclude-file <file>", "file of patterns, one a line", collect(asText))
    .option("--iexclude-file <file>", "the same, upper and lower case alike", collect(asText))
    .option("--ownership-by-name", "owners by their names, where this machine has them")
    .addOption(
      new Option(
        "--overwrite <rule>",
        "which files that are there: always, if-changed, if-newer or never",
      )
        .argParser(parseOverwrite)
        .default("always"),
    )
    .option("--delete", "delete what is not in the snapshot, in folders that are restored")
    .option("--dry-run", "change nothing, only tell what would be done (with -vv)")
    .option("--verify", "read the restored files again and compare them")
    .option("--sparse", "leave holes in files for zeros")
    .option("--include-xattr <pattern>", "only such extended attributes", collect(asText))
    .option("--exclude-xattr <pattern>", "all extended attributes but such", collect(asText));
  return addFilterOptions(command);
}

/** Declare the flags of `dump`. */
export function declareDump(command: Command): Command {
  const archive = new Option("-a, --archive <format>", "of a folder: tar, tar.gz or zip");
  command
    .addOption(archive.choices(["tar", "tar.gz", "zip"]))
    .option("-t, --target <file>", "write to this file");
  return addFilterOptions(command);
}
