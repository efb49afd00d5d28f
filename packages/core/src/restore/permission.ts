/** Whether a restore goes on, which is not certain from the beginning. */
export interface Permission {
  /** Resolves when it does; rejects with what `mayWrite` rejects with. */
  readonly certain: Promise<void>;
  /** Aborted when it does not, before `certain` rejects. */
  readonly refused: AbortSignal;
}

/** Wait for permission in the background; without `mayWrite` it is there. */
export function awaitPermission(mayWrite: Promise<void> | undefined): Permission {
  const refused = new AbortController();
  const certain = Promise.resolve(mayWrite).catch((error: unknown) => {
    refused.abort();
    throw error;
  });
  // It is awaited at the end.
  certain.catch(() => undefined);
  return { certain, refused: refused.signal };
}
