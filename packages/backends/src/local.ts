/**
 * A repository in a local folder, in restic's default layout with restic's file modes.
 *
 * A file comes to its name in this order, so that a crash at any instant leaves all of it or none:
 *
 *   (1) The bytes go to a temporary name in the same folder, which no listing shows.
 *   (2) They are synced, so that the name never refers to bytes that a power loss can take.
 *   (3) A hard link publishes them, which fails if the name exists (rename would replace it).
 *   (4) The folder is synced, because the name itself lives there.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import type { Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";

import {
  checkRange,
  checkRef,
  defaultLayoutPath,
  describeFile,
  FIRST_FOLDERS,
  isId,
  KIND_FOLDERS,
  makeFolders,
  throwIfAborted,
  TsbakError,
} from "@tsbak/core";
import type {
  Backend,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
  MisplacedPacks,
  OpenFile,
  ReadOptions,
  RemoveFailure,
} from "@tsbak/core";

import { writeDirectly } from "./direct-write.ts";
import { removeEmptyFolders } from "./empty-folders.ts";
import { errnoOf, localError } from "./local-error.ts";
import { LocalMisplacedPacks } from "./local-misplaced.ts";
import { removeLocalFiles } from "./local-remove.ts";
import { openLocalFile, readLocalFile } from "./local-read.ts";
import { syncFolder } from "./sync-folder.ts";

/** Modes of folders and files while they are made; files become read-only once they are complete. */
interface Modes {
  readonly folder: number;
  readonly file: number;
}

const PRIVATE: Modes = { folder: 0o700, file: 0o600 };
const SHARED_WITH_GROUP: Modes = { folder: 0o770, file: 0o660 };
const LINK_REFUSED = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]);

