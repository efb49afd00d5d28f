import type { Output } from "./output.ts";

/** Handed on when so many characters wait. */
const LARGEST_WAIT = 1 << 16;

/** Prints a JSON list in one line, piece by piece, so that a long one takes no memory. */
export class JsonList {
  readonly #output: Output;
  #waiting = "[";
  #isEmpty = true;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Another item, or the beginning of one. */
  add(text: string): void {
    this.append(this.#isEmpty ? text : `,${text}`);
    this.#isEmpty = false;
  }

  /** More of the item that was added last. */
  append(text: string): void {
    this.#waiting += text;
    if (this.#waiting.length >= LARGEST_WAIT) this.#flush();
  }

  /** The end of the list. */
  close(): void {
    this.append("]\n");
    this.#flush();
  }

  #flush(): void {
    this.#output.printBytes(Buffer.from(this.#waiting));
    this.#waiting = "";
  }
}
