import { TsbakError } from "@tsbak/core";

import { headerOf } from "./transport.ts";
import type { HttpHeaders } from "./transport.ts";
import { memoryFor } from "../memory-for.ts";
import { dropPiece } from "./spent-pieces.ts";

/** The number of bytes that a response announces (RFC 9110, section 8.6); undefined if it does not, as where it comes in chunks. */
export function contentLength(headers: HttpHeaders): number | undefined {
  const text = headerOf(headers, "content-length");
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Puts the pieces of a response's body together, in lent memory if that is long enough for what is announced. */
export class ResponseBody {
  readonly #announced: number | undefined;
  readonly #memory: Uint8Array<ArrayBuffer> | undefined;
  readonly #pieces: Uint8Array[] = [];
  #received = 0;

  constructor(announced: number | undefined, into: ArrayBuffer | undefined) {
    this.#announced = announced;
    this.#memory = announced === undefined ? undefined : memoryFor(announced, into);
  }

  /**
   * The piece is given up: its memory may be gone with the next turn.
   *
   * @throws {TsbakError} `unavailable` if this is more than was announced.
   */
  add(piece: Uint8Array): void {
    const end = this.#received + piece.length;
    if (this.#memory === undefined) {
      this.#pieces.push(piece);
    } else {
      if (end > this.#memory.length) throw this.#wrongLength("more");
      this.#memory.set(piece, this.#received);
      dropPiece(piece);
    }
    this.#received = end;
  }

  /**
   * All bytes, when no more will come.
   *
   * @throws {TsbakError} `unavailable` if they are fewer than was announced.
   */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#memory === undefined) return joined(this.#pieces, this.#received);
    if (this.#received < this.#memory.length) throw this.#wrongLength("fewer");
    return this.#memory;
  }

  #wrongLength(how: string): TsbakError {
    return new TsbakError(
      "unavailable",
      `the server sent ${how} bytes than the ${this.#announced} that it announced`,
    );
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = memoryFor(length, undefined);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
