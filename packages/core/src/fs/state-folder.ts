/**
 * What this machine remembers of repositories besides caching them: when packs were verified, which locks were seen, labels of keys.
 * It may be lost or deleted at any time, and nothing may depend on it; but unlike the cache, nothing can bring it back.
 *
 * Small files, each replaced as a whole, in a folder for each repository that only its owner may read.
 *
 * @module
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { isTsbakError, TsbakError } from "../errors.ts";
import { makeFolders } from "./make-folders.ts";
import { describeSystemError, isSystemError } from "./system-error.ts";
import { writeFully } from "./write-file.ts";

const TEMPORARY_END = ".new";

/** The base folder of local state: `$TSBAK_STATE_DIR`, or `tsbak` in what the system has for state (XDG base directories). */
export function stateDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment["TSBAK_STATE_DIR"];
  if (named) return named;
  const home = environment["HOME"] || homedir();
  if (process.platform === "darwin") return join(home, "Library", "Application Support", "tsbak");
  if (process.platform === "win32") {
    return join(environment["LOCALAPPDATA"] || join(home, "AppData", "Local"), "tsbak", "state");
  }
  const state = environment["XDG_STATE_HOME"];
  // The XDG specification: a relative path is to be ignored.
  return join(state && isAbsolute(state) ? state : join(home, ".local", "state"), "tsbak");
}

/** The local state of one repository. Calls block: the files are small. */
export class StateFolder {
  readonly #path: string;

  /** `base` as `stateDirectory` gives it; `id` is the repository's, from its config. Nothing is made before the first `write`. */
  constructor(base: string, id: string) {
    this.#path = join(base, id);
  }

  /** The contents of a file; undefined if there is none. @throws {TsbakError} `denied` if it cannot be read. */
  read(name: string): Buffer<ArrayBuffer> | undefined {
    try {
      return readFileSync(join(this.#path, name));
    } catch (error) {
      if (isSystemError(error) && error.code === "ENOENT") return undefined;
      throw this.#failure("read", name, error);
    }
  }

  /**
   * Replace a file, or make it. After a crash it holds the old bytes or the new ones, but after one of the whole machine only if
   * `durable` is not false. Of two processes that do so at once, the later one wins.
   *
   * @throws {TsbakError} `denied` if it cannot be written, `no-space`.
   */
  write(name: string, bytes: Uint8Array, options: { readonly durable?: boolean } = {}): void {
    try {
      makeFolders(this.#path);
      replace(join(this.#path, name), bytes, options.durable ?? true);
    } catch (error) {
      throw this.#failure("write", name, error);
    }
  }

  /** Names of all files. @throws {TsbakError} `denied` if the folder cannot be read. */
  names(): string[] {
    try {
      return readdirSync(this.#path).filter((name) => !name.endsWith(TEMPORARY_END));
    } catch (error) {
      if (isSystemError(error) && error.code === "ENOENT") return [];
      throw this.#failure("list", "", error);
    }
  }

  /** Remove a file. One that is not there is no error. @throws {TsbakError} `denied` if it cannot be removed. */
  remove(name: string): void {
    try {
      rmSync(join(this.#path, name), { force: true });
    } catch (error) {
      throw this.#failure("remove", name, error);
    }
  }

  #failure(verb: string, name: string, error: unknown): TsbakError {
    const isFull = isSystemError(error) && /^(ENOSPC|EDQUOT)$/.test(error.code ?? "");
    return new TsbakError(
      isFull ? "no-space" : "denied",
      `Cannot ${verb} local state ${join(this.#path, name)}: ${describeSystemError(error)}; ` +
        "check the folder, or name another by TSBAK_STATE_DIR",
      { cause: error },
    );
  }
}

/** For what is only remembered to spare work: undefined where local state cannot be read or written. */
export function ignoringRefusals<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isTsbakError(error)) throw error;
    return undefined;
  }
}

function replace(path: string, bytes: Uint8Array, durable: boolean): void {
  const temporary = `${path}.${process.pid}${TEMPORARY_END}`;
  try {
    writeNew(temporary, bytes, durable);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeNew(path: string, bytes: Uint8Array, durable: boolean): void {
  const fd = openSync(path, "w", 0o600);
  try {
    writeFully(fd, bytes, 0);
    if (durable) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
