import { TsbakError } from "../../errors.ts";
import { readFully } from "../../fs/read-fully.ts";
import type { PackBytes, PackFile } from "./verify-protocol.ts";

/** Where the bytes of a pack come from. Offsets are those in the pack. */
export interface PackSource {
  /** Where the bytes end that can be read. */
  readonly end: number;
  /** The bytes from `start` to before `end`, good until the next call; fewer if there are no more. */
  read(start: number, end: number): Uint8Array<ArrayBuffer>;
}

/**
 * What a task may be checked from: memory, or an open file, of which no more is read at once than is wanted, so that it is
 * still in the processor's cache when it is used. `memory` is asked for room that begins with a page.
 */
export function openPackSource(
  bytes: PackBytes,
  memory: (size: number) => Uint8Array<ArrayBuffer>,
): PackSource {
  if ("descriptor" in bytes) return new FileSource(bytes, memory);
  const { start: first, memory: all } = bytes;
  return {
    end: first + all.length,
    read: (start, end) => all.subarray(start - first, end - first),
  };
}

class FileSource implements PackSource {
  readonly end: number;
  readonly #file: PackFile;
  readonly #memory: (size: number) => Uint8Array<ArrayBuffer>;

  constructor(file: PackFile, memory: (size: number) => Uint8Array<ArrayBuffer>) {
    this.end = file.size;
    this.#file = file;
    this.#memory = memory;
  }

  read(start: number, end: number): Uint8Array<ArrayBuffer> {
    if (start >= this.end) return new Uint8Array(0);
    const { descriptor, alignment } = this.#file;
    const head = start % alignment;
    const wanted = head + Math.max(Math.min(end, this.end) - start, 0);
    const whole = Math.ceil(wanted / alignment) * alignment;
    const into = this.#memory(whole);
    if (readFully(descriptor, into, whole, start - head, wanted) < wanted) {
      throw new TsbakError("unavailable", "Cannot read pack: its file became shorter meanwhile");
    }
    return into.subarray(head, wanted);
  }
}
