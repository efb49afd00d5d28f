import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync } from "node:fs";

import { TsbakError } from "../errors.ts";
import { joinPath, nodePath, printablePath, splitPath, toPathBytes } from "./path.ts";
import { loadPosix } from "./posix.ts";
import { isSystemError } from "./system-error.ts";

/** How directories are reached. */
export interface RootedPathsOptions {
  /** Most directories that stay open between calls; 256 unless given. */
  readonly openDirectories?: number | undefined;
  /** False for the slower, less safe way without `/proc`; found out unless given. */
  readonly useProc?: boolean | undefined;
  /** Make directories that are not there, for the owner only, when something in them is named. Not without `/proc`. */
  readonly makesMissing?: boolean | undefined;
}

const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;
const SLASH = 0x2f;
const ROOT = "";

/**
 * Names entries below a root by paths that cannot be led elsewhere.
 *
 * Each directory is opened once by its name in its open parent, never through a symlink, and an entry is named as
 * `/proc/self/fd/<directory>/<name>`: the kernel starts at the open directory itself (what openat(2) does), whatever
 * has been put in place of its parents meanwhile. Where `/proc` is not mounted each component is looked at before
 * every use instead, which leaves an instant for an attacker.
 *
 * Directories are byte paths relative to the root, `a/b`, empty for the root. A path that this class gives out is
 * good until the next call of `path`, except that two calls between calls of `trim` are good together.
 */
export class RootedPaths {
  /** Directories that are not there are made. */
  readonly makesMissing: boolean;
  readonly #root: Uint8Array;
  readonly #usesProc: boolean;
  readonly #limit: number;
  /** Open directories by their path as Latin-1, the least recently used first. */
  readonly #open = new Map<string, number>();
  readonly #rootDescriptor: number;
  readonly #creating = loadPosix()?.creating;
  /** Descriptors that `createFile` gave out. */
  readonly #created = new Set<number>();
  /** The directory whose names were looked at last. */
  #checked: Uint8Array | undefined;

  /** The root is a directory that exists; unlike those below, it may be reached through symlinks. */
  constructor(root: Uint8Array, options: RootedPathsOptions = {}) {
    this.#root = root;
    this.#limit = options.openDirectories ?? 256;
    this.#rootDescriptor = openSync(nodePath(root), DIRECTORY_FLAGS);
    this.#usesProc = options.useProc ?? existsSync(descriptorText(this.#rootDescriptor));
    this.makesMissing = this.#usesProc && options.makesMissing === true;
  }

  /** True if paths hold against directories that are replaced meanwhile. */
  get isSafe(): boolean {
    return this.#usesProc;
  }

  /**
   * A path for the system's calls. It names the entry itself: a call that follows symlinks must refuse to.
   *
   * @throws {TsbakError} `corrupt` for a name that is empty, `.`, `..`, or holds a slash or NUL.
   * @throws {TsbakError} `denied` if a symlink or file stands where a directory of the path should.
   */
  path(dir: Uint8Array, name: Uint8Array): Uint8Array {
    checkName(name);
    return joinPath(this.directory(dir), name);
  }

