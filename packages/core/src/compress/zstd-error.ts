import { TsbakError } from "../errors.ts";

/** What each zstd throws at bytes that are no frame, or hold more or less than was promised. */
export function badFrame(reason: string, cause?: unknown): TsbakError {
  const message = `Cannot decompress zstd frame: ${reason}`;
  return new TsbakError("corrupt", message, cause === undefined ? undefined : { cause });
}

/** The error of a content that is not as long as promised. */
export function wrongLength(actual: number | "longer", promised: number): TsbakError {
  const is = actual === "longer" ? "longer" : `${actual} bytes`;
  return badFrame(`its content is ${is}, expected ${promised} bytes`);
}
