import { createRequire } from "node:module";

interface Koffi {
  load(path: null): { func(prototype: string): (...args: readonly number[]) => number };
}

/** Parameters of mallopt(3). */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;

/** With one, threads would wait for each other wherever they ask for memory. */
const ARENAS = 2;
const LARGE_SIZE = 256 << 10;
/** How often what is free between pieces in use goes back as well. */
const TRIM_MS = 1000;

/**
 * Have the C library keep little memory that nobody uses, in the whole process, from now on: two arenas instead of
 * one for each of a dozen threads, and large pieces apart, so that they go back to the system at once. Left to itself, glibc
 * raises its idea of "large" to 32 MiB with the first piece of that size that is freed, which deriving a key does.
 *
 * For programs of their own, not for libraries; does nothing without koffi or glibc.
 */
export function keepNativeMemorySmall(): void {
  if (process.platform !== "linux") return;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    const library = koffi.load(null);
    const mallopt = library.func("int mallopt(int parameter, int value)");
    const trim = library.func("int malloc_trim(size_t rest)");
    mallopt(M_ARENA_MAX, ARENAS);
    mallopt(M_MMAP_THRESHOLD, LARGE_SIZE);
    mallopt(M_TRIM_THRESHOLD, LARGE_SIZE);
    setInterval(trim, TRIM_MS, 0).unref();
  } catch {
    // It goes on with more memory.
  }
}
