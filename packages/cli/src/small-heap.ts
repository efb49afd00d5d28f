import v8 from "node:v8";
import { keepNativeMemorySmall } from "@tsbak/core";

/**
 * Keep the space for new JavaScript objects small from now on, in every thread. Otherwise it grows to 100 MiB beside an
 * engine that keeps hardly any of them.
 */
export function keepHeapSmall(): void {
  v8.setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Keep small whatever else than the engine's own memory grows while it works: space for new objects, old objects that
 * nobody needs any more, and what native code allocates.
 */
export function keepMemorySmall(): void {
  keepHeapSmall();
  // Threads that start later collect from 16 MiB on, not from hundreds.
  v8.setFlagsFromString("--initial-old-space-size=16");
  // The next collection comes when a fifth has been added, where V8 would wait for up to four times as much.
  v8.setFlagsFromString("--heap-growing-percent=20");
  keepNativeMemorySmall();
}
