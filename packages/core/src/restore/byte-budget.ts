/** Bounds the memory of things under way: each takes its size, and waits for the others while the sum is too large. */
export class ByteBudget {
  #free: number;
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
    this.#free = limit;
  }

  /** Wait until `size` bytes are free and take them. More than the limit is let in alone. */
  async take(size: number): Promise<void> {
    while (this.#free < Math.min(size, this.#limit)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#free -= size;
  }

  give(size: number): void {
    this.#free += size;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
