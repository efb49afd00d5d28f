import { forEachConcurrent } from "../async/map-concurrent.ts";
import { isTsbakError } from "../errors.ts";
import { REMOVED_AT_ONCE, type Backend, type FileRef, type RemoveFailure } from "./backend.ts";

/** How files are removed. */
export interface RemoveFilesOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called whenever files are gone, with their number since the last call. */
  readonly onRemoved?: ((count: number) => void) | undefined;
}

/**
 * Remove any number of files: many with one request where the store can, else one by one, as many at once as the store serves well. Removing one
 * that is not there succeeds. Files that the store refuses to remove (`denied`, and whatever else concerns the one file) do not keep the others from being
 * removed; they are given back.
 *
 * The files go in no particular order: where some must be gone before others, call it once for each step.
 *
 * @throws {TsbakError} `unavailable` or `interrupted` when it makes no sense to go on; any of the files may be gone then.
 */
export async function removeFiles(
  backend: Backend,
  refs: readonly FileRef[],
  options: RemoveFilesOptions = {},
): Promise<readonly RemoveFailure[]> {
  const failures: RemoveFailure[] = [];
  if (!(await removeByBatches(backend, refs, failures, options)))
    await removeSingly(backend, refs, failures, options);
  return failures;
}

/** False if that is not possible; then nothing was removed. The first batch shows whether it is. */
async function removeByBatches(
  backend: Backend,
  refs: readonly FileRef[],
  failures: RemoveFailure[],
  { signal, onRemoved }: RemoveFilesOptions,
): Promise<boolean> {
  const removeMany = backend.removeMany?.bind(backend);
  // Every server knows how to remove one.
  if (removeMany === undefined || refs.length < 2) return false;
  const remove = async (batch: readonly FileRef[], stop?: AbortSignal): Promise<void> => {
    const failed = await removeMany(batch, { signal: stop });
    failures.push(...failed);
    onRemoved?.(batch.length - failed.length);
  };
  const [first = [], ...others] = batchesOf(refs);
  try {
    await remove(first, signal);
  } catch (error) {
    if (isTsbakError(error, "unsupported")) return false;
    throw error;
  }
  await forEachConcurrent(others, remove, { concurrency: backend.connections, signal });
  return true;
}

function batchesOf(refs: readonly FileRef[]): readonly (readonly FileRef[])[] {
  const count = Math.ceil(refs.length / REMOVED_AT_ONCE);
  return Array.from({ length: count }, (_, at) =>
    refs.slice(at * REMOVED_AT_ONCE, (at + 1) * REMOVED_AT_ONCE),
  );
}

async function removeSingly(
  backend: Backend,
  refs: readonly FileRef[],
  failures: RemoveFailure[],
  { signal, onRemoved }: RemoveFilesOptions,
): Promise<void> {
  await forEachConcurrent(
    refs,
    async (ref, stop) => {
      try {
        await backend.remove(ref, { signal: stop });
        onRemoved?.(1);
      } catch (error) {
        if (!isTsbakError(error)) throw error;
        if (error.code === "unavailable" || error.code === "interrupted") throw error;
        failures.push({ ref, error });
      }
    },
    { concurrency: backend.connections, signal },
  );
}
