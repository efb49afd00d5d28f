import { removeLocks } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { openNamedRepository } from "../open-repository.ts";

/** Flags of `unlock`. */
export interface UnlockFlags {
  readonly removeAll?: boolean;
}

/** `unlock`: remove stale locks, or all. */
export async function runUnlock(
  context: Context,
  _args: readonly string[],
  flags: UnlockFlags,
): Promise<ExitCode> {
  const repository = await openNamedRepository(context);
  const all = flags.removeAll ?? false;
  const removed = await removeLocks(repository, { all, signal: context.signal });
  // As restic says it, "1 locks" too: scripts look for it.
  if (removed > 0) context.output.say(`successfully removed ${removed} locks`);
  return EXIT.ok;
}
