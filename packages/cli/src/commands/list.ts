import { TsbakError, type FileKind } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { openNamedRepository } from "../open-repository.ts";
import { withLock } from "../with-lock.ts";

const KINDS: Readonly<Record<string, FileKind>> = {
  packs: "pack",
  index: "index",
  snapshots: "snapshot",
  keys: "key",
  locks: "lock",
};

/** `list`: names of files, or type and id of blobs. */
export async function runList(context: Context, args: readonly string[]): Promise<ExitCode> {
  const { output } = context;
  const what = args[0] ?? "";
  if (what !== "blobs" && !Object.hasOwn(KINDS, what)) {
    throw new TsbakError(
      "invalid-argument",
      `Cannot list "${what}": there is no such type; use blobs, packs, index, snapshots, keys or locks`,
    );
  }
  const repository = await openNamedRepository(context);
  const list = async (signal: AbortSignal): Promise<void> => {
    const kind = KINDS[what];
    if (kind !== undefined) {
      const names = await repository.listNames(kind, { signal });
      for (const name of names.sort()) output.print(name);
      return;
    }
    const index = await repository.loadIndex({ signal });
    index.forEach(({ type, id }) => output.print(`${type} ${id}`));
  };
  // Our own lock would be among the locks.
  if (what === "locks") await list(context.signal);
  else await withLock(context, repository, { readOnly: true }, list);
  return EXIT.ok;
}
