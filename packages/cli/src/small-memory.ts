import v8 from "node:v8";
import { keepNativeMemorySmall } from "@tsbak/core";

/**
 * Keep small, in every thread and from now on, whatever else than the engine's own memory grows while it works: space for new
 * objects, old objects that nobody needs any more, and what native code allocates.
 */
export function keepMemorySmall(): void {
  // Otherwise the space for new objects grows to 100 MiB beside an engine that keeps hardly any of them.
  v8.setFlagsFromString("--semi-space-growth-factor=1");
  // Threads that start later collect from 16 MiB on, not from hundreds.
  v8.setFlagsFromString("--initial-old-space-size=16");
  // The next collection comes when a tenth has been added, where V8 would wait for up to four times as much.
  v8.setFlagsFromString("--heap-growing-percent=10");
  keepNativeMemorySmall();
}
