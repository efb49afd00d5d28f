import type { Machine, ProcessIdentity } from "../fs/machine.ts";
import type { DrivenClock } from "./driven-clock.ts";

/** A machine whose processes and starts a test decides on. */
export class DrivenMachine implements Machine {
  boot = "boot-1";
  /** Processes that have ended, by `pid-start`. */
  readonly gone: Set<string> = new Set();
  /** When this process began. */
  start = "100";
  readonly #clock: DrivenClock;

  constructor(clock: DrivenClock) {
    this.#clock = clock;
  }

  get self(): ProcessIdentity {
    return { boot: this.boot, pidSpace: "space", pid: process.pid, start: this.start };
  }

  uptime(): number {
    return this.#clock.sinceBoot();
  }

  isGone({ boot, pid, start }: ProcessIdentity): boolean {
    return boot === this.boot && this.gone.has(`${pid}-${start}`);
  }

  /** This process ends, and the next one has its number. */
  die(): void {
    this.gone.add(`${process.pid}-${this.start}`);
    this.start = String(Number(this.start) + 1);
  }
}
