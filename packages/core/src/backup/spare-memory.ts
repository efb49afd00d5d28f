/** Memory of packs that have been stored, on its way back to the workers that fill new ones. */
export class SpareMemory {
  #buffers: ArrayBuffer[] = [];

  /** Give memory back. More than a few buffers are not kept. */
  put(memory: ArrayBuffer): void {
    if (this.#buffers.length < 4) this.#buffers.push(memory);
  }

  /** One buffer, to be transferred with a task, or none. */
  take(): readonly ArrayBuffer[] {
    return this.#buffers.splice(0, 1);
  }
}
