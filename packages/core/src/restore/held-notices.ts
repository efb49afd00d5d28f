import type { RestoreNotice } from "./progress.ts";

/** Holds back what a restore tells until it is certain that it goes on. Nobody hears of one that does not. */
export class HeldNotices {
  readonly #onEvent: (notice: RestoreNotice) => void;
  #held: RestoreNotice[] | undefined = [];

  constructor(onEvent: (notice: RestoreNotice) => void) {
    this.#onEvent = onEvent;
  }

  tell(notice: RestoreNotice): void {
    if (this.#held === undefined) this.#onEvent(notice);
    else this.#held.push(notice);
  }

  /** Tell what was held back, in its order, and everything else at once from now on. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const notice of held) this.#onEvent(notice);
  }
}
