import { askForOwner, MOST_UNKNOWN, readOwners } from "./owners.ts";

/** Where ids come from; the system's own places unless given. */
export interface OwnerIdSources {
  readonly passwd?: string | undefined;
  readonly group?: string | undefined;
  /** Ask for one name that the files do not have; undefined if nobody knows it. */
  readonly lookUp?:
    ((database: "passwd" | "group", name: string) => number | undefined) | undefined;
}

/** What no system takes for a name, and a program that is asked for it might take for something else. */
const NO_NAME = /^$|^-|^\d+$|[\0\n:]/;

/**
 * Ids of users and groups on this machine by their names, read once from the system's files; a name that is not there (a directory
 * service) is looked up once. A name that this machine does not know stands for the id that was recorded with it.
 */
export class OwnerIds {
  readonly #users: IdTable;
  readonly #groups: IdTable;

  constructor(sources: OwnerIdSources = {}) {
    const lookUp = sources.lookUp ?? askSystem;
    this.#users = new IdTable(sources.passwd ?? "/etc/passwd", 4, (name) => lookUp("passwd", name));
    this.#groups = new IdTable(sources.group ?? "/etc/group", 3, (name) => lookUp("group", name));
  }

  user(name: string, recorded: number): number {
    return this.#users.idOf(name) ?? recorded;
  }

  group(name: string, recorded: number): number {
    return this.#groups.idOf(name) ?? recorded;
  }
}

class IdTable {
  readonly #ids: Map<string, number | undefined>;
  readonly #lookUp: (name: string) => number | undefined;
  #unknown = 0;

  constructor(path: string, leastFields: number, lookUp: (name: string) => number | undefined) {
    this.#ids = new Map(readOwners(path, leastFields).map(({ name, id }) => [name, id]));
    this.#lookUp = lookUp;
  }

  idOf(name: string): number | undefined {
    if (this.#ids.has(name)) return this.#ids.get(name);
    const isAsked = !NO_NAME.test(name) && this.#unknown < MOST_UNKNOWN;
    const found = isAsked ? this.#lookUp(name) : undefined;
    if (isAsked && found === undefined) this.#unknown++;
    this.#ids.set(name, found);
    return found;
  }
}

function askSystem(database: "passwd" | "group", name: string): number | undefined {
  const [found, , id = ""] = askForOwner(database, name) ?? [];
  return found === name && /^\d+$/.test(id) ? Number(id) : undefined;
}
