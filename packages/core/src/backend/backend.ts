/**
 * Where a repository's files are kept: a flat, write-once store of opaque bytes.
 *
 * The backend is not trusted. It sees only sealed bytes, and everything that it returns is
 * authenticated by the layer above, so a backend never checks or interprets contents.
 *
 * A store must provide three things, and nothing above this interface works without them:
 *
 * 1. **Atomic**: a file is listed and readable in full, or not at all, even after a crash.
 * 2. **Durable**: when `write` resolves, the file survives a power loss.
 * 3. **Read-after-write**: once `write` resolves, `read`, `stat` and `list` see the file.
 *
 * Implementations are run through `describeBackend` in `../testing/backend-suite.ts`.
 *
 * @module
 */
import type { TsbakError } from "../errors.ts";

/**
 * The kinds of file in a repository (restic format, section 1), and one of our own that restic never lists: `trash`, snapshots that
 * were forgotten and can be brought back for a while. A store that takes only restic's kinds refuses to `write` it as `unsupported`
 * and has none of it.
 */
export type FileKind = "config" | "key" | "lock" | "snapshot" | "index" | "pack" | "trash";

/** The address of a file. `name` is 64 lower-case hex digits; for the config it is the empty string. */
export interface FileRef {
  readonly kind: FileKind;
  readonly name: string;
}

/** The address of the only file without a name. */
export const CONFIG_REF: FileRef = { kind: "config", name: "" };

/** What a listing tells of a file. `size` in bytes. */
export interface FileInfo {
  readonly name: string;
  readonly size: number;
  /**
   * When the store says that the file was written, in milliseconds since 1970. Only in listings, and only of stores that tell it without
   * being asked again.
   */
  readonly modifiedMs?: number | undefined;
}

/** Which bytes of a file to read. */
export interface ByteRange {
  /** First byte, from 0. */
  readonly offset: number;
  /** Number of bytes, at least 1. */
  readonly length: number;
}

/** Options of every call. An aborted signal ends the call soon, which rejects with `interrupted`. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: OnBytes | undefined;
}

/**
 * Called with the number of bytes in each piece of a file's contents: before it is sent or asked for, or when it has come. If it gives a
 * promise, no more is sent or read until that resolves; if that rejects, so does the call. In this way transfers are paced, watched and counted
 * from outside. Pieces are best 64 KiB or less. A backend may take no notice; the whole file is one piece then.
 */
export type OnBytes = (count: number) => Promise<void> | undefined;

/** Options of `Backend.read`. */
export interface ReadOptions extends CallOptions {
  /**
   * Memory that the caller lends: large results need not be allocated each time. A backend may put the bytes there,
   * if it is long enough, and then returns a view of it; or take no notice. The caller keeps it unused until
   * the call has ended, and the backend does not touch it afterwards. Memory that begins with a page, and has `LENT_ROOM` more than
   * is read, can be read to past the page cache.
   */
  readonly into?: ArrayBuffer | undefined;
}

/** Options of `Backend.write`. */
export interface WriteOptions extends CallOptions {
  /**
   * The file is a pack of nothing but contents of files, which only a restore and a full verification read. It may go where reading
   * takes preparations; all others must be readable at once.
   */
  readonly isContents?: boolean | undefined;
}

/** See `ReadOptions.into`. In bytes. */
export const LENT_ROOM = 8192;

/** A file of a store on this machine, held open. */
export interface OpenFile {
  /** Good in every thread of the process until `close`. */
  readonly descriptor: number;
  /**
   * 1, or a power of two: reads must begin and end at multiples of it in the file, and begin so in memory. The end of the
   * file may be passed.
   */
  readonly alignment: number;
  /** In bytes. */
  readonly size: number;
  close(): Promise<void>;
}

/** A file that `Backend.removeMany` left where it is, and why. */
export interface RemoveFailure {
  readonly ref: FileRef;
  readonly error: TsbakError;
}

/** The most files that `Backend.removeMany` takes. */
export const REMOVED_AT_ONCE = 1000;

/** A pack that lies where `read` does not look for it, as when somebody moved it by hand. */
export interface MisplacedPack extends FileInfo {
  /** Its place below the repository, with `/` between the parts: `data/ab/cd01...`. */
  readonly path: string;
}

/** See `Backend.misplacedPacks`. The contents are anybody's. */
export interface MisplacedPacks {
  /**
   * All that are anywhere below the folder of packs, whether there is one of the same name in the right place or not. Links are not
   * followed, and what cannot be listed is passed over.
   */
  list(options?: CallOptions): Promise<readonly MisplacedPack[]>;

  /** @throws {TsbakError} `not-found` if it is not there any more. */
  read(pack: MisplacedPack, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>>;

  /** Removing one that is not there is not an error. */
  remove(pack: MisplacedPack, options?: CallOptions): Promise<void>;
}

/** The methods that ask the store for something; `removeMany` counts as `remove`. */
export type BackendMethod = "create" | "write" | "read" | "stat" | "list" | "remove";

/** See the module comment for what a store must guarantee. All methods may be called concurrently. */
export interface Backend {
  /** For messages to people, without credentials: `/srv/backup`, `s3:host/bucket/prefix`. */
  readonly location: string;

