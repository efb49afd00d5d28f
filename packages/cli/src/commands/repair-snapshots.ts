import {
  printablePath,
  repairSnapshots,
  TsbakError,
  type RepairFinding,
  type RepairFindingKind,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { selectSnapshots } from "../select-snapshots.ts";
import { describeSnapshot, reportChange, reportChanges, sayKept } from "../snapshot-changes.ts";
import { refuseCompression, storeSettings } from "../store-settings.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `repair snapshots`. */
export interface RepairSnapshotsFlags extends FilterFlags {
  readonly forget?: boolean;
  /** Milliseconds. */
  readonly grace?: number;
  readonly dryRun?: boolean;
}

const FINDINGS: Readonly<Record<RepairFindingKind, string>> = {
  "missing-content": "parts of the file are lost, the rest is kept",
  "wrong-size": "the size was wrong",
  "invalid-type": "an entry of no known type is left out",
  "lost-folder": "what was in the folder is lost, it is empty now",
  "lost-root": "nothing of the snapshot can be read",
};

/** `repair snapshots`: cut out what is lost. A snapshot of which nothing is left makes the exit code 1, unless it was to be removed. */
export async function runRepairSnapshots(
  context: Context,
  ids: readonly string[],
  flags: RepairSnapshotsFlags,
): Promise<ExitCode> {
  const { output } = context;
  const { forget = false, dryRun = false } = flags;
  const settings = storeSettings(context);
  // What is really stored counts, not what a cache remembers of it.
  const repository = await openNamedRepository(context, { cache: false });
  refuseCompression(repository, settings);
  const { lost } = await withLock(
    context,
    repository,
    { exclusive: true, dryRun },
    async (signal) => {
      const snapshots = await selectSnapshots(context, repository, ids, { flags, signal });
      const result = await repairSnapshots(repository, snapshots, {
        ...settings,
        forget,
        graceMs: flags.grace,
        dryRun,
        signal,
        onSnapshot: (entry) => output.say(describeSnapshot(entry)),
        onFinding: (finding) => printFinding(context, finding),
        onChange: (change) => reportChange(output, change, dryRun),
      });
      reportChanges(output, result.changes.length, dryRun);
      if (result.changes.length > 0 && forget && !dryRun && flags.grace !== 0) sayKept(output);
      return result;
    },
  );
  if (lost.length === 0 || forget) return EXIT.ok;
  const names = lost.map(({ id }) => id.slice(0, 8)).join(", ");
  throw new TsbakError(
    "corrupt",
    `Cannot repair ${formatCount(lost.length, "snapshot")} (${names}): nothing can be read without the root folder; ` +
      "bring its pack back from a copy of the repository, or else remove the snapshot with --forget",
  );
}

function printFinding({ output }: Context, { kind, path, error }: RepairFinding): void {
  const item = printablePath(path);
  output.say(`  ${item}: ${FINDINGS[kind]}`);
  if (error !== undefined) output.say(`    ${error.message}`, 2);
  output.message({ message_type: "finding", kind, item });
}
