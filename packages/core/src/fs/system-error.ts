/** True for an error that the operating system gave, not a fault of ours. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "errno" in error && "syscall" in error;
}

/**
 * What the operating system said, in a few words without the path: `permission denied (EACCES)`. Anything that is not
 * a system error is thrown on: a fault of ours must not pass for an unreadable file.
 */
export function describeSystemError(error: unknown): string {
  if (!isSystemError(error)) throw error;
  const words = /^[A-Z0-9]+: ([^,]*)/.exec(error.message)?.[1] ?? error.message;
  return `${words} (${error.code ?? "unknown"})`;
}
