import type { Machine, ProcessIdentity } from "../fs/machine.ts";
import { ignoringRefusals, type StateFolder } from "../fs/state-folder.ts";
import { isId } from "../bytes/hex.ts";

const PREFIX = "own-lock-";
/** Locks of this process so far, for the names of their records. */
let count = 0;

/** A lock of a process of this machine, which it did not remove. */
export interface LeftLock {
  readonly process: ProcessIdentity;
  /** Location of the store that it was in, which may have several; undefined if that is not known. */
  readonly place: string | undefined;
  /** Names of its files, some of which may never have been written. */
  readonly names: readonly string[];
  /** To be called when they are removed. */
  forget(): void;
}

/**
 * Which locks are those of processes here: a small file of local state for each, so that those of processes that died can be told
 * from all others. The host name in a lock does not say it: cloned machines and containers may have the same.
 *
 * A mirror has the same local state as what it mirrors, so a record tells the place of its lock, too.
 *
 * Where there is no local state, or it cannot be written, nothing is known and nothing is lost but that.
 */
export class OwnLockRecords {
  readonly #state: StateFolder | undefined;
  readonly #machine: Machine;

  constructor(state: StateFolder | undefined, machine: Machine) {
    this.#state = state;
    this.#machine = machine;
  }

  /** For a new lock in the store at `place`: a function that is told the names of all files that it may have, none at the end. */
  open(place: string): (names: readonly string[]) => void {
    const state = this.#state;
    const self = state === undefined ? undefined : this.#machine.self;
    if (state === undefined || self === undefined) return () => undefined;
    const file = `${PREFIX}${self.pid}-${self.start}-${count++}`;
    return (names) => {
      const text = JSON.stringify({ ...self, place, names });
      // It is of no use after the machine has started again, so it need not survive that.
      const write = (): void => state.write(file, Buffer.from(text), { durable: false });
      ignoringRefusals(() => (names.length === 0 ? state.remove(file) : write()));
    };
  }

  /** The locks of processes that certainly ended. Records of earlier starts of the machine are removed. */
  left(): LeftLock[] {
    const state = this.#state;
    const boot = state === undefined ? undefined : this.#machine.boot;
    if (state === undefined || boot === undefined) return [];
    const left: LeftLock[] = [];
    ignoringRefusals(() => {
      for (const file of state.names().filter((name) => name.startsWith(PREFIX))) {
        const forget = (): void => ignoringRefusals(() => state.remove(file));
        const record = decodeRecord(state.read(file));
        if (record === undefined || record.process.boot !== boot) forget();
        else if (this.#machine.isGone(record.process)) left.push({ ...record, forget });
      }
    });
    return left;
  }
}

function decodeRecord(bytes: Uint8Array | undefined): Omit<LeftLock, "forget"> | undefined {
  try {
    const { names, place, ...self } = JSON.parse(String(bytes)) as Omit<LeftLock, "process"> &
      ProcessIdentity;
    const { boot, pidSpace, pid, start } = self;
    if (!Array.isArray(names) || !names.every(isId) || typeof pid !== "number") return undefined;
    return { process: { boot, pidSpace, pid, start }, place, names };
  } catch {
    return undefined;
  }
}
