import {
  createRepository,
  openRepository,
  rekey,
  removeLocks,
  TsbakError,
  type Backend,
  type CopyEvent,
  type CopyReport,
  type Repository,
} from "@tsbak/core";
import { localFolderOf, planSwitch, switchFolders, type FolderSwitch } from "@tsbak/backends";
import type { Context } from "../context.ts";
import { progressText } from "../copy-text.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount } from "../format-text.ts";
import { askNewPassword, type NewPasswordFlags } from "../new-password.ts";
import { hasConfig, namedLocation, openNamedRepository } from "../open-repository.ts";
import { openStoreFor } from "../open-store.ts";
import { progressInterval } from "../progress-line.ts";
import { storeSettings } from "../store-settings.ts";
import { TimedStatus } from "../timed-status.ts";
import { keepMemorySmall } from "../v8-flags.ts";
import { lockWaiting } from "../with-lock.ts";

/** Flags of `rekey`. */
export interface RekeyFlags extends NewPasswordFlags {
  readonly to?: string;
  readonly newChunkerParams?: boolean;
}

/** `rekey`: seal everything anew with another master key, in a repository that takes the old one's place. */
export async function runRekey(
  context: Context,
  _args: readonly string[],
  flags: RekeyFlags,
): Promise<ExitCode> {
  keepMemorySmall();
  const folders = await planFolders(context, flags);
  if (folders?.wasFinished === true) {
    context.output.say(`the new repository is in its place now, at ${folders.place}`);
    return EXIT.ok;
  }
  const source = await openNamedRepository(context);
  const backend = await openStoreFor(context, flags.to ?? folders?.filling ?? "");
  const target = await openTarget(context, source, backend, flags);
  let old: string | undefined;
  const report = await rekeyTold(context, source, target, async () => {
    if (folders !== undefined) old = await switchFolders(folders, source.id);
  });
  // The lock that we held was moved along.
  if (old !== undefined) await unlockMoved(source, await openStoreFor(context, `local:${old}`));
  tellEnd(context, { source, target, report, old });
  return EXIT.ok;
}

/** Where the new repository is made if it is to take the old one's place; undefined with `--to`. */
async function planFolders(context: Context, flags: RekeyFlags): Promise<FolderSwitch | undefined> {
  if (flags.to !== undefined) return undefined;
  const folder = localFolderOf(await namedLocation(context));
  if (folder !== undefined) return planSwitch(folder);
  throw new TsbakError(
    "invalid-argument",
    "Cannot rekey: only a repository in a local folder can be replaced where it is; name a location for the new one with --to",
  );
}

/** A new repository, or one that an earlier run began. */
async function openTarget(
  context: Context,
  source: Repository,
  backend: Backend,
  flags: RekeyFlags,
): Promise<Repository> {
  const { output, signal } = context;
  const isBegun = await hasConfig(backend);
  const password = await askNewPassword(context, flags);
  if (isBegun) {
    output.say(`going on with the repository at ${backend.location}`);
    return openRepository(backend, { password, signal });
  }
  return createRepository(backend, {
    password,
    version: source.version,
    chunker: source.config.chunker === "fastcdc" ? "fastcdc" : "rabin",
    chunkerOf: flags.newChunkerParams === true ? undefined : source,
  });
}

async function rekeyTold(
  context: Context,
  source: Repository,
  target: Repository,
  switchOver: () => Promise<void>,
): Promise<CopyReport> {
  const { output, environment, signal } = context;
  const status = new TimedStatus(output, progressInterval(output, environment));
  const onEvent = (event: CopyEvent): void => {
    if (event.type === "progress") status.show((seconds) => progressText(event, seconds));
    else status.stop();
    if (event.type === "failed") {
      const message = `snapshot ${event.source.id.slice(0, 8)} cannot be copied: ${event.error.message}`;
      output.warnMessage(`error: ${message}`, { message_type: "error", message });
    }
    if (event.type !== "saved") return;
    const [from, to] = [event.source.id.slice(0, 8), event.copy.id.slice(0, 8)];
    output.say(`snapshot ${from} is ${to} in the new repository`);
  };
  try {
    return await rekey(source, target, {
      ...storeSettings(context),
      lock: lockWaiting(context),
      signal,
      onEvent,
      onVerify: () => output.say("verifying the new repository"),
      switchOver,
    });
  } finally {
    status.stop();
  }
}

/** Nobody else could have one: ours was exclusive. */
async function unlockMoved(source: Repository, backend: Backend): Promise<void> {
  const { sealer, opener, zstd, version } = source;
  await removeLocks({ backend, sealer, opener, zstd, version }, { all: true });
}

interface RekeyEnd {
  readonly source: Repository;
  readonly target: Repository;
  readonly report: CopyReport;
  readonly old: string | undefined;
}

function tellEnd(context: Context, { source, target, report, old }: RekeyEnd): void {
  const { output } = context;
  const count = report.copied.length + report.skipped.length;
  const place = old === undefined ? target.backend.location : source.backend.location;
  output.say(
    `${formatCount(count, "snapshot")} in the repository ${target.id.slice(0, 10)} with a new master key at ${place}`,
  );
  output.say(
    old === undefined
      ? `Use that from now on. The old repository at ${source.backend.location} was not changed; remove it when you no longer need it.`
      : `The old repository is now at ${old}; remove it when you no longer need it.`,
  );
  output.say("Its only key is the new password; add those of other users with 'tsbak key add'.");
  output.message({
    message_type: "rekeyed",
    id: target.id,
    repository: place,
    old_repository: old ?? source.backend.location,
    snapshots: count,
  });
}
