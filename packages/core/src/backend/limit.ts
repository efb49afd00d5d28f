import { Semaphore } from "../async/semaphore.ts";
import type { Backend } from "./backend.ts";
import { wrapCalls } from "./wrap-calls.ts";

/**
 * The same store with at most `connections` calls at once; others wait in the order they came. A listing holds its
 * place only while the store is asked for the next file, so that a loop over it may make calls of its own.
 */
export function withLimit(backend: Backend, connections: number): Backend {
  const semaphore = new Semaphore(connections);
  const limited = wrapCalls(backend, (_, options) => ({
    options,
    run: async (work) => {
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
