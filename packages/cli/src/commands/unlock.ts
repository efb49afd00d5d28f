import { removeLocks } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount } from "../format-text.ts";
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
  if (removed > 0) context.output.say(`successfully removed ${formatCount(removed, "lock")}`);
  return EXIT.ok;
}
