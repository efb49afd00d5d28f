/** Whether anything may be written, which is not certain from the beginning. */
export interface WritePermission {
  /** Resolves when it is; rejects with what `mayWrite` rejects with. */
  readonly mayWrite: Promise<void>;
  /** Aborted when it may not. */
  readonly refused: AbortSignal;
}

/** Wait for permission in the background; without `mayWrite` it is there. A refusal is told to `onRefused` after `refused` and before the promise. */
export function writePermission(
  mayWrite: Promise<void> | undefined,
  onRefused: () => void,
): WritePermission {
  const refused = new AbortController();
  const settled = Promise.resolve(mayWrite).catch((error: unknown) => {
    refused.abort();
    onRefused();
    throw error;
  });
  // It is awaited when something is to be written.
  settled.catch(() => undefined);
  return { mayWrite: settled, refused: refused.signal };
}
