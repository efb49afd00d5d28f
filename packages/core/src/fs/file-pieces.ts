import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { readFully } from "./read-fully.ts";
import { isSystemError } from "./system-error.ts";

const PIECE_SIZE = 4 << 20;

/**
 * The contents of a regular file in pieces; each is valid until the next is asked for. Nothing for what is no file, is not there or cannot
 * be read any further. `path` as bytes, with `/` in front. Blocks while it reads.
 */
export function* filePieces(path: Uint8Array): Generator<Uint8Array> {
  const fd = openIfThere(path);
  if (fd === undefined) return;
  try {
    if (!fstatSync(fd).isFile()) return;
    const piece = new Uint8Array(PIECE_SIZE);
    for (let offset = 0, length; (length = readFully(fd, piece, PIECE_SIZE, offset)) > 0;) {
      yield piece.subarray(0, length);
      offset += length;
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
  } finally {
    closeSync(fd);
  }
}

function openIfThere(path: Uint8Array): number | undefined {
  try {
    // A pipe would wait for somebody who writes to it.
    return openSync(Buffer.from(path), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
