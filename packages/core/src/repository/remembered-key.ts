import { isId } from "../bytes/hex.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { ignoringRefusals, StateFolder } from "../fs/state-folder.ts";

/** Below the base folder of local state, a file for each location, named by its hash. */
const FOLDER = "opened";

/**
 * Which key file opened the repository at a location last, so that next time it is read at once instead of being looked for. Its name says
 * nothing of the password. What cannot be remembered is looked for again.
 */
export class RememberedKey {
  /** Undefined if none is remembered. */
  readonly name: string | undefined;
  readonly #state: StateFolder | undefined;
  readonly #file: string;

  /** @param base As `stateDirectory` gives it; undefined to remember nothing. */
  constructor(base: string | undefined, location: string) {
    this.#state = base === undefined ? undefined : new StateFolder(base, FOLDER);
    this.#file = sha256Hex(Buffer.from(location));
    this.name = this.#read();
  }

  /** Remember this one. */
  note(name: string): void {
    if (name === this.name) return;
    ignoringRefusals(() =>
      this.#state?.write(this.#file, Buffer.from(`${name}\n`), { durable: false }),
    );
  }

  #read(): string | undefined {
    const text = ignoringRefusals(() => this.#state?.read(this.#file))
      ?.toString("latin1")
      .trim();
    return text !== undefined && isId(text) ? text : undefined;
  }
}
