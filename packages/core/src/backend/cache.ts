/**
 * The local cache, in restic's own layout (restic format, section 13), so that both tools share it: the sealed files
 * of the repository itself, hence nothing that the repository does not tell as well.
 *
 * A cache must never be the reason for a failure: whatever goes wrong with it, the backend is asked instead. What comes from it is
 * authenticated by the layers above like everything else.
 *
 * @module
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { throwIfAborted } from "../async/interrupted.ts";
import { isId } from "../bytes/hex.ts";
import type {
  Backend,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
  ReadOptions,
} from "./backend.ts";
import { CacheRoom } from "./cache-room.ts";
import { checkRange, checkRef } from "./layout.ts";

/** Folder of each kind that is cached. Of the packs only those with trees are. */
const FOLDERS: Partial<Record<FileKind, string>> = {
  snapshot: "snapshots",
  index: "index",
  pack: "data",
};
const TAG_FILE = "CACHEDIR.TAG";
const TAG = "Signature: 8a477f597d28d172789f06886806bc55\n";
const VERSION = "1";

/**
 * Cache the small files of a repository below `base`, which is there; otherwise nothing is cached. `id` is the repository's, from
 * its config.
 *
 * Index files and snapshots are kept when they are written and when they are read whole; packs only when
 * `rememberPack` is called, because only those who know the index know which hold trees. All caches below `base` together
 * are kept within `limit` bytes, if it is given.
 */
export function withCache(
  backend: Backend,
  base: string,
  id: string,
  limit?: number,
): CachedBackend {
  return new CachedBackend(backend, base, id, limit);
}

/** See the module comment. */
export class CachedBackend implements Backend {
  /** The base folder, which a backup leaves out. */
  readonly directory: string;
  readonly #backend: Backend;
  readonly #folder: string;
  readonly #isReadable: boolean;
  readonly #room: CacheRoom | undefined;
  /** False once the cache could not be written: a full disk is not tried again for every file. */
  #isWritable: boolean;
  /** Files whose copy was damaged. They are left to the backend from then on, so that each copy goes once at most. */
  readonly #damaged = new Set<string>();

  constructor(backend: Backend, base: string, id: string, limit?: number) {
    this.#backend = backend;
    this.directory = base;
    this.#room = limit === undefined ? undefined : new CacheRoom(base, limit);
    this.#folder = join(base, id);
    this.#isWritable = this.#prepare();
    this.#isReadable = this.#hasOurVersion();
  }

  /** Of the backend alone: what can be opened is on this machine, and needs no cache. */
  get openFile(): Backend["openFile"] {
    return this.#backend.openFile?.bind(this.#backend);
  }

  /** Nothing that is cached is ever replaced. */
  get replace(): Backend["replace"] {
    return this.#backend.replace?.bind(this.#backend);
  }

  /** They are read once at most. */
  get misplacedPacks(): Backend["misplacedPacks"] {
    return this.#backend.misplacedPacks;
  }

  get close(): Backend["close"] {
    return this.#backend.close?.bind(this.#backend);
  }

  get location(): string {
    return this.#backend.location;
  }

  get connections(): number {
    return this.#backend.connections;
  }

  create(options?: CallOptions): Promise<void> {
    return this.#backend.create(options);
  }

  async write(ref: FileRef, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#backend.write(ref, bytes, options);
    if (ref.kind === "index" || ref.kind === "snapshot") this.#store(ref, bytes);
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    options?: ReadOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    throwIfAborted(options?.signal);
    const cached = this.#load(ref, range);
    if (cached !== undefined) return cached;
    const bytes = await this.#backend.read(ref, range, options);
    if (range === undefined && (ref.kind === "index" || ref.kind === "snapshot")) {
      this.#store(ref, bytes);
    }
    return bytes;
  }

  stat(ref: FileRef, options?: CallOptions): Promise<FileInfo> {
    return this.#backend.stat(ref, options);
  }

  /** When the listing is complete, what is cached and no longer in the repository is dropped. */
  async *list(kind: FileKind, options?: CallOptions): AsyncIterable<FileInfo> {
    const names = new Set<string>();
    for await (const file of this.#backend.list(kind, options)) {
      names.add(file.name);
      yield file;
    }
    this.#dropOthers(kind, names);
  }

  async remove(ref: FileRef, options?: CallOptions): Promise<void> {
    await this.#backend.remove(ref, options);
    this.#drop(ref);
  }

  get removeMany(): Backend["removeMany"] {
    const removeMany = this.#backend.removeMany?.bind(this.#backend);
    if (removeMany === undefined) return undefined;
    return async (refs, options) => {
      const failures = await removeMany(refs, options);
      const kept = new Set(failures.map(({ ref }) => keyOf(ref)));
      for (const ref of refs) if (!kept.has(keyOf(ref))) this.#drop(ref);
      return failures;
    };
  }

