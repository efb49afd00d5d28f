import type { CallOptions } from "../../backend/backend.ts";
import { isTsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { emptyTrash, graceSnapshots } from "../../repository/trash.ts";
import type { MarkScene } from "./mark-used.ts";

/**
 * What a prune does about snapshots that were forgotten: it spares those in grace, and takes the others out of the trash when their data is
 * gone. All goes by one moment, so that nothing leaves the trash whose data was spared. Nothing that is wrong with the trash stops
 * a prune.
 */
export class TrashCare {
  readonly #repository: Repository;
  readonly #warn: (message: string) => void;
  readonly #nowMs = Date.now();

  constructor(repository: Repository, warn: (message: string) => void) {
    this.#repository = repository;
    this.#warn = warn;
  }

  /** The snapshots that are to be spared. */
  listGrace(call: CallOptions): Promise<readonly SnapshotEntry[]> {
    const onDamaged = (name: string, { message }: Error): void =>
      this.#warn(`trash ${name.slice(0, 8)} is left out: ${message}`);
    return graceSnapshots(this.#repository, { ...call, nowMs: this.#nowMs, onDamaged });
  }

  /** The root trees of these snapshots, for `markUsed`. Another program's prune may have taken some of what they need. */
  sceneOf(entries: readonly SnapshotEntry[]): Pick<MarkScene, "spared" | "onSpareFailure"> {
    return {
      spared: entries.map(({ snapshot }) => snapshot.tree),
      onSpareFailure: (_, { message }) =>
        this.#warn(`a forgotten snapshot is spared in part only: ${message}`),
    };
  }

  /** Remove from the trash what is past its grace. Whoever may not is told. */
  async empty({ signal }: CallOptions): Promise<void> {
    try {
      await emptyTrash(this.#repository, { signal, nowMs: this.#nowMs });
    } catch (error) {
      if (!isTsbakError(error) || error.code === "interrupted") throw error;
      this.#warn(`the trash is not emptied: ${error.message}`);
    }
  }
}
