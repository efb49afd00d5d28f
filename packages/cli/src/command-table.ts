/**
 * The commands: how they are called, and where their code is. It is loaded only when one is run, so that `--help` and
 * `--version` cost nothing.
 *
 * @module
 */
import { Option, type Command } from "commander";
import type { CommandAction } from "./context.ts";
import { addFilterOptions, addFromOptions, addGroupOption, asText, collect } from "./options.ts";
import {
  parseCount,
  parseLocalTime,
  parseMoment,
  parseOverwrite,
  parseSize,
  parseTagFile,
  parseTags,
  parseThreads,
} from "./parse-values.ts";

/** One command. A command with `children` does nothing itself. */
export interface CommandEntry {
  /** Name and arguments as commander reads them: `backup [paths...]`. */
  readonly usage: string;
  readonly alias?: string;
  readonly summary: string;
  /** Declare its flags. */
  readonly declare?: (command: Command) => Command;
  readonly children?: readonly CommandEntry[];
  /** Its code. The flags it gets are those that it declares, which no type can show across commander. */
  readonly load?: () => Promise<CommandAction<never>>;
}

/** All commands in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: "init",
    summary: "make a new repository",
    declare: declareInit,
    load: async () => (await import("./commands/init.ts")).runInit,
  },
  {
    usage: "backup [paths...]",
    summary: "save files and folders as a new snapshot",
    declare: declareBackup,
    load: async () => (await import("./commands/backup.ts")).runBackup,
  },
  {
    usage: "restore <snapshot>",
    summary: "write a snapshot, or what was selected of it, to a folder",
    declare: declareRestore,
    load: async () => (await import("./commands/restore.ts")).runRestore,
  },
  {
    usage: "verify",
    alias: "check",
    summary: "look for damage in the repository",
    declare: declareVerify,
    load: async () => (await import("./commands/verify.ts")).runVerify,
  },
  {
    usage: "snapshots [ids...]",
    summary: "list snapshots",
    declare: declareSnapshots,
    load: async () => (await import("./commands/snapshots.ts")).runSnapshots,
  },
  {
    usage: "ls <snapshot> [folders...]",
    summary: "list the files in a snapshot",
    declare: declareLs,
    load: async () => (await import("./commands/ls.ts")).runLs,
  },
  {
    usage: "diff <snapshot> [other]",
    summary: "tell what changed from one snapshot to another, or since then on the disk",
    declare: declareDiff,
    load: async () => (await import("./commands/diff.ts")).runDiff,
  },
  {
    usage: "find <patterns...>",
    summary: "look for files by name, or for where blobs, trees and packs are used",
    declare: declareFind,
    load: async () => (await import("./commands/find.ts")).runFind,
  },
  {
    usage: "dump <snapshot> <path>",
    summary: "write a file of a snapshot, or a folder as an archive, to standard output",
    declare: declareDump,
    load: async () => (await import("./commands/dump.ts")).runDump,
  },
  {
    usage: "stats [ids...]",
    summary: "count what is in snapshots",
    declare: declareStats,
    load: async () => (await import("./commands/stats.ts")).runStats,
  },
  {
    usage: "cat <type> [id]",
    summary: "print masterkey, config, pack, blob, snapshot, index, key, lock or tree",
    load: async () => (await import("./commands/cat.ts")).runCat,
  },
  {
    usage: "list <type>",
    summary: "list blobs, packs, index, snapshots, keys or locks",
    load: async () => (await import("./commands/list.ts")).runList,
  },
  {
    usage: "key",
    summary: "list, add and remove keys, change the password",
    children: [
      {
        usage: "list",
        summary: "list keys",
        load: async () => (await import("./commands/key.ts")).runKeyList,
      },
      {
        usage: "add",
        summary: "add a key with another password",
        declare: declareNewKey,
        load: async () => (await import("./commands/key.ts")).runKeyAdd,
      },
      {
        usage: "passwd",
        summary: "change the password: add a key and remove the one in use",
        declare: declareNewKey,
        load: async () => (await import("./commands/key.ts")).runKeyPasswd,
      },
      {
        usage: "remove <id>",
        summary: "remove a key",
        load: async () => (await import("./commands/key.ts")).runKeyRemove,
      },
    ],
  },
  {
    usage: "unlock",
    summary: "remove locks that were left behind",
    declare: (command) => command.option("--remove-all", "remove all locks, even those in use"),
    load: async () => (await import("./commands/unlock.ts")).runUnlock,
  },
  {
    usage: "repo-test [location]",
    summary: "try out whether a store is fit for backups, and how fast it is",
    declare: declareRepoTest,
    load: async () => (await import("./commands/repo-test.ts")).runRepoTest,
  },
  {
    usage: "version",
    summary: "print the version",
    load: async () => (await import("./commands/version.ts")).runVersion,
  },
];

function declareInit(command: Command): Command {
  command
    .option("--repository-version <version>", "1, 2, stable or latest (default: 2)")
    .option("--chunker <name>", "how files are cut: rabin, or fastcdc where restic never writes")
    .option("--copy-chunker-params", "cut files as the repository of --from-repo does");
  return addFromOptions(command);
}

function declareBackup(command: Command): Command {
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

function declareRestore(command: Command): Command {
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

function declareVerify(command: Command): Command {
  return command
    .option("--read-data", "read all packs in full")
    .option("--read-data-subset <part>", "read a part: n/t, such as 1/7; 5%; or a size, 10G")
    .addOption(new Option("--with-cache").hideHelp());
}

function declareSnapshots(command: Command): Command {
  addFilterOptions(command)
    .option("-c, --compact", "without the paths")
    .option("--latest <n>", "only the newest n of each host and paths", parseCount);
  return addGroupOption(command, "host, paths, tags, separated by commas");
}

function declareLs(command: Command): Command {
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

function declareDiff(command: Command): Command {
  return command
    .option("--metadata", "also what changed in metadata only")
    .option("--live", "compare with the disk: where the snapshot came from, or the folder <other>")
    .option("--read-data", "with --live: read also files that seem unchanged")
    .option("-x, --one-file-system", "with --live: do not look into mount points");
}

function declareFind(command: Command): Command {
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

function declareDump(command: Command): Command {
  const archive = new Option("-a, --archive <format>", "of a folder: tar, tar.gz or zip");
  command
    .addOption(archive.choices(["tar", "tar.gz", "zip"]))
    .option("-t, --target <file>", "write to this file");
  return addFilterOptions(command);
}

function declareStats(command: Command): Command {
  const modes = "restore-size, files-by-contents, blobs-per-file or raw-data";
  const mode = new Option("--mode <mode>", `how to count: ${modes} (default: restore-size)`);
  return addFilterOptions(command.addOption(mode.choices(modes.split(/, | or /))));
}

function declareRepoTest(command: Command): Command {
  return command
    .option("--size <size>", "length of the large files (default: 16M, as packs are)", parseSize)
    .option("--files <n>", "how many files to list (default: 1100)", parseCount);
}

function declareNewKey(command: Command): Command {
  return command
    .option("--new-password-file <file>", "file that holds the new password")
    .option("--new-insecure-no-password", "the new password is empty")
    .option("--user <name>", "user that the key is noted for")
    .option("--host <name>", "host that the key is noted for");
}
