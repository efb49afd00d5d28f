import type { Backend } from "../backend/backend.ts";
import { wrapCalls, type Passage } from "../backend/wrap-calls.ts";
import type { HeldLock } from "./held-lock.ts";

/** What is written to a repository while locks are held on it waits until they are certain. */
export class ConfirmedWrites {
  readonly #locks = new Set<HeldLock>();

  /** From now on writes wait while this lock is in doubt, and fail when it is lost, until it is released. */
  add(lock: HeldLock): void {
    for (const other of this.#locks) if (other.isReleased) this.#locks.delete(other);
    this.#locks.add(lock);
  }

  /**
   * The same store, where files are written and removed only under certain locks; but for the locks themselves, and for what
   * was under way already.
   */
  guard(backend: Backend): Backend {
    return wrapCalls(backend, ({ method, ref }, options): Passage => {
      const isGuarded = (method === "write" || method === "remove") && ref?.kind !== "lock";
      if (!isGuarded) return { options, run: (work) => work() };
      return {
        options,
        run: async (work) => {
          await this.confirm();
          return work();
        },
      };
    });
  }

  /** Make sure that all locks are held. */
  async confirm(): Promise<void> {
    for (const lock of this.#locks) if (lock.isDoubtful) await lock.confirm();
  }
}
