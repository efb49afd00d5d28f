import { Semaphore } from "../async/semaphore.ts";
import type { Backend, FileInfo, FileKind } from "./backend.ts";
import { passedOn } from "./passed-on.ts";

/**
 * The same store with at most `connections` calls at once; others wait in the order they came. A listing holds its
 * place only while the store is asked for the next file, so that a loop over it may make calls of its own.
 */
export function withLimit(backend: Backend, connections: number): Backend {
  const semaphore = new Semaphore(connections);

  async function limited<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    const release = await semaphore.acquire(signal);
    try {
      return await call();
    } finally {
      release();
    }
  }

  async function* list(kind: FileKind, signal: AbortSignal | undefined): AsyncIterable<FileInfo> {
    const files = backend.list(kind, { signal })[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await limited(signal, () => files.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await files.return?.();
    }
  }

  return {
    location: backend.location,
    connections,
    create: (options) => limited(options?.signal, () => backend.create(options)),
    write: (ref, bytes, options) =>
      limited(options?.signal, () => backend.write(ref, bytes, options)),
    read: (ref, range, options) =>
      limited(options?.signal, () => backend.read(ref, range, options)),
    stat: (ref, options) => limited(options?.signal, () => backend.stat(ref, options)),
    list: (kind, options) => list(kind, options?.signal),
    remove: (ref, options) => limited(options?.signal, () => backend.remove(ref, options)),
    ...passedOn(backend),
  };
}
