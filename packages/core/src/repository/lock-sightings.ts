import type { Clock } from "../async/clock.ts";
import type { Machine } from "../fs/machine.ts";
import { ignoringRefusals, type StateFolder } from "../fs/state-folder.ts";

const FILE = "lock-sightings";
/** Those seen first are dropped. */
const MOST = 256;

/** When a lock was first seen. */
interface Sighting {
  readonly name: string;
  /** Which start of the machine that was in, and milliseconds since then, sleep included. */
  readonly boot: string;
  readonly uptime: number;
  readonly wall: number;
}

/**
 * Remembers in local state when this machine saw a lock for the first time. As a refresh is always a new file, a name that is
 * still there says that nobody has refreshed the lock since.
 *
 * Nothing is remembered across a start of the machine: only the wall clock spans it, which may have been wrong.
 */
export class LockSightings {
  readonly #state: StateFolder | undefined;
  readonly #machine: Machine;
  readonly #clock: Clock;

  constructor(state: StateFolder | undefined, machine: Machine, clock: Clock) {
    this.#state = state;
    this.#machine = machine;
    this.#clock = clock;
  }

  /** For each of these locks, how long ago it was first seen, in milliseconds at least; 0 for those that were not seen before. */
  note(names: readonly string[]): Map<string, number> {
    const boot = this.#machine.boot;
    const ages = new Map(names.map((name) => [name, 0]));
    if (this.#state === undefined || boot === undefined) return ages;
    const now = { boot, uptime: this.#machine.uptime(), wall: this.#clock.wall() };
    const known = this.#load().filter((sighting) => sighting.boot === boot);
    for (const { name, uptime, wall } of known) {
      // If the two disagree, somebody has set the clock, or this is a container that started anew.
      if (ages.has(name))
        ages.set(name, Math.max(0, Math.min(now.uptime - uptime, now.wall - wall)));
    }
    const added = names.filter((name) => !known.some((sighting) => sighting.name === name));
    if (added.length > 0) this.#save([...known, ...added.map((name) => ({ name, ...now }))]);
    return ages;
  }

  #load(): Sighting[] {
    try {
      const found = JSON.parse(String(this.#state?.read(FILE) ?? "[]")) as unknown;
      return Array.isArray(found) ? found.filter(isSighting) : [];
    } catch {
      // Damaged, or not to be read: then nothing was seen.
      return [];
    }
  }

  #save(sightings: readonly Sighting[]): void {
    const text = JSON.stringify(sightings.slice(-MOST));
    ignoringRefusals(() => this.#state?.write(FILE, Buffer.from(text)));
  }
}

function isSighting(value: unknown): value is Sighting {
  if (typeof value !== "object" || value === null) return false;
  const { name, boot, uptime, wall } = value as Partial<Record<keyof Sighting, unknown>>;
  const numbers = typeof uptime === "number" && typeof wall === "number";
  return numbers && typeof name === "string" && typeof boot === "string";
}
