import { TsbakError, watchSnapshots } from "@tsbak/core";
import type { Context } from "../context.ts";
import { expectedCode, EXIT, type ExitCode } from "../exit-codes.ts";
import { formatSeconds } from "../format-text.ts";
import { otherLocation, otherPasswordWish, passwordWish } from "../open-repository.ts";
import { openStoreFor } from "../open-store.ts";
import type { PasswordWish } from "../password.ts";
import { runCopy, type CopyFlags } from "./copy.ts";
import { runMirror, type MirrorFlags } from "./mirror.ts";

/** Flags of `watch copy` and `watch mirror` beside those of what they run. */
interface WatchFlags {
  /** Milliseconds. */
  readonly interval?: number;
}

const INTERVAL_MS = 5 * 60_000;

/** `watch copy`: copy whenever there is a new snapshot in the repository of `--from-repo`. */
export async function runWatchCopy(
  context: Context,
  _args: readonly string[],
  flags: CopyFlags & WatchFlags,
): Promise<ExitCode> {
  refuseQuestions([passwordWish(context), otherPasswordWish(context, flags)]);
  return watch(context, flags, (inner) => runCopy(inner, [], { ...flags, unattended: true }));
}

/** `watch mirror`: mirror whenever there is one. */
export async function runWatchMirror(
  context: Context,
  _args: readonly string[],
  flags: MirrorFlags & WatchFlags,
): Promise<ExitCode> {
  refuseQuestions([otherPasswordWish(context, flags, true)]);
  return watch(context, flags, (inner) => runMirror(inner, [], { ...flags, unattended: true }));
}

/** Until a signal ends it, which is how it is meant to end. */
async function watch(
  context: Context,
  flags: CopyFlags & WatchFlags,
  run: (context: Context) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { output, signal } = context;
  const location = await otherLocation(context, flags);
  await watchSnapshots({
    list: () => withOwnStores(context, (inner) => listSnapshotNames(inner, location)),
    work: async () => void (await withOwnStores(context, run)),
    intervalMs: flags.interval ?? INTERVAL_MS,
    signal,
    onFailure: (error, retryMs) => {
      const text = error instanceof Error ? error.message : String(error);
      const message = expectedCode(error) === undefined ? `unexpected error: ${text}` : text;
      const again = `trying again in ${formatSeconds(retryMs / 1000)}`;
      output.warnMessage(`${message}; ${again}`, { message_type: "error", message });
    },
  });
  return EXIT.ok;
}

/** A store that stayed open might not survive the night; each look and each run opens its own, and closes them. */
async function withOwnStores<T>(
  context: Context,
  work: (context: Context) => Promise<T>,
): Promise<T> {
  const closing: (() => Promise<void>)[] = [];
  const inner = {
    ...context,
    traffic: [],
    atEnd: (end: () => Promise<void>) => void closing.push(end),
  };
  try {
    return await work(inner);
  } finally {
    for (const close of closing.reverse()) await close().catch(() => undefined);
  }
}

async function listSnapshotNames(context: Context, location: string): Promise<string[]> {
  const backend = await openStoreFor(context, location);
  const names: string[] = [];
  for await (const { name } of backend.list("snapshot", { signal: context.signal })) {
    names.push(name);
  }
  return names;
}

/** Nobody is there to answer when it runs the next time. */
function refuseQuestions(wishes: readonly PasswordWish[]): void {
  const isKnown = (wish: PasswordWish): boolean =>
    wish.isEmpty || [wish.file, wish.command, wish.text].some((given) => given !== undefined);
  if (wishes.every(isKnown)) return;
  throw new TsbakError(
    "invalid-argument",
    "Cannot watch: a password would have to be typed for every run; give all of them by files, commands or the environment",
  );
}