  /** The same for a directory itself. */
  directory(dir: Uint8Array): Uint8Array {
    if (this.#usesProc) return toPathBytes(`${descriptorText(this.descriptor(dir))}/`);
    this.#lookAtEach(dir);
    return dir.length === 0 ? this.#root : joinPath(this.#root, dir);
  }

  /** A directory as an open descriptor, good as long as a path. Only with `/proc`. */
  descriptor(dir: Uint8Array): number {
    return this.#descriptor(Buffer.from(dir.buffer, dir.byteOffset, dir.length).toString("latin1"));
  }

  /**
   * Create a file without opening its directory, and open it; `closeFile` closes it. The umask is taken from `mode`. -1 if that cannot be done,
   * for whatever reason: there are ways that take longer and tell why.
   *
   * @throws {TsbakError} `corrupt` as `path`, also for the names of the directory.
   */
  createFile(dir: Uint8Array, name: Uint8Array, mode: number): number {
    if (this.#creating === undefined || !this.#usesProc) return -1;
    checkName(name);
    if (this.#checked !== dir) namesIn(dir);
    this.#checked = dir;
    const fd = this.#creating.create(this.#rootDescriptor, dir, name, mode);
    if (fd >= 0) this.#created.add(fd);
    return fd;
  }

  /** Close a file; false if it was not opened by `createFile`. Throws the system's error. */
  closeFile(fd: number): boolean {
    if (!this.#created.delete(fd)) return false;
    this.#creating?.close(fd);
    return true;
  }

  /** Close directories beyond the limit. Called before each operation, not in it: its paths must stay good. */
  trim(): void {
    for (const [key, descriptor] of this.#open) {
      if (this.#open.size <= this.#limit) return;
      closeSync(descriptor);
      this.#open.delete(key);
    }
  }

  /** Forget a directory that is removed, and all below it. */
  forget(dir: Uint8Array): void {
    const key = Buffer.from(dir).toString("latin1");
    for (const [open, descriptor] of this.#open) {
      if (open !== key && !open.startsWith(`${key}/`)) continue;
      closeSync(descriptor);
      this.#open.delete(open);
    }
  }

  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
    closeSync(this.#rootDescriptor);
  }

  #descriptor(key: string): number {
    if (key === ROOT) return this.#rootDescriptor;
    const known = this.#open.get(key);
    if (known !== undefined) {
      this.#open.delete(key);
      this.#open.set(key, known);
      return known;
    }
    const slash = key.lastIndexOf("/");
    const parent = slash < 0 ? ROOT : key.slice(0, slash);
    const name = Buffer.from(key.slice(slash + 1), "latin1");
    checkName(name);
    if (slash === 0) throw badName(Buffer.from(key, "latin1"));
    const path = joinPath(toPathBytes(descriptorText(this.#descriptor(parent))), name);
    if (this.makesMissing) makeMissing(path);
    const descriptor = openDirectory(path, key);
    this.#open.set(key, descriptor);
    return descriptor;
  }

  #lookAtEach(dir: Uint8Array): void {
    let path = this.#root;
    for (const name of namesIn(dir)) {
      path = joinPath(path, name);
      if (!lstatSync(nodePath(path)).isDirectory()) throw noDirectory(path, undefined);
    }
  }
}

/** @throws {TsbakError} `corrupt` unless it names one entry of a directory. */
export function checkName(name: Uint8Array): void {
  const isDots = name.length <= 2 && name.every((byte) => byte === 0x2e);
  if (isDots || name.includes(SLASH) || name.includes(0)) throw badName(name);
}

/** @throws {TsbakError} `corrupt` unless all of them name one entry of a directory. */
function namesIn(dir: Uint8Array): Uint8Array[] {
  const names = splitPath(dir);
  const length = names.reduce((sum, name) => sum + name.length + 1, -1);
  if (dir.length > 0 && length !== dir.length) throw badName(dir);
  for (const name of names) checkName(name);
  return names;
}

/** Whatever else stands there is found out by who opens it. */
function makeMissing(path: Uint8Array): void {
  if (existsSync(nodePath(path))) return;
  try {
    mkdirSync(nodePath(path), 0o700);
  } catch (error) {
    if (!isSystemError(error) || error.code !== "EEXIST") throw error;
  }
}

function openDirectory(path: Uint8Array, key: string): number {
  try {
    return openSync(nodePath(path), DIRECTORY_FLAGS | constants.O_NOFOLLOW);
  } catch (error) {
    if (!isSystemError(error) || (error.code !== "ELOOP" && error.code !== "ENOTDIR")) throw error;
    throw noDirectory(Buffer.from(key, "latin1"), error);
  }
}

function descriptorText(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

function badName(name: Uint8Array): TsbakError {
  return new TsbakError(
    "corrupt",
    `Cannot restore "${printablePath(name)}": it is no name of a file, and would leave the target`,
  );
}

function noDirectory(path: Uint8Array, cause: unknown): TsbakError {
  return new TsbakError(
    "denied",
    `Cannot enter "${printablePath(path)}": it is no directory; something was put in its place`,
    { cause },
  );
}
