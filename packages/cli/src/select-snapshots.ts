import {
  byTime,
  findSnapshot,
  isTsbakError,
  listSnapshots,
  TsbakError,
  type Repository,
  type SnapshotEntry,
} from "@tsbak/core";
import type { Context } from "./context.ts";
import { printable } from "./format-text.ts";
import type { FilterFlags } from "./options.ts";
import { snapshotFilter } from "./snapshot-filter.ts";

/**
 * The snapshots that a command is about, oldest first: those named, else all that fit the filter. A name that means nothing, and a
 * snapshot that cannot be read, is reported and left out.
 */
export async function selectSnapshots(
  context: Context,
  repository: Repository,
  names: readonly string[],
  { flags, signal }: { readonly flags: FilterFlags; readonly signal: AbortSignal },
): Promise<SnapshotEntry[]> {
  const { output } = context;
  const filter = snapshotFilter(flags, context.environment);
  if (names.length === 0) {
    const onDamaged = (id: string, error: Error): void =>
      output.warn(`snapshot ${id.slice(0, 8)} is left out: ${error.message}`);
    return listSnapshots(repository, filter, { signal, onDamaged });
  }
  const found = new Map<string, SnapshotEntry>();
  for (const name of names) {
    try {
      const entry = await findSnapshot(repository, name, filter, { signal });
      if (entry.subPath !== "") throw noFolders();
      found.set(entry.id, entry);
    } catch (error) {
      if (!isTsbakError(error, "not-found") && !isTsbakError(error, "invalid-argument"))
        throw error;
      output.warn(`Ignoring "${printable(name)}": ${error.message}`);
    }
  }
  const isFiltered = [flags.host, flags.tag, flags.path].some((flag) => flag !== undefined);
  if (isFiltered && !names.includes("latest")) {
    output.warn("Ignoring the filters: snapshots are named");
  }
  return [...found.values()].sort(byTime);
}

function noFolders(): TsbakError {
  return new TsbakError("invalid-argument", "a folder cannot be named here, only a snapshot");
}
