import type { Backend, CallOptions } from "../../backend/backend.ts";
import { removeFiles } from "../../backend/remove-files.ts";

/** How packs are removed. */
export interface RemovePacksOptions extends CallOptions {
  /** Called whenever packs are gone, with their number since the last call. */
  readonly onRemoved: (count: number) => void;
  readonly onWarning: (message: string) => void;
}

/** @throws {TsbakError} If any of these index files stays: then all packs that it lists have to stay as well. */
export async function removeIndex(
  backend: Backend,
  names: Iterable<string>,
  { signal }: CallOptions,
): Promise<void> {
  const refs = Array.from(names, (name) => ({ kind: "index", name }) as const);
  const [failure] = await removeFiles(backend, refs, { signal });
  if (failure !== undefined) throw failure.error;
}

/** Returns how many packs could not be removed, which does no harm. */
export async function removePacks(
  backend: Backend,
  names: readonly string[],
  { signal, onRemoved, onWarning }: RemovePacksOptions,
): Promise<number> {
  const refs = names.map((name) => ({ kind: "pack", name }) as const);
  const failures = await removeFiles(backend, refs, { signal, onRemoved });
  for (const { ref, error } of failures) {
    onWarning(`cannot remove pack ${ref.name}: ${error.message}`);
  }
  return failures.length;
}
