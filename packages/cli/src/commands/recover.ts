import { recover, type RecoverSummary } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { formatHead, progressInterval } from "../progress-line.ts";
import { refuseCompression, storeSettings } from "../store-settings.ts";
import { TimedStatus } from "../timed-status.ts";
import { VERSION } from "../version.ts";
import { withLock } from "../with-lock.ts";

/** `recover`: gather what no snapshot refers to in a new one. */
export async function runRecover(context: Context): Promise<ExitCode> {
  const { output, environment } = context;
  const settings = storeSettings(context);
  const repository = await openNamedRepository(context, { locks: true });
  refuseCompression(repository, settings);
  const status = new TimedStatus(output, progressInterval(output, environment));
  try {
    const summary = await withLock(context, repository, { exclusive: true }, (signal) =>
      recover(repository, {
        ...settings,
        signal,
        programVersion: `tsbak ${VERSION}`,
        onProgress: (done, total) =>
          status.show(
            (seconds) =>
              `${formatHead(seconds, share(done, total), undefined)}  ${done} / ${total} trees`,
          ),
        onDamagedPack: (pack, error) =>
          warn(context, `pack ${pack.slice(0, 8)} is left out: ${error.message}`),
        onUnreadable: (id, error) =>
          warn(context, `tree ${id.slice(0, 8)} is left out: ${error.message}`),
      }),
    );
    status.stop();
    printSummary(context, summary);
  } finally {
    status.stop();
  }
  return EXIT.ok;
}

function share(done: number, total: number): number {
  return total === 0 ? 1 : done / total;
}

function warn({ output }: Context, message: string): void {
  output.warnProblem(message, { message, during: "recover", item: "" });
}

function printSummary({ output }: Context, summary: RecoverSummary): void {
  const { newPacks, roots, incomplete, snapshot } = summary;
  if (newPacks > 0) output.say(`added ${formatCount(newPacks, "pack")} to the index`);
  for (const root of roots) output.say(`found root tree ${root.slice(0, 8)}`, 2);
  output.say(`found ${formatCount(roots.length, "unreferenced root")}`);
  if (snapshot === undefined) output.say("no snapshot to write");
  else output.say(`saved new snapshot ${snapshot.id.slice(0, 8)}`);
  if (snapshot !== undefined && incomplete > 0) {
    output.warnProblem(
      `parts of ${formatCount(incomplete, "folder")} in it are missing; run "tsbak repair snapshots --forget ${snapshot.id.slice(0, 8)}"`,
      { message: "parts are missing", during: "recover", item: snapshot.id },
    );
  }
  output.message({
    message_type: "summary",
    roots: roots.length,
    new_packs: newPacks,
    incomplete_trees: incomplete,
    snapshot_id: snapshot?.id,
  });
}
