import type { CallOptions } from "../backend/backend.ts";
import type { Repository } from "./repository.ts";
import { findSnapshot, type SnapshotFilter, type SnapshotSelection } from "./snapshots.ts";

/**
 * Find a snapshot as `findSnapshot` does, while the index is loaded, which then knows all that the snapshot needs. A failure of the index is met
 * where it is needed.
 *
 * The index must be listed later than the snapshot (see `Repository.loadIndex`); so it is at once for one that was there when the
 * snapshots were listed early.
 *
 * @throws {TsbakError} what `findSnapshot` throws.
 */
export async function findWithIndex(
  repository: Repository,
  text: string,
  filter: SnapshotFilter,
  options: CallOptions,
): Promise<SnapshotSelection> {
  const early = await repository.early?.snapshotNames();
  const begin = (): Promise<unknown> => repository.loadIndex(options).catch(() => undefined);
  const loading = early === undefined ? undefined : begin();
  const onListed = early === undefined ? (): void => void begin() : undefined;
  const found = await findSnapshot(repository, text, filter, { ...options, onListed });
  if (loading !== undefined && early?.includes(found.id) !== true) {
    await loading;
    repository.dropIndex();
  }
  return found;
}
