/** Memory of packs that have been stored, on its way back to the workers that fill new ones. */
export class SpareMemory {
  #buffer: ArrayBuffer | undefined;

  /** Give memory back. Only one buffer is kept: more would only be memory that waits. */
  put(memory: ArrayBuffer): void {
    this.#buffer = memory;
  }

  /** The buffer, to be transferred with a task, or nothing. */
  take(): readonly ArrayBuffer[] {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    return buffer === undefined ? [] : [buffer];
  }
}