/** A repository below the folder `location`, which `create` makes if it is missing. */
export class LocalBackend implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly misplacedPacks: MisplacedPacks;
  #modes: Modes | undefined;

  constructor(location: string, connections = 2) {
    this.location = location;
    this.connections = connections;
    this.misplacedPacks = new LocalMisplacedPacks(location);
  }

  async create(options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    try {
      const { folder } = await this.#findModes();
      makeFolders(this.location, folder);
      for (const name of FIRST_FOLDERS) await this.#makeFolder(name, folder);
      for (let prefix = 0; prefix < 256; prefix++) {
        throwIfAborted(options.signal);
        await this.#makeFolder(join("data", prefix.toString(16).padStart(2, "0")), folder);
      }
    } catch (error) {
      throw localError(error, `Cannot create a repository in ${this.location}`);
    }
  }

  write(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    return this.#put(ref, bytes, publish, options);
  }

  replace(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    return this.#put(ref, bytes, fs.rename, options);
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    options: ReadOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    const path = this.#pathOf(ref);
    throwIfAborted(options.signal);
    try {
      return await readLocalFile(path, range, options.into);
    } catch (error) {
      throw localError(error, `Cannot read ${describeFile(ref)} from ${this.location}`);
    }
  }

  async openFile(ref: FileRef, options: CallOptions = {}): Promise<OpenFile> {
    const path = this.#pathOf(ref);
    throwIfAborted(options.signal);
    try {
      return await openLocalFile(path);
    } catch (error) {
      throw localError(error, `Cannot open ${describeFile(ref)} in ${this.location}`);
    }
  }

  async stat(ref: FileRef, options: CallOptions = {}): Promise<FileInfo> {
    const path = this.#pathOf(ref);
    throwIfAborted(options.signal);
    try {
      return { name: ref.name, size: (await fs.stat(path)).size };
    } catch (error) {
      throw localError(error, `Cannot read ${describeFile(ref)} from ${this.location}`);
    }
  }

  async *list(kind: FileKind, options: CallOptions = {}): AsyncIterable<FileInfo> {
    throwIfAborted(options.signal);
    if (kind === "config") {
      const stats = statsOfFile(join(this.location, "config"));
      if (stats !== undefined) yield { name: "", ...stats };
      return;
    }
    const top = join(this.location, KIND_FOLDERS[kind]);
    if (kind !== "pack") return yield* this.#listFolder(top, "", options.signal);
    for (const folder of await this.#readFolder(top)) {
      // What lies in a folder of another name would be listed but not found by read().
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      yield* this.#listFolder(join(top, folder), folder, options.signal);
    }
  }

  async remove(ref: FileRef, options: CallOptions = {}): Promise<void> {
    const [failure] = await this.removeMany([ref], options);
    if (failure !== undefined) throw failure.error;
  }

  async removeMany(
    refs: readonly FileRef[],
    options: CallOptions = {},
  ): Promise<readonly RemoveFailure[]> {
    const files = refs.map((ref) => ({ ref, path: this.#pathOf(ref) }));
    return removeLocalFiles(this.location, files, options);
  }

  async clock(ref: FileRef, options: CallOptions = {}): Promise<number> {
    const path = this.#pathOf(ref);
    throwIfAborted(options.signal);
    try {
      return (await fs.stat(path)).mtimeMs;
    } catch (error) {
      throw localError(error, `Cannot look at ${describeFile(ref)} in ${this.location}`);
    }
  }

  removeFolders(options: CallOptions = {}): Promise<void> {
    return removeEmptyFolders(this.location, options.signal);
  }

  /** Write under another name, and when that is durable give it its own by `name`. */
  async #put(
    ref: FileRef,
    bytes: Uint8Array,
    name: (temporary: string, final: string) => Promise<void>,
    options: CallOptions,
  ): Promise<void> {
    const final = this.#pathOf(ref);
    throwIfAborted(options.signal);
    const temporary = `${final}-tmp-${randomBytes(8).toString("hex")}`;
    try {
      const modes = await this.#findModes();
      await this.#writeTemporary(ref, temporary, bytes, modes, options.signal);
      try {
        await name(temporary, final);
      } finally {
        await fs.rm(temporary, { force: true });
      }
      await syncFolder(dirname(final));
    } catch (error) {
      throw localError(
        error,
        `Cannot write ${describeFile(ref)} to ${this.location}`,
        "unavailable",
      );
    }
  }

  #pathOf(ref: FileRef): string {
    checkRef(ref);
    return join(this.location, defaultLayoutPath(ref));
  }

  /** restic's rule: what is made in a repository whose config the group may read is shared with the group. */
  async #findModes(): Promise<Modes> {
    if (this.#modes !== undefined) return this.#modes;
    let config: Stats;
    try {
      config = await fs.stat(join(this.location, "config"));
    } catch {
      return PRIVATE;
    }
    return (this.#modes = (config.mode & 0o040) === 0 ? PRIVATE : SHARED_WITH_GROUP);
  }

  async #makeFolder(name: string, mode: number): Promise<void> {
    try {
      await fs.mkdir(join(this.location, name), { mode });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }

  /** Leaves nothing behind when it fails. */
  async #writeTemporary(
    ref: FileRef,
    path: string,
    bytes: Uint8Array,
    modes: Modes,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const handle = await this.#openTemporary(ref, path, modes);
    try {
      try {
        await writeAll(handle, bytes, await writeDirectly(path, bytes, signal), signal);
        await makeReadOnly(handle, modes.file & 0o444);
        await handle.sync();
        throwIfAborted(signal);
      } finally {
        await handle.close();
      }
    } catch (error) {
      await fs.rm(path, { force: true });
      throw error;
    }
  }

  async #openTemporary(ref: FileRef, path: string, modes: Modes): Promise<fs.FileHandle> {
    try {
      return await fs.open(path, "wx", modes.file);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    // Not recursive: if the root is gone (a disk that is not mounted), the write must fail, not fill another disk.
    if (ref.kind === "trash") await this.#makeFolder("tsbak", modes.folder);
    await this.#makeFolder(KIND_FOLDERS[ref.kind], modes.folder);
    if (ref.kind === "pack")
      await this.#makeFolder(join("data", ref.name.slice(0, 2)), modes.folder);
    return await fs.open(path, "wx", modes.file);
  }

  async #readFolder(path: string): Promise<string[]> {
    try {
      return await fs.readdir(path);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "ENOENT" || code === "ENOTDIR") return [];
      throw localError(error, `Cannot list ${path}`);
    }
  }

  async *#listFolder(
    path: string,
    prefix: string,
    signal: AbortSignal | undefined,
  ): AsyncIterable<FileInfo> {
    for (const name of await this.#readFolder(path)) {
      if (!isId(name) || !name.startsWith(prefix)) continue;
      throwIfAborted(signal);
      // Synchronous: a few microseconds each, where a trip to the thread pool costs ten times that.
      const stats = statsOfFile(join(path, name));
      if (stats !== undefined) yield { name, ...stats };
    }
  }
}

/** Write the bytes from `start` on to the same place in the file. */
async function writeAll(
  handle: fs.FileHandle,
  bytes: Uint8Array,
  start: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = start; at < bytes.length;) {
    throwIfAborted(signal);
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, at);
    at += bytesWritten;
  }
}

async function makeReadOnly(handle: fs.FileHandle, mode: number): Promise<void> {
  try {
    await handle.chmod(mode);
  } catch {
    // A protection against accidents only; file systems without modes refuse it, and restic ignores that too.
  }
}

/** Give the file its final name unless that exists. The temporary name may stay. */
async function publish(temporary: string, final: string): Promise<void> {
  try {
    await fs.link(temporary, final);
  } catch (error) {
    if (!LINK_REFUSED.has(errnoOf(error) ?? "")) throw error;
    if (await exists(final)) {
      throw new TsbakError("already-exists", `Cannot write ${final}: it is there already`);
    }
    await fs.rename(temporary, final);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await fs.lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

function statsOfFile(path: string): Omit<FileInfo, "name"> | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() ? { size: stats.size, modifiedMs: stats.mtimeMs } : undefined;
}
