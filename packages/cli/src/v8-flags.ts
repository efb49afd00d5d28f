import v8 from "node:v8";
import { keepNativeMemorySmall } from "@tsbak/core";

/** A command that is over by then is not worth slowing down further. */
const LONG_MS = 2000;

/**
 * Keep small, in every thread and from now on, what grows beside the engine's own memory while it works: space for new objects,
 * and what native code allocates.
 */
export function keepMemorySmall(): void {
  // Otherwise the space for new objects grows to 100 MiB beside an engine that keeps hardly any of them.
  v8.setFlagsFromString("--semi-space-growth-factor=1");
  // Where there is so little to look at, waking other threads for it and waiting for them takes longer than looking.
  v8.setFlagsFromString("--no-parallel-scavenge");
  keepNativeMemorySmall();
}

/**
 * Beyond that, look for old objects that nobody needs any more long before V8 would by itself. Only where objects live
 * long and memory in large pieces is used again, as in a backup: each piece that is new brings the next search nearer.
 */
export function collectEarly(): void {
  // Threads that start later begin at 16 MiB, not at hundreds.
  v8.setFlagsFromString("--initial-old-space-size=16");
  // With 1 MiB for new objects they would be interrupted 150 times a second, and with 4 MiB need 8 MiB more each.
  v8.setFlagsFromString("--min-semi-space-size=2");
  // The next search comes when so much has been added, where V8 would wait for up to four times as much.
  v8.setFlagsFromString("--heap-growing-percent=40");
  setTimeout(() => v8.setFlagsFromString("--heap-growing-percent=10"), LONG_MS).unref();
}

/**
 * The same, and have V8 prefer little memory to the last bit of speed, in its heap and in the code that it makes. For what mostly waits for
 * native code, as a prune does: it takes 7 MiB less, and no more time.
 */
export function keepMemorySmallest(): void {
  keepMemorySmall();
  v8.setFlagsFromString("--optimize-for-size");
}

/**
 * Look for old objects only when memory is short, not again and again in the background: to V8 each piece of a pack that travels
 * between threads is new memory, which makes it search a hundred times for what is not there.
 */
export function collectSeldom(): void {
  v8.setFlagsFromString("--no-incremental-marking");
  // Threads that start later begin at 32 MiB, not at a quarter of that.
  v8.setFlagsFromString("--initial-old-space-size=32");
  v8.setFlagsFromString("--min-semi-space-size=2");
}

/**
 * Leave the most thorough of V8's compilers to what runs for long: in the first seconds it takes a twentieth of all processor time, once
 * in each thread, for code that mostly waits for native code.
 */
export function optimizeLate(): void {
  // Node 20 does not know these, and would say so.
  if (Number.parseInt(process.versions.v8, 10) < 12) return;
  v8.setFlagsFromString("--invocation-count-for-maglev=1500");
  v8.setFlagsFromString("--invocation-count-for-turbofan=30000");
}
