/**
 * Everything that restore does below its target, without ever leaving it: not by names in the repository (`..`,
 * slashes), not by symlinks that a snapshot holds, not by symlinks that somebody puts in place of a directory
 * meanwhile. See `rooted-paths.ts` for how.
 *
 *   (1) Directories are byte paths relative to the root, `a/b`, empty for the root itself.
 *   (2) Names are single components; everything else is refused as `corrupt`.
 *   (3) No call follows a symlink below the root.
 *   (4) Calls are synchronous and throw the system's error (`code` is `EACCES`, `ENOSPC`, ...) unless said otherwise.
 *
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";

import { TsbakError } from "../errors.ts";
import { equalBytes } from "../bytes/compare.ts";
import { hasDefaultAcl, removeDefaultAcl } from "./default-acl.ts";
import { readDirectory } from "./directory.ts";
import { MetadataSetter } from "./metadata.ts";
import type { EntryMetadata } from "./metadata.ts";
import { NewFiles } from "./new-files.ts";
import { joinPath, nodePath, printablePath } from "./path.ts";
import { loadPosix } from "./posix.ts";
import type { SpecialType } from "./posix.ts";
import { checkName, RootedPaths } from "./rooted-paths.ts";
import type { RootedPathsOptions } from "./rooted-paths.ts";
import { setKeptFlags } from "./set-flags.ts";
import { statFile } from "./stat.ts";
import type { FileStat } from "./stat.ts";

/** How the directory is used; the defaults fit. */
export interface RootedDirectoryOptions extends RootedPathsOptions {
  readonly metadata?: MetadataSetter | undefined;
}

const SLASH = 0x2f;
const OWNER_ONLY = 0o600;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** See the module comment for the rules. Holds up to 256 directories open; `close` lets them go. */
export class RootedDirectory {
  readonly #paths: RootedPaths;
  readonly #metadata: MetadataSetter;
  /** Where nobody else makes anything. */
  readonly #newFiles: NewFiles | undefined;
  /** Open files that have been made with the owner and mode that they are to have. */
  readonly #right = new Set<number>();
  /** What is made in the root gets an ACL from it, which is nowhere else so: `makeDirectory` sees to that. */
  readonly givesAcl: boolean;

  /** `root` must be a directory. */
  constructor(root: Uint8Array, options: RootedDirectoryOptions = {}) {
    this.givesAcl = hasDefaultAcl(root);
    // Between two threads a directory could give its ACL on before it is taken away.
    const makesMissing = options.makesMissing === true && !this.givesAcl;
    this.#paths = new RootedPaths(root, { ...options, makesMissing });
    this.#metadata = options.metadata ?? new MetadataSetter();
    this.#newFiles = this.makesMissing ? new NewFiles() : undefined;
  }

  /** Directories that are not there are made when something in them is named. */
  get makesMissing(): boolean {
    return this.#paths.makesMissing;
  }

  /** False if times lose what is below a microsecond here; worth telling once. */
  get keepsNanoseconds(): boolean {
    return this.#metadata.keepsNanoseconds;
  }

  /** False where `/proc` is missing, so that a directory swapped at the wrong instant could lead outside. */
  get isSafe(): boolean {
    return this.#paths.isSafe;
  }

  /**
   * Make a directory and the parents it lacks, for the owner only. What stands there and is no directory goes. A default ACL
   * that stands there goes, too, before it is given on to what is made in the directory. False if the directory was there.
   */
  makeDirectory(dir: Uint8Array): boolean {
    if (dir.length === 0) return false;
    const slash = dir.lastIndexOf(SLASH);
    // Absolute, which no name is.
    if (slash === 0) checkName(dir);
    const parent = dir.subarray(0, Math.max(slash, 0));
    const name = dir.subarray(slash + 1);
    let path: Uint8Array;
    try {
      path = this.#path(parent, name);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" && !isDenied(error)) throw error;
      this.makeDirectory(parent);
      path = this.#path(parent, name);
    }
    let isNew = isDone(() => mkdirSync(nodePath(path), 0o700));
    if (!isNew && !lstatSync(nodePath(path)).isDirectory()) {
      unlinkSync(nodePath(path));
      mkdirSync(nodePath(path), 0o700);
      isNew = true;
    }
    if (!isNew || this.givesAcl) removeDefaultAcl(path);
    return isNew;
  }

