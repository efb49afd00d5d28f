import { Option, type Command } from "commander";
import { addGroupOption, asText, collect } from "../options.ts";
import {
  parseLocalTime,
  parseSize,
  parseTagFile,
  parseTags,
  parseThreads,
} from "../parse-values.ts";

/** Declare the flags of `backup`. */
export function declareBackup(command: Command): Command {
  command
    .option("-e, --exclude <pattern>", "leave out what matches (repeatable)", collect(asText))
    .option("--iexclude <pattern>", "the same, upper and lower case alike", collect(asText))
    .option("--exclude-file <file>", "file of patterns, one a line", collect(asText))
    .option("--iexclude-file <file>", "the same, upper and lower case alike", collect(asText))
    .option("-x, --one-file-system", "stay on the file systems of the sources")
    .option("--exclude-caches", "leave out what is in folders with a CACHEDIR.TAG")
    .option(
      "--exclude-if-present <name[:header]>",
      "leave out what is in folders with such a file, but the file itself (repeatable)",
      collect(parseTagFile),
    )
    .option(
      "--exclude-per-folder <name>",
      "leave out what files of this name list, as .gitignore does in git (repeatable)",
      collect(asText),
    )
    .option("--exclude-larger-than <size>", "leave out longer files: 500K, 1G", parseSize)
    .option("--files-from <file>", "file of sources, with * and ?, one a line", collect(asText))
    .option("--files-from-verbatim <file>", "file of sources, one a line", collect(asText))
    .option("--files-from-raw <file>", "file of sources, each ended by NUL", collect(asText))
    .option("--as-path <path>", "path to store the source under in place of its own")
    .option("--strip-prefix <folder>", "store paths as if this folder were the root")
    .option("--stdin", "save standard input as a file")
    .option("--stdin-from-command", "save what a command prints: the words behind --")
    .option("--stdin-filename <name>", "name of that file (default: stdin)")
    .option("--tag <tags>", "tags of the snapshot, separated by commas", collect(parseTags))
    .option("-H, --host <name>", "host of the snapshot ($TSBAK_HOST, or this one)")
    .option("--time <time>", "time of the snapshot, '2012-11-01 22:08:41'", parseLocalTime)
    .option("--parent <id>", "snapshot to compare with (default: the newest of host and paths)");
  addGroupOption(
    command,
    "what the parent has in common: host, paths, tags (default: host,paths)",
  ).option("-f, --force", "read all files again");
  return command
    .option("--ignore-inode", "a changed inode and ctime mean no change")
    .option("--ignore-ctime", "a changed ctime means no change")
    .option("--with-atime", "save the access times")
    .option("--with-birth-time", "save when files were made, which restic does not know")
    .option("--with-inode-flags", "save which files are immutable, append-only or not to be dumped")
    .option("--skip-if-unchanged", "make no snapshot that equals its parent")
    .option("--no-scan", "do not count the files first")
    .option("-n, --dry-run", "write nothing, only tell what would be written")
    .option("--explain <path>", "with --dry-run: only say why it is saved, or not", collect(asText))
    .addOption(new Option("--read-concurrency <n>").argParser(parseThreads).hideHelp());
}
