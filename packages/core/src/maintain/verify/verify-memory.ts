import type { Clock } from "../../async/clock.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import type { StateFolder } from "../../fs/state-folder.ts";
import { PackLedger, type PackNames } from "./pack-ledger.ts";

const FILE = "verified-packs";
/** What was read counts even if the process is killed: it is written down so often. */
const SAVE_MS = 60_000;

/** The ledger of packs in local state. Without that, or where it cannot be read, all packs count as never read. */
export class VerifyMemory {
  readonly ledger: PackLedger;
  /** Why the ledger could not be read or written; the verification goes on without. */
  problem: TsbakError | undefined;
  readonly #state: StateFolder | undefined;
  readonly #clock: Clock;
  #savedAt: number;

  /** `reads` says whether packs are to be read in this run. */
  constructor(state: StateFolder | undefined, names: PackNames, clock: Clock, reads: boolean) {
    this.#state = state;
    this.#clock = clock;
    this.#savedAt = clock.steady();
    const bytes = this.#try(() => state?.read(FILE));
    this.ledger = new PackLedger(names, bytes, { now: this.now(), reads });
    this.save();
  }

  /** Seconds since 1970. */
  now(): number {
    return Math.floor(this.#clock.wall() / 1000);
  }

  /** Write down what was noted so far, if that was not done for a while. */
  saveSometimes(): void {
    if (this.#clock.steady() - this.#savedAt >= SAVE_MS) this.save();
  }

  /** Write down what was noted, if anything was. */
  save(): void {
    if (!this.ledger.isChanged) return;
    this.#savedAt = this.#clock.steady();
    this.#try(() => this.#state?.write(FILE, this.ledger.encode()));
  }

  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isTsbakError(error)) throw error;
      this.problem = error;
      return undefined;
    }
  }
}
