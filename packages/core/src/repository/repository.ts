/**
 * An opened repository: what every operation is given. It knows the master key, reads and writes whole files, and
 * holds the index of blobs once that is loaded.
 *
 * @module
 */
import type { Backend, CallOptions, FileKind } from "../backend/backend.ts";
import { releaseMemory } from "../bytes/release-memory.ts";
import type { CachedBackend } from "../backend/cache.ts";
import type { Zstd } from "../compress/zstd.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { Sealer } from "../crypto/sealer.ts";
import type { Config } from "../format/config.ts";
import type { BlobType } from "../format/blob-type.ts";
import type { BlobIndex } from "./blob-index.ts";
import type { StateFolder } from "../fs/state-folder.ts";
import type { EarlyReads } from "./early-reads.ts";
import { loadIndex, loadIndexFiles, type EarlyIndex } from "./load-index.ts";
import { ConfirmedWrites } from "./confirmed-writes.ts";
import { acquireLock, type HeldLock, type LockOptions, type LockSettings } from "./locks.ts";
import { readBlob } from "./read-blob.ts";
import {
  loadUnpacked,
  saveUnpacked,
  sealUnpacked,
  writeSealed,
  type UnpackedContext,
} from "./unpacked.ts";

/** What an opened repository is made of. */
export interface RepositoryParts {
  readonly backend: Backend;
  /** Set if `backend` is this cache. */
  readonly cache?: CachedBackend | undefined;
  readonly config: Config;
  readonly masterKey: MasterKey;
  /** Name of the key file that was opened. */
  readonly keyId: string;
  readonly zstd: Zstd;
  /** What this machine remembers of the repository; nothing unless given. */
  readonly state?: StateFolder | undefined;
  readonly locking?: Omit<LockSettings, "state"> | undefined;
  /** What was asked for while the key was derived. */
  readonly early?: EarlyReads | undefined;
}

/** See the module comment. Methods may be called concurrently. */
export class Repository implements UnpackedContext, RepositoryParts {
  /** While locks are held, nothing is written to it unless they are certain. */
  readonly backend: Backend;
  readonly cache: CachedBackend | undefined;
  readonly config: Config;
  readonly masterKey: MasterKey;
  readonly keyId: string;
  readonly zstd: Zstd;
  readonly state: StateFolder | undefined;
  readonly locking: Omit<LockSettings, "state"> | undefined;
  readonly early: EarlyReads | undefined;
  readonly sealer: Sealer;
  readonly opener: Opener;
  readonly #writes = new ConfirmedWrites();
  #earlyIndex: Promise<EarlyIndex | undefined> | undefined;
  #index: Promise<BlobIndex> | undefined;

  constructor(parts: RepositoryParts) {
    this.backend = this.#writes.guard(parts.backend);
    this.cache = parts.cache;
    this.config = parts.config;
    this.masterKey = parts.masterKey;
    this.keyId = parts.keyId;
    this.zstd = parts.zstd;
    this.state = parts.state;
    this.locking = parts.locking;
    this.early = parts.early;
    this.sealer = new Sealer(parts.masterKey);
    this.opener = new Opener(parts.masterKey);
  }

  /** Hex id from the config: the name of the repository in caches and snapshots of others. */
  get id(): string {
    return this.config.id;
  }

  get version(): 1 | 2 {
    return this.config.version;
  }

  /**
   * The index, loaded at the first call. Whoever lists snapshots lists them *before* this, else a backup that
   * ends in between leaves a snapshot whose blobs the index does not know (restic format, section 12).
   */
  loadIndex(options?: CallOptions): Promise<BlobIndex> {
    const early = this.#earlyIndex;
    this.#index ??= loadIndex(this, { ...options, early }).catch((error: unknown) => {
      this.#index = undefined;
      throw error;
    });
    return this.#index;
  }

  /**
   * Begin to load the index files that were listed while the key was derived, before there is a lock. `loadIndex` lists them anew, and takes
   * what was loaded if these are still the same.
   */
  loadIndexEarly(options?: CallOptions): void {
    const load = async (): Promise<EarlyIndex | undefined> => {
      const names = await this.early?.indexNames();
      return names && { names, index: await loadIndexFiles(this, names, options) };
    };
    // Whoever needs the index meets the failure again.
    this.#earlyIndex ??= load().catch(() => undefined);
  }

  /** What was loaded so, if that was begun and came to something. `loadIndex` gives the same if it still counts. */
  async earlyIndex(): Promise<BlobIndex | undefined> {
    return (await this.#earlyIndex)?.index;
  }

  /** Forget the index, so that the next `loadIndex` sees what others have written meanwhile. */
  dropIndex(): void {
    this.#index = undefined;
    this.#earlyIndex = undefined;
  }

  /** The plain bytes of a blob by its hex id, authenticated and hashed. Loads the index if needed. */
  async loadBlob(type: BlobType, id: string, options?: CallOptions): Promise<Uint8Array> {
    return readBlob(this, await this.loadIndex(options), type, id, options);
  }

  /** The plain bytes of an index, snapshot or lock file. */
  loadFile(kind: FileKind, name: string, options?: CallOptions): Promise<Uint8Array> {
    return loadUnpacked(this, kind, name, options);
  }

  /** Seal and store an index, snapshot or lock file and return its name. */
  saveFile(kind: FileKind, plain: Uint8Array, options?: CallOptions): Promise<string> {
    return saveUnpacked(this, kind, plain, options);
  }

  /** As `saveFile` for the text of an index file, whose memory is let go of before it is stored. */
  async saveIndex(plain: Uint8Array<ArrayBuffer>, options?: CallOptions): Promise<string> {
    const file = sealUnpacked(this, "index", plain);
    releaseMemory(plain.buffer);
    await writeSealed(this, file, options);
    return file.name;
  }

  /** Names of all files of a kind. */
  async listNames(kind: FileKind, options?: CallOptions): Promise<string[]> {
    const names: string[] = [];
    for await (const file of this.backend.list(kind, options)) names.push(file.name);
    return names;
  }

  /** Take a lock; the caller releases it. */
  async lock(options: LockOptions): Promise<HeldLock> {
    const lock = await acquireLock(this, { ...this.locking, state: this.state, ...options });
    this.#writes.add(lock);
    return lock;
  }
}
