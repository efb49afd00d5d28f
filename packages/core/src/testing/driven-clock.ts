import { interruptedError, throwIfAborted } from "../async/interrupted.ts";
import type { Clock } from "../async/clock.ts";

interface Alarm {
  /** By the steady clock. */
  due: number;
  readonly everyMs: number | undefined;
  readonly ring: () => void;
}

/** Turns of the event loop in which what an alarm set off can do its work before time goes on. */
const TURNS = 20;
/** How long, in real time, work may go on without asking for the time. */
const MOST_IDLE = 500;
const IDLE_MS = 4;

/** A clock that stands still until a test lets time pass. */
export class DrivenClock implements Clock {
  #wall: number;
  #steady = 1000;
  #slept = 0;
  readonly #alarms = new Set<Alarm>();

  constructor(wall: number = Date.parse("2026-08-01T12:00:00Z")) {
    this.#wall = wall;
  }

  wall(): number {
    return this.#wall;
  }

  steady(): number {
    return this.#steady;
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    await new Promise<void>((resolve, reject) => {
      const alarm = this.#set(milliseconds, undefined, resolve);
      const abort = (): void => {
        this.#alarms.delete(alarm);
        reject(interruptedError(signal as AbortSignal));
      };
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  every(milliseconds: number, work: () => void): () => void {
    const alarm = this.#set(milliseconds, milliseconds, work);
    return () => void this.#alarms.delete(alarm);
  }

  /** Let so many milliseconds pass, with all that falls due in them. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#steady + milliseconds;
    await this.#settle();
    for (let alarm = this.#next(end); alarm !== undefined; alarm = this.#next(end)) {
      this.#goTo(Math.max(alarm.due, this.#steady));
      if (alarm.everyMs === undefined) this.#alarms.delete(alarm);
      else alarm.due += alarm.everyMs;
      alarm.ring();
      await this.#settle();
    }
    this.#goTo(end);
    await this.#settle();
  }

  /** Let time pass, at most so many milliseconds, until the work has come to its end. */
  async passUntil<T>(work: Promise<T>, atMost: number): Promise<T> {
    let isDone = false;
    const end = (): void => void (isDone = true);
    work.then(end, end);
    const limit = this.#steady + atMost;
    await this.#settle();
    for (let idle = 0; !isDone;) {
      const alarm = this.#next(limit);
      if (alarm !== undefined) await this.pass(Math.max(alarm.due - this.#steady, 0));
      // It waits for something else, such as a disk.
      else if (++idle < MOST_IDLE) await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      else throw new Error("The work did not end in time");
    }
    return work;
  }

  /** Milliseconds since the clock began, sleep included. */
  sinceBoot(): number {
    return this.#steady + this.#slept;
  }

  /** The machine sleeps: the steady clock and all alarms stand still. */
  suspend(milliseconds: number): void {
    this.#wall += milliseconds;
    this.#slept += milliseconds;
  }

  /** Somebody sets the wall clock, forwards or back. */
  shiftWall(milliseconds: number): void {
    this.#wall += milliseconds;
  }

  #set(milliseconds: number, everyMs: number | undefined, ring: () => void): Alarm {
    const alarm = { due: this.#steady + milliseconds, everyMs, ring };
    this.#alarms.add(alarm);
    return alarm;
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.due <= end && (first === undefined || alarm.due < first.due)) first = alarm;
    }
    return first;
  }

  #goTo(steady: number): void {
    this.#wall += steady - this.#steady;
    this.#steady = steady;
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}
