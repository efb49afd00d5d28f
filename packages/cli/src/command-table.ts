/**
 * The commands: how they are called, where their flags are declared (`declare/`), and where their code is. The code is loaded only
 * when a command is run, so that `--help` and `--version` cost nothing.
 *
 * @module
 */
import type { Command } from "commander";
import type { CommandAction } from "./context.ts";
import { declareBackup } from "./declare/backup.ts";
import {
  declareMigrate,
  declareRepairSnapshots,
  declareRewrite,
  declareTag,
} from "./declare/change.ts";
import {
  declareCopy,
  declareMirror,
  declareRekey,
  declareWatchCopy,
  declareWatchMirror,
} from "./declare/copy.ts";
import { declareForget, declareUndelete } from "./declare/forget.ts";
import {
  declareDiff,
  declareFind,
  declareLs,
  declareSnapshots,
  declareStats,
} from "./declare/look.ts";
import { declarePrune } from "./declare/prune.ts";
import { declareDoctor, declareRepairIndex, declareRepairPacks } from "./declare/repair.ts";
import { declareDump, declareRestore } from "./declare/restore.ts";
import {
  declareInit,
  declareNewKey,
  declareRepoTest,
  declareUnlock,
  declareVerify,
} from "./declare/repository.ts";

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
    usage: "verify [ids...]",
    alias: "check",
    summary: "look for damage in the repository, or in what some snapshots need",
    declare: declareVerify,
    load: async () => (await import("./commands/verify.ts")).runVerify,
  },
  {
    usage: "prune",
    summary: "remove data that no snapshot needs",
    declare: declarePrune,
    load: async () => (await import("./commands/prune.ts")).runPrune,
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
    usage: "tag [ids...]",
    summary: "change the tags of snapshots",
    declare: declareTag,
    load: async () => (await import("./commands/tag.ts")).runTag,
  },
  {
    usage: "rewrite [ids...]",
    summary: "make new snapshots from old ones, without some files or with another host or time",
    declare: declareRewrite,
    load: async () => (await import("./commands/rewrite.ts")).runRewrite,
  },
  {
    usage: "recover",
    summary: "gather what no snapshot refers to, such as forgotten snapshots, in a new one",
    load: async () => (await import("./commands/recover.ts")).runRecover,
  },
  {
    usage: "copy [ids...]",
    summary: "copy snapshots from another repository",
    declare: declareCopy,
    load: async () => (await import("./commands/copy.ts")).runCopy,
  },
  {
    usage: "mirror",
    summary: "keep a second place of the same repository, file by file",
    declare: declareMirror,
    load: async () => (await import("./commands/mirror.ts")).runMirror,
  },
  {
    usage: "watch",
    summary: "copy or mirror whenever there is a new snapshot, until it is stopped",
    children: [
      {
        usage: "copy",
        summary: "copy snapshots from another repository",
        declare: declareWatchCopy,
        load: async () => (await import("./commands/watch.ts")).runWatchCopy,
      },
      {
        usage: "mirror",
        summary: "keep a second place of the same repository",
        declare: declareWatchMirror,
        load: async () => (await import("./commands/watch.ts")).runWatchMirror,
      },
    ],
  },
  {
    usage: "forget [ids...]",
    summary: "remove snapshots, by a policy or by name",
    declare: declareForget,
    load: async () => (await import("./commands/forget.ts")).runForget,
  },
  {
    usage: "undelete [ids...]",
    summary: "bring back snapshots that were forgotten, or list them",
    declare: declareUndelete,
    load: async () => (await import("./commands/undelete.ts")).runUndelete,
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
    usage: "doctor",
    summary: "find out what is damaged, repair it, and tell what could not be repaired",
    declare: declareDoctor,
    load: async () => (await import("./commands/doctor.ts")).runDoctor,
  },
  {
    usage: "repair",
    summary: "repair what is damaged in the repository",
    children: [
      {
        usage: "index",
        summary: "make the index true to the packs that are there",
        declare: declareRepairIndex,
        load: async () => (await import("./commands/repair.ts")).runRepairIndex,
      },
      {
        usage: "packs [ids...]",
        summary: "save what can be read of damaged packs into new ones",
        declare: declareRepairPacks,
        load: async () => (await import("./commands/repair.ts")).runRepairPacks,
      },
      {
        usage: "snapshots [ids...]",
        summary: "cut out of snapshots what is lost, so that the rest can be restored",
        declare: declareRepairSnapshots,
        load: async () => (await import("./commands/repair-snapshots.ts")).runRepairSnapshots,
      },
    ],
  },
  {
    usage: "rekey",
    summary: "seal everything anew with another master key, in a new repository",
    declare: declareRekey,
    load: async () => (await import("./commands/rekey.ts")).runRekey,
  },
  {
    usage: "migrate [names...]",
    summary: "list what a repository can be upgraded to, or do it",
    declare: declareMigrate,
    load: async () => (await import("./commands/migrate.ts")).runMigrate,
  },
  {
    usage: "unlock",
    summary: "remove locks that were left behind",
    declare: declareUnlock,
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