  /**
   * Create a file for the owner only and open it for writing; `closeCreated` closes it. What stands there is removed first, so that other
   * names of it keep their contents; a directory only if it is empty. Where it is known what `finishFile` will be asked for, `metadata`
   * spares it most of the work.
   */
  createFile(dir: Uint8Array, name: Uint8Array, metadata?: EntryMetadata): number {
    const isRight = metadata !== undefined && this.#newFiles?.areRight(metadata) === true;
    const quick = this.#paths.createFile(dir, name, isRight ? metadata.mode & 0o777 : OWNER_ONLY);
    if (quick >= 0) {
      this.#newFiles?.learn(quick);
      if (isRight) this.#right.add(quick);
      return quick;
    }
    const path = this.#path(dir, name);
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    let fd = -1;
    if (isDone(() => (fd = openSync(nodePath(path), flags, OWNER_ONLY)))) return fd;
    this.#clear(path);
    return openSync(nodePath(path), flags, OWNER_ONLY);
  }

  /** Close what `createFile` opened. Throws the system's error, which for some network file systems is that of an earlier write. */
  closeCreated(fd: number): void {
    this.#right.delete(fd);
    if (!this.#paths.closeFile(fd)) closeSync(fd);
  }

  /**
   * Open a file that `createFile` made for writing more of it.
   *
   * @throws {TsbakError} `denied` if it is no regular file any more, or has other names, which may lie outside.
   */
  openForWrite(dir: Uint8Array, name: Uint8Array): number {
    return this.#openOwn(dir, name, O_WRONLY);
  }

  /** The same for a file that was there before, and to be read too. */
  openForUpdate(dir: Uint8Array, name: Uint8Array): number {
    return this.#openOwn(dir, name, O_RDWR);
  }

  /** The same for a file that was there before, and that only gets its metadata. */
  openForFinish(dir: Uint8Array, name: Uint8Array): number {
    return this.#openOwn(dir, name, O_RDONLY);
  }

  #openOwn(dir: Uint8Array, name: Uint8Array, access: number): number {
    const fd = this.#openFile(dir, name, access);
    const stats = fstatSync(fd);
    if (stats.nlink === 1) return fd;
    closeSync(fd);
    throw notOurs(name, "it has other names, which may lie outside the target");
  }

  /** Open a regular file for reading. @throws {TsbakError} `denied` if it is none. */
  openForRead(dir: Uint8Array, name: Uint8Array): number {
    return this.#openFile(dir, name, O_RDONLY);
  }

  /** Make a symlink with these bytes as its target, in place of what stands there. */
  symlink(dir: Uint8Array, name: Uint8Array, target: Uint8Array): void {
    const path = this.#path(dir, name);
    const make = (): void => symlinkSync(nodePath(target), nodePath(path));
    if (isDone(make)) return;
    this.#clear(path);
    make();
  }

  /**
   * Make a fifo or device in place of what stands there, for the owner only. False where this cannot be done at all,
   * because the C library cannot be called.
   */
  makeNode(dir: Uint8Array, name: Uint8Array, type: SpecialType, device: bigint): boolean {
    const posix = loadPosix();
    if (posix === undefined) return false;
    const path = this.#path(dir, name);
    const make = (): void => posix.makeNode(path, type, device);
    if (isDone(make)) return true;
    this.#clear(path);
    make();
    return true;
  }

  /** Give the entry `from` a second name, in place of what stands there. A symlink is linked itself. */
  link(fromDir: Uint8Array, fromName: Uint8Array, dir: Uint8Array, name: Uint8Array): void {
    if (equalBytes(fromDir, dir) && equalBytes(fromName, name)) {
      throw new RangeError("Cannot link an entry to itself");
    }
    const from = this.#path(fromDir, fromName);
    const path = this.#paths.path(dir, name);
    const make = (): void => linkSync(nodePath(from), nodePath(path));
    if (isDone(make)) return;
    this.#clear(path);
    make();
  }

