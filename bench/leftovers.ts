import { statfsSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { Workshop } from "../test/peers.ts";

/** ext4 does not reuse an inode that was removed less than five minutes ago, and searches past all of them. */
const REST_MS = 5.5 * 60_000;

/**
 * Folders of which nothing is needed any more, kept until everything is measured: for minutes after a large tree is
 * removed, creating files takes up to five times as long, and whoever restores next would pay for it.
 */
export class Leftovers {
  readonly #folder: string;
  readonly #log: (line: string) => void;
  readonly #workshops: Workshop[] = [];

  /** `folder` is on the disk whose room counts. */
  constructor(folder: string, log: (line: string) => void) {
    this.#folder = folder;
    this.#log = log;
  }

  keep(workshops: readonly Workshop[]): void {
    this.#workshops.push(...workshops);
  }

  /** See to it that so many bytes are free: if need be by removing what is kept, and waiting until that does no harm. */
  async makeRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = statfsSync(this.#folder);
    if (bavail * bsize >= bytes || this.#workshops.length === 0) return;
    this.#log(
      `The disk is nearly full: old folders are removed, then ${REST_MS / 60_000} minutes pass`,
    );
    this.remove();
    await wait(REST_MS);
  }

  remove(): void {
    for (const workshop of this.#workshops.splice(0)) workshop.close();
  }
}
