/** How far a verification has come. */
export interface VerifyEvent {
  readonly kind: "progress";
  /** Packs read in full, of those that will be. */
  readonly packsDone: number;
  readonly packsTotal: number;
  /** Bytes read, of all that will be: whole packs and trees. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Trees checked, of all that the index lists. */
  readonly treesDone: number;
  readonly treesTotal: number;
}

const INTERVAL_MS = 100;

/** Counts, and tells at most ten times a second. */
export class VerifyProgress {
  packsDone = 0;
  packsTotal = 0;
  bytesDone = 0;
  bytesTotal = 0;
  treesDone = 0;
  treesTotal = 0;
  readonly #onEvent: ((event: VerifyEvent) => void) | undefined;
  #last = 0;

  constructor(onEvent: ((event: VerifyEvent) => void) | undefined) {
    this.#onEvent = onEvent;
  }

  /** To be called after a change. */
  tick(): void {
    const now = performance.now();
    if (now - this.#last < INTERVAL_MS) return;
    this.#last = now;
    this.end();
  }

  /** Tell the final state. */
  end(): void {
    const { packsDone, packsTotal, bytesDone, bytesTotal, treesDone, treesTotal } = this;
    this.#onEvent?.({
      kind: "progress",
      packsDone,
      packsTotal,
      bytesDone,
      bytesTotal,
      treesDone,
      treesTotal,
    });
  }
}