  /** How many calls the store serves well at once. */
  readonly connections: number;

  /**
   * What the operator of the store calls the price class of each method: `A`, `B`. Calls without one cost nothing.
   * Listings are counted by 1000 files, as those that charge do.
   */
  readonly priceClasses?: Readonly<Partial<Record<BackendMethod, string>>> | undefined;

  /** True if `onBytes` is told of long contents piece by piece, so that silence means that nothing moves. */
  readonly reportsPieces?: boolean | undefined;

  /** Make the place for a new repository (folders, bucket). What exists already is no error. */
  create(options?: CallOptions): Promise<void>;

  /**
   * Store `bytes` under `ref`. The array is borrowed: it is not kept or changed after the call
   * resolves, so the caller may then reuse its buffer.
   *
   * @throws {TsbakError} `already-exists` if the file is there, even with the same bytes.
   * @throws {TsbakError} `no-space` if the store is full; nothing is left under the final name.
   * @throws {TsbakError} `unavailable` if the store did not confirm. The file may or may not exist.
   */
  write(ref: FileRef, bytes: Uint8Array, options?: WriteOptions): Promise<void>;

  /**
   * Read a file, whole or in part. The result is the caller's own to keep, change and transfer
   * (it owns its whole ArrayBuffer), unless it is a view of `into`.
   *
   * @throws {TsbakError} `not-found` if there is no such file.
   * @throws {TsbakError} `corrupt` if `range` ends beyond the end of the file.
   */
  read(ref: FileRef, range?: ByteRange, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Open a file for reading by worker threads themselves, which saves a copy of all bytes. Only stores that keep their
   * files on this machine have it, and nobody may depend on it: what cannot be read so is to be read by `read`.
   *
   * @throws {TsbakError} `not-found` if there is no such file.
   */
  readonly openFile?: ((ref: FileRef, options?: CallOptions) => Promise<OpenFile>) | undefined;

  /**
   * The size of one file.
   *
   * @throws {TsbakError} `not-found` if there is no such file.
   */
  stat(ref: FileRef, options?: CallOptions): Promise<FileInfo>;

  /**
   * All files of one kind, each once, in no particular order. A kind of which nothing was ever written is empty.
   * Names that are not 64 hex digits (temporary files, strangers) are left out.
   */
  list(kind: FileKind, options?: CallOptions): AsyncIterable<FileInfo>;

  /** Remove a file. Removing one that is not there is not an error, so a retry is safe. */
  remove(ref: FileRef, options?: CallOptions): Promise<void>;

  /**
   * Remove up to `REMOVED_AT_ONCE` files with one request. Gives those that the store did not remove; all others are gone, whether they were
   * there or not. Only stores that have such a request have this method; `removeFiles` does without where it is missing.
   *
   * @throws {TsbakError} `unsupported` if this server has no such request; nothing was removed.
   * @throws {TsbakError} Otherwise what concerns the request as a whole; some files may be gone.
   */
  readonly removeMany?:
    | ((refs: readonly FileRef[], options?: CallOptions) => Promise<readonly RemoveFailure[]>)
    | undefined;

  /**
   * Put `bytes` in the place of a file that is there. At any instant, and after a crash, a reader gets all of the old ones or all of the
   * new ones; when it resolves, the new ones survive a power loss. Only stores that can do so in one step have this.
   *
   * @throws {TsbakError} `unsupported` if this server cannot; nothing was changed.
   * @throws {TsbakError} Otherwise as `write`; the file has the old bytes or the new ones.
   */
  readonly replace?:
    ((ref: FileRef, bytes: Uint8Array, options?: CallOptions) => Promise<void>) | undefined;

  /**
   * What the store's own clock shows, in milliseconds since 1970; it may count whole seconds. `ref` was written just before: a store
   * whose answers have no time gives that which it noted for the file. Only stores that tell any have this.
   *
   * @throws {TsbakError} `not-found` if there is no such file.
   */
  readonly clock?: ((ref: FileRef, options?: CallOptions) => Promise<number>) | undefined;

  /** Packs in wrong folders, which `list` leaves out. Only stores that have folders of their own have this. */
  readonly misplacedPacks?: MisplacedPacks | undefined;

  /**
   * Take away the folders that `create` made. What is not empty stays, and so does what is not a repository's. A store without this
   * method has no folders, or cannot remove them.
   */
  readonly removeFolders?: ((options?: CallOptions) => Promise<void>) | undefined;

  /**
   * End connections and helper programs, which would keep the process alive. Whoever opened the store closes it, when no call
   * is under way; a store without this method holds nothing. May be repeated.
   */
  readonly close?: (() => Promise<void>) | undefined;
}
