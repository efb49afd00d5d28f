import type { Clock } from "../async/clock.ts";
import type { CallOptions } from "../backend/backend.ts";
import { sealLock } from "./lock-files.ts";
import { writeSealed, type UnpackedContext } from "./unpacked.ts";

/** What a lock of ours is kept with. */
export interface LockKeeping {
  readonly context: UnpackedContext;
  readonly exclusive: boolean;
  readonly clock: Clock;
  /** Called with the names of all files that may be there: before one is written, and after some were removed. */
  readonly note: (names: readonly string[]) => void;
}

/** One lock of ours in the store: a file that is never changed, only replaced. */
export class OwnLockFile {
  readonly #keeping: LockKeeping;
  /** Of the lock, and of files whose writing or removal nobody confirmed. */
  readonly #names = new Set<string>();

  constructor(keeping: LockKeeping) {
    this.#keeping = keeping;
  }

  /** Names of all files that may be there. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** Write a new file, beside those that are there. Returns its name. */
  async write(options?: CallOptions): Promise<string> {
    const { context, exclusive, clock } = this.#keeping;
    const file = sealLock(context, exclusive, clock.wall());
    this.#names.add(file.name);
    this.#keeping.note(this.names);
    try {
      await writeSealed(context, file, options);
    } catch (error) {
      // It may be there all the same. If nobody can be asked to remove it now, it is removed later.
      await this.remove(file.name).catch(() => undefined);
      throw error;
    }
    return file.name;
  }

  /** Remove one of the files. */
  async remove(name: string, options?: CallOptions): Promise<void> {
    await this.#keeping.context.backend.remove({ kind: "lock", name }, options);
    this.#names.delete(name);
    this.#keeping.note(this.names);
  }

  /** Remove all files but one, or all. */
  async removeBut(name: string | undefined, options?: CallOptions): Promise<void> {
    for (const other of this.names) if (other !== name) await this.remove(other, options);
  }
}