  /** Give a file another name in its directory, at once in place of what stands there; of directories only an empty one goes. */
  rename(dir: Uint8Array, from: Uint8Array, name: Uint8Array): void {
    const path = this.#path(dir, name);
    const old = this.#paths.path(dir, from);
    try {
      renameSync(nodePath(old), nodePath(path));
    } catch (error) {
      if (errnoOf(error) !== "EISDIR") throw error;
      rmdirSync(nodePath(path));
      renameSync(nodePath(old), nodePath(path));
    }
  }

  /** Remove an entry that is no directory; nothing there is no error. */
  unlink(dir: Uint8Array, name: Uint8Array): void {
    try {
      unlinkSync(nodePath(this.#path(dir, name)));
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  /** Remove an empty directory. */
  removeDirectory(dir: Uint8Array, name: Uint8Array): void {
    const path = this.#path(dir, name);
    rmdirSync(nodePath(path));
    this.#paths.forget(joinPath(dir, name));
  }

  /** What stands there, or undefined. */
  stat(dir: Uint8Array, name: Uint8Array): FileStat | undefined {
    try {
      return statFile(this.#path(dir, name));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Bytes that whoever is not root could still write to the disk of the root. */
  freeSpace(): number {
    const { bavail, bsize } = statfsSync(nodePath(this.#paths.directory(new Uint8Array(0))));
    return bavail * bsize;
  }

  /** The names in a directory, as `readDirectory` gives them. */
  list(dir: Uint8Array): Uint8Array[] {
    this.#paths.trim();
    return readDirectory(this.#paths.directory(dir));
  }

  /**
   * Give an entry its owner, attributes, mode and times. For directories after everything in them is done. Gives what the
   * system refused, as bits of `REFUSED`.
   *
   * @throws {TsbakError} `denied` if a symlink stands there and none was expected.
   */
  setMetadata(
    dir: Uint8Array,
    name: Uint8Array,
    metadata: EntryMetadata,
    options: { readonly isSymlink: boolean },
  ): number {
    const path = this.#path(dir, name);
    if (options.isSymlink) return this.#metadata.setSymlink(path, metadata);
    return this.#metadata.setEntry(path, metadata, this.#paths.isSafe);
  }

  /** The same for a directory, which is made if it is missing and missing ones are to be. */
  finishDirectory(dir: Uint8Array, name: Uint8Array, metadata: EntryMetadata): number {
    if (!this.makesMissing) return this.setMetadata(dir, name, metadata, { isSymlink: false });
    checkName(name);
    this.#paths.trim();
    return this.#metadata.setByDescriptor(this.#paths.descriptor(joinPath(dir, name)), metadata);
  }

  /** The same by the descriptor of a file that was just written, which is cheaper. Does not close it. */
  finishFile(fd: number, metadata: EntryMetadata): number {
    return this.#metadata.setByDescriptor(fd, metadata, this.#right.has(fd));
  }

  /**
   * Give a file or directory these of `KEPT_FLAGS`, and take the others. To be called last: an immutable entry takes nothing more. Gives
   * what was refused, as bits of `REFUSED`.
   */
  setFlags(dir: Uint8Array, name: Uint8Array, flags: number): number {
    const foreign = (): Error => notOurs(name, "something took its place");
    return setKeptFlags(this.#path(dir, name), flags, foreign);
  }

  /** Let all directories go. The object is of no use afterwards. */
  close(): void {
    this.#paths.close();
  }

  #path(dir: Uint8Array, name: Uint8Array): Uint8Array {
    this.#paths.trim();
    return this.#paths.path(dir, name);
  }

  /** Not blocking: a fifo put in the file's place must not hold us up. */
  #openFile(dir: Uint8Array, name: Uint8Array, access: number): number {
    const fd = openSync(nodePath(this.#path(dir, name)), access | O_NOFOLLOW | O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw notOurs(name, "it is no regular file");
  }

  #clear(path: Uint8Array): void {
    if (lstatSync(nodePath(path)).isDirectory()) rmdirSync(nodePath(path));
    else unlinkSync(nodePath(path));
  }
}

/** True if it was done, false if something is there already. */
function isDone(make: () => void): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    return false;
  }
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** A parent is no directory: `makeDirectory` replaces it. */
function isDenied(error: unknown): boolean {
  return errnoOf(error) === "denied";
}

function notOurs(name: Uint8Array, what: string): TsbakError {
  return new TsbakError("denied", `Cannot open "${printablePath(name)}": ${what}`);
}
