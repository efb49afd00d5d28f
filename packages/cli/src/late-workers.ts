/**
 * Threads for one command that are started while the key is derived, which takes one core and leaves the others idle. Before that they
 * would be in the way of what has to be loaded to ask the store for the key.
 */
export class LateWorkers<Pool extends { close(): Promise<void> }> {
  readonly #begin: () => Pool;
  #pool: Pool | undefined;

  constructor(begin: () => Pool) {
    this.#begin = begin;
  }

  /** Undefined before they are started. */
  get pool(): Pool | undefined {
    return this.#pool;
  }

  /** To be called when the key begins to be derived, once or for each key. */
  readonly start = (): void => {
    this.#pool ??= this.#begin();
  };

  /** Whatever came of the command. */
  async close(): Promise<void> {
    await this.#pool?.close();
  }
}
