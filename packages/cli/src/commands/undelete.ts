import {
  findByPrefix,
  isTsbakError,
  listSnapshots,
  listTrash,
  newestForms,
  TsbakError,
  undeleteSnapshot,
  type Repository,
  type TrashEntry,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, formatLocalTime, printable } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { snapshotJson } from "../snapshot-table.ts";
import { formatTable } from "../table.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `undelete`. */
export interface UndeleteFlags {
  readonly list?: boolean;
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

/** `undelete`: bring back forgotten snapshots, or list them. */
export async function runUndelete(
  context: Context,
  args: readonly string[],
  flags: UndeleteFlags,
): Promise<ExitCode> {
  const isList = flags.list === true || (args.length === 0 && flags.all !== true);
  if (flags.all === true && args.length > 0) {
    throw new TsbakError(
      "invalid-argument",
      "Cannot bring back all snapshots and named ones: use --all or ids",
    );
  }
  const repository = await openNamedRepository(context);
  return withLock(context, repository, { readOnly: isList }, async (signal) => {
    const onDamaged = (name: string, error: Error): void =>
      context.output.warn(`file ${name.slice(0, 8)} of the trash is left out: ${error.message}`);
    const trash = await listTrash(repository, { signal, onDamaged });
    if (isList) return printTrash(context, trash);
    const chosen =
      flags.all === true
        ? await allButReplaced(context, repository, trash, signal)
        : args.map((name) => findEntry(trash, name));
    return bringBack(context, repository, [...new Set(chosen)], flags.dryRun === true, signal);
  });
}

/** Whoever wants back what is gone does not mean the old form of what is there, or comes back in a newer one. */
async function allButReplaced(
  { output }: Context,
  repository: Repository,
  trash: readonly TrashEntry[],
  signal: AbortSignal,
): Promise<readonly TrashEntry[]> {
  const present = await listSnapshots(repository, {}, { signal, onDamaged: () => undefined });
  const newest = newestForms(trash, present);
  const left = trash.filter((entry) => !newest.includes(entry)).map(({ id }) => id.slice(0, 8));
  if (left.length > 0) {
    const [them, one] = left.length === 1 ? ["it", "it"] : ["them", "one"];
    output.say(
      `${formatCount(left.length, "snapshot")} left out, as tag or rewrite made newer ones of ${them}: ${left.join(", ")}; name ${one} to bring it back`,
    );
  }
  return newest;
}

function findEntry(trash: readonly TrashEntry[], name: string): TrashEntry {
  const ids = trash.map(({ id }) => id);
  try {
    const id = findByPrefix(ids, name, "forgotten snapshot");
    return trash.find((entry) => entry.id === id)!;
  } catch (error) {
    if (!isTsbakError(error, "not-found")) throw error;
    throw new TsbakError(
      "not-found",
      `Cannot find forgotten snapshot "${printable(name)}": no id begins so; see "tsbak undelete --list"`,
    );
  }
}

function printTrash({ output }: Context, trash: readonly TrashEntry[]): ExitCode {
  if (output.json) {
    const items = trash.map((entry) => {
      const until = JSON.stringify(new Date(entry.untilMs).toISOString());
      return snapshotJson(
        entry,
        `,"forgotten":${JSON.stringify(entry.forgotten)},"until":${until}`,
      );
    });
    output.print(`[${items.join(",")}]`);
    return EXIT.ok;
  }
  if (trash.length > 0) {
    const titles = ["ID", "Time", "Host", "Tags", "Paths", "Forgotten", "Kept until"];
    const rows = trash.map(({ id, snapshot, forgotten, untilMs }) => [
      [id.slice(0, 8)],
      [formatLocalTime(snapshot.time)],
      [printable(snapshot.hostname)],
      [snapshot.tags.map(printable).join(",")],
      snapshot.paths.map(printable),
      [formatLocalTime(forgotten)],
      [untilMs > Date.now() ? formatLocalTime(new Date(untilMs).toISOString()) : "the next prune"],
    ]);
    for (const line of formatTable(
      titles.map((title) => ({ title })),
      rows,
    )) {
      output.print(line);
    }
  }
  output.print(`${formatCount(trash.length, "forgotten snapshot")}`);
  return EXIT.ok;
}

async function bringBack(
  { output }: Context,
  repository: Repository,
  entries: readonly TrashEntry[],
  dryRun: boolean,
  signal: AbortSignal,
): Promise<ExitCode> {
  let failures = 0;
  for (const entry of entries) {
    try {
      await undeleteSnapshot(repository, entry, { dryRun, signal });
      output.say(`${dryRun ? "can bring back" : "brought back"} snapshot ${entry.id.slice(0, 8)}`);
      output.message({ message_type: "undeleted", snapshot_id: entry.id, dry_run: dryRun });
    } catch (error) {
      if (!isTsbakError(error) || error.code === "interrupted") throw error;
      failures++;
      output.warnProblem(error.message, {
        message: error.message,
        during: "undelete",
        item: entry.id,
      });
    }
  }
  if (entries.length === 0) output.say("nothing to bring back");
  return failures > 0 ? EXIT.incomplete : EXIT.ok;
}
