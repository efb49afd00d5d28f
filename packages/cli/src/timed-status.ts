import type { Output } from "./output.ts";

/** One status line of any text, at a steady rate; nothing with `--json`. */
export class TimedStatus {
  readonly #output: Output;
  readonly #intervalMs: number | undefined;
  readonly #startMs = performance.now();
  #shownMs = 0;

  constructor(output: Output, intervalMs: number | undefined) {
    this.#output = output;
    this.#intervalMs = output.json ? undefined : intervalMs;
  }

  /** Show a line if it is time; it is made from the seconds since the start. */
  show(describe: (seconds: number) => string): void {
    const now = performance.now();
    if (this.#intervalMs === undefined || now - this.#shownMs < this.#intervalMs) return;
    this.#shownMs = now;
    const line = describe((now - this.#startMs) / 1000);
    if (this.#output.isTerminal) this.#output.status([line]);
    else this.#output.print(line);
  }

  /** Remove the line. */
  stop(): void {
    this.#output.status([]);
  }
}
