import { TsbakError } from "../errors.ts";
import { readFully } from "../fs/read-fully.ts";
import type { PackBytes } from "./verify-protocol.ts";

/** Where the bytes of a pack come from. Offsets are those in the pack. */
export interface PackSource {
  /** Where the bytes end that can be read. */
  readonly end: number;
  /** The bytes from `start` to before `end`, good until the next call; fewer if there are no more. */
  read(start: number, end: number): Uint8Array<ArrayBuffer>;
}

/**
 * What a task may be checked from: memory, or an open file, of which no more is read at once than is wanted, so that it is
 * still in the processor's cache when it is used. `memory` is asked for room.
 */
export function openPackSource(
  bytes: PackBytes,
  memory: (size: number) => Uint8Array<ArrayBuffer>,
): PackSource {
  if ("descriptor" in bytes) {
    const { descriptor, size } = bytes;
    return { end: size, read: (start, end) => readFile(descriptor, start, Math.min(end, size)) };
  }
  const { start: first, memory: all } = bytes;
  return {
    end: first + all.length,
    read: (start, end) => all.subarray(start - first, end - first),
  };

  function readFile(descriptor: number, start: number, end: number): Uint8Array<ArrayBuffer> {
    const length = Math.max(end - start, 0);
    const into = memory(length);
    if (readFully(descriptor, into, length, start) < length) {
      throw new TsbakError("unavailable", "Cannot read pack: its file became shorter meanwhile");
    }
    return into.subarray(0, length);
  }
}
