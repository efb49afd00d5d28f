/** SIGINT and SIGTERM as an abort signal. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Stop everything for another reason: nobody reads our output any more. */
  abort(): void;
  /** Take the handlers away. */
  dispose(): void;
}

/**
 * Listen for signals: the first SIGINT or SIGTERM aborts, so that the operation can remove its lock; the second ends the
 * process at once. SIGHUP is ignored, as in restic: a lost connection does not end a backup.
 */
export function listenForSignals(onFirst: (name: string) => void): Interruption {
  const controller = new AbortController();
  const interrupt = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130);
    onFirst(name);
    controller.abort();
  };
  const ignore = (): void => undefined;
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt).on("SIGHUP", ignore);
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    dispose() {
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt).off("SIGHUP", ignore);
    },
  };
}
