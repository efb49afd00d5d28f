import { Semaphore } from "../async/semaphore.ts";
import type { Backend } from "./backend.ts";
import { wrapCalls } from "./wrap-calls.ts";

/**
 * The same store with at most `connections` calls at once; others wait in the order they came. A listing holds its
 * place only while the store is asked for the next file, so that a loop over it may make calls of its own. Locks wait for nobody, as in
 * restic: one that is not refreshed in time, because large packs are under way, would be lost.
 */
export function withLimit(backend: Backend, connections: number): Backend {
  const semaphore = new Semaphore(connections);
  const limited = wrapCalls(backend, ({ ref }, options) => ({
    options,
    run: async (work) => {
      if (ref?.kind === "lock") return work();
      const release = await semaphore.acquire(options?.signal);
      try {
        return await work();
      } finally {
        release();
      }
    },
  }));
  return { ...limited, connections };
}
