import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Where names come from; the system's own places unless given. */
export interface OwnerSources {
  readonly passwd?: string | undefined;
  readonly group?: string | undefined;
  /** Ask for one id that the files do not have; undefined if nobody knows it. */
  readonly lookUp?: ((database: "passwd" | "group", id: number) => string | undefined) | undefined;
}

/** After so many ids that nobody knows, the rest of that database is taken as unknown: each question starts a program. */
export const MOST_UNKNOWN = 64;

/**
 * Names of users and groups, read once from the system's files; an id that is not there (a directory service) is
 * looked up once. An id without a name has the name "", as restic stores it.
 */
export class OwnerNames {
  readonly #users: NameTable;
  readonly #groups: NameTable;

  constructor(sources: OwnerSources = {}) {
    const lookUp = sources.lookUp ?? askSystem;
    this.#users = new NameTable(sources.passwd ?? "/etc/passwd", 4, (id) => lookUp("passwd", id));
    this.#groups = new NameTable(sources.group ?? "/etc/group", 3, (id) => lookUp("group", id));
  }

  user(uid: number): string {
    return this.#users.nameOf(uid);
  }

  group(gid: number): string {
    return this.#groups.nameOf(gid);
  }
}

class NameTable {
  readonly #names: Map<number, string>;
  readonly #lookUp: (id: number) => string | undefined;
  #unknown = 0;

  constructor(path: string, leastFields: number, lookUp: (id: number) => string | undefined) {
    this.#names = new Map(readOwners(path, leastFields).map(({ id, name }) => [id, name]));
    this.#lookUp = lookUp;
  }

  nameOf(id: number): string {
    let name = this.#names.get(id);
    if (name !== undefined) return name;
    const found = this.#unknown < MOST_UNKNOWN ? this.#lookUp(id) : undefined;
    if (found === undefined) this.#unknown++;
    name = found ?? "";
    this.#names.set(id, name);
    return name;
  }
}

/** A user or group. */
export interface Owner {
  readonly name: string;
  readonly id: number;
}

/**
 * `name:password:id:...`, one a line (passwd(5), group(5)), the last line first: the first one of an id or name wins, as in libc, where
 * a map is made of them.
 */
export function readOwners(path: string, leastFields: number): Owner[] {
  const owners: Owner[] = [];
  for (const line of readLines(path)) {
    const fields = line.split(":");
    const [name = "", , id = ""] = fields;
    // A leading + or - includes another database; # begins a comment.
    if (fields.length < leastFields || name === "" || /^[+\-#]/.test(name)) continue;
    if (/^\d+$/.test(id)) owners.push({ name, id: Number(id) });
  }
  return owners.reverse();
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    // No such file on this system: ids stay without names, which is no reason to fail a backup.
    return [];
  }
}

function askSystem(database: "passwd" | "group", id: number): string | undefined {
  return askForOwner(database, String(id))?.[0];
}

/** The fields of a user or group, wherever the system has it from; undefined if it has none. `key` is an id or a name. */
export function askForOwner(database: "passwd" | "group", key: string): string[] | undefined {
  try {
    const output = execFileSync("getent", ["--", database, key], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
    });
    return output.trimEnd().split(":");
  } catch {
    return undefined;
  }
}