  /** Keep a copy of a pack that holds trees. The bytes are borrowed. */
  rememberPack(name: string, bytes: Uint8Array): void {
    const path = this.#pathOf({ kind: "pack", name });
    if (path === undefined || existsSync(path)) return;
    this.#store({ kind: "pack", name }, bytes);
  }

  /**
   * Drop a copy that turned out to be damaged; the file is read from the backend for the rest of this run. True if
   * there was a copy to blame, so that reading again is worth it; false the second time.
   */
  forget(ref: FileRef): boolean {
    const path = this.#pathOf(ref);
    if (path === undefined) return false;
    const wasThere = existsSync(path);
    this.#damaged.add(keyOf(ref));
    this.#drop(ref, path);
    return wasThere;
  }

  #prepare(): boolean {
    try {
      makeFolder(this.#folder);
      const tag = join(this.directory, TAG_FILE);
      if (!existsSync(tag)) writeFileSync(tag, TAG, { mode: 0o600 });
      const version = join(this.#folder, "version");
      if (!existsSync(version)) writeFileSync(version, VERSION, { mode: 0o600 });
      const now = new Date();
      // restic removes caches that nobody has touched for 30 days.
      utimesSync(this.#folder, now, now);
      return true;
    } catch {
      return false;
    }
  }

  /** A cache of a later version is left alone. */
  #hasOurVersion(): boolean {
    try {
      return readFileSync(join(this.#folder, "version"), "utf8").trim() === VERSION;
    } catch {
      return false;
    }
  }

  /** Synchronous: the cache is on a local disk, where three trips to the thread pool cost ten times the reading. */
  #load(ref: FileRef, range?: ByteRange): Uint8Array<ArrayBuffer> | undefined {
    const path = this.#pathOf(ref);
    if (path === undefined) return undefined;
    try {
      const fd = openSync(path, "r");
      try {
        this.#attempt(() => this.#room?.noteUsed(path, fd));
        return readExactly(fd, range?.offset ?? 0, range?.length ?? fstatSync(fd).size);
      } finally {
        closeSync(fd);
      }
    } catch {
      return undefined;
    }
  }

  #store(ref: FileRef, bytes: Uint8Array): void {
    const path = this.#pathOf(ref);
    if (path === undefined || !this.#isWritable) return;
    const folder = join(path, "..");
    const temporary = join(folder, `tmp-${crypto.randomUUID()}`);
    try {
      if (this.#room?.makeRoom(bytes.length) === false) return;
      makeFolder(join(folder, ".."));
      makeFolder(folder);
      writeFileSync(temporary, bytes, { mode: 0o600, flag: "wx" });
      renameSync(temporary, path);
      this.#room?.noteStored(path, bytes.length);
    } catch {
      this.#isWritable = false;
      this.#attempt(() => rmSync(temporary, { force: true }));
    }
  }

  #drop(ref: FileRef, path: string | undefined = this.#pathOf(ref)): void {
    if (path === undefined) return;
    this.#attempt(() => rmSync(path, { force: true }));
    this.#room?.noteRemoved(path);
  }

  #dropOthers(kind: FileKind, names: ReadonlySet<string>): void {
    const folder = FOLDERS[kind];
    if (folder === undefined) return;
    this.#attempt(() => {
      for (const prefix of readdirSync(join(this.#folder, folder))) {
        for (const name of readdirSync(join(this.#folder, folder, prefix))) {
          if (isId(name) && !names.has(name)) this.#drop({ kind, name });
        }
      }
    });
  }

  /** Undefined for what is not cached. */
  #pathOf(ref: FileRef): string | undefined {
    checkRef(ref);
    const folder = FOLDERS[ref.kind];
    if (folder === undefined || !this.#isReadable || this.#damaged.has(keyOf(ref)))
      return undefined;
    return join(this.#folder, folder, ref.name.slice(0, 2), ref.name);
  }

  #attempt(change: () => void): void {
    try {
      change();
    } catch {
      // A full or read-only disk, or another process: the cache is only an offer.
    }
  }
}

function keyOf(ref: FileRef): string {
  return `${ref.kind} ${ref.name}`;
}

/** Undefined if the file is shorter: not whole, so the backend decides. */
function readExactly(
  fd: number,
  offset: number,
  length: number,
): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = readSync(fd, bytes, at, length - at, offset + at);
    if (count === 0) return undefined;
    at += count;
  }
  return bytes;
}

/** Those above it are there. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
}
