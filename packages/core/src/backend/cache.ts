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
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type {
  Backend,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
} from "./backend.ts";

/** Folder of each kind that is cached. Of the packs only those with trees are. */
const FOLDERS: Partial<Record<FileKind, string>> = {
  snapshot: "snapshots",
  index: "index",
  pack: "data",
};
const TAG_FILE = "CACHEDIR.TAG";
const TAG = "Signature: 8a477f597d28d172789f06886806bc55\n";
const VERSION = "1";

/** The base folder of caches: `$TSBAK_CACHE_DIR`, `$RESTIC_CACHE_DIR`, or what the system has for caches, and `restic` in it. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment["TSBAK_CACHE_DIR"] || environment["RESTIC_CACHE_DIR"];
  if (named) return named;
  const home = environment["HOME"] || homedir();
  if (process.platform === "darwin") return join(home, "Library", "Caches", "restic");
  return join(environment["XDG_CACHE_HOME"] || join(home, ".cache"), "restic");
}

/** Cache the small files of a repository below `base`. `id` is the repository's, from its config. */
export function withCache(backend: Backend, base: string, id: string): CachedBackend {
  return new CachedBackend(backend, base, id);
}

/** See the module comment. */
export class CachedBackend implements Backend {
  /** The base folder, which a backup leaves out. */
  readonly directory: string;
  readonly #backend: Backend;
  readonly #folder: string;
  #isUsable: boolean;

  constructor(backend: Backend, base: string, id: string) {
    this.#backend = backend;
    this.directory = base;
    this.#folder = join(base, id);
    this.#isUsable = this.#prepare();
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
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const cached = await this.#load(ref, range);
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
    this.forget(ref);
  }

  /** Keep a copy of a pack that holds trees. The bytes are borrowed. */
  rememberPack(name: string, bytes: Uint8Array): void {
    const path = this.#pathOf({ kind: "pack", name });
    if (path === undefined || existsSync(path)) return;
    this.#store({ kind: "pack", name }, bytes);
  }

  /** Drop the cached copy, if there is one: it is damaged or out of date. */
  forget(ref: FileRef): void {
    const path = this.#pathOf(ref);
    if (path !== undefined) this.#attempt(() => rmSync(path, { force: true }));
  }

  #prepare(): boolean {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
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

  async #load(ref: FileRef, range?: ByteRange): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#pathOf(ref);
    if (path === undefined) return undefined;
    try {
      const bytes = new Uint8Array(await readFile(path));
      if (range === undefined) return bytes;
      const end = range.offset + range.length;
      // Shorter than it must be: not whole, so the backend decides.
      return end > bytes.length ? undefined : bytes.slice(range.offset, end);
    } catch {
      return undefined;
    }
  }

  #store(ref: FileRef, bytes: Uint8Array): void {
    const path = this.#pathOf(ref);
    if (path === undefined) return;
    const folder = join(path, "..");
    const temporary = join(folder, `tmp-${crypto.randomUUID()}`);
    this.#attempt(() => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(temporary, bytes, { mode: 0o600 });
      chmodSync(temporary, 0o400);
      renameSync(temporary, path);
    });
  }

  #dropOthers(kind: FileKind, names: ReadonlySet<string>): void {
    const folder = FOLDERS[kind];
    if (folder === undefined) return;
    this.#attempt(() => {
      for (const prefix of readdirSync(join(this.#folder, folder))) {
        for (const name of readdirSync(join(this.#folder, folder, prefix))) {
          if (!names.has(name) && !name.startsWith("tmp-")) this.forget({ kind, name });
        }
      }
    });
  }

  #pathOf(ref: FileRef): string | undefined {
    const folder = FOLDERS[ref.kind];
    if (folder === undefined || !this.#isUsable) return undefined;
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
