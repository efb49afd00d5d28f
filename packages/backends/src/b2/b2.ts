/**
 * A repository in a bucket of Backblaze B2, over B2's own interface, in restic's layout.
 *
 * What B2 charges for decides what is asked: whether a file exists, and its size, is asked by HEAD (class B); uploads,
 * deleting and hiding cost nothing (class A); lists cost most (class C), and are made for listings only.
 *
 * B2 never refuses a name that exists: it keeps both files as versions, of which the newest is seen. So
 *
 *   (1) `write` asks first whether the name is there. Between that and the end of the upload another process may store
 *       a file of the same name. But names are hashes of what is in the files, or of something random, so that only the config
 *       has rivals: two processes that create a repository in one place. That is looked at again after it was stored (`gaveWay`).
 *       A key that may not delete cannot take it back; then the later of both configs counts.
 *   (2) `remove` goes on until no version is seen: a file of which there are two, because the confirmation of an
 *       upload was lost, would else come back. So does `replace` with those that are older than what it stored.
 *
 * @module
 */
import { createHash } from "node:crypto";

import {
  checkRange,
  defaultLayoutPath,
  describeFile,
  isId,
  KIND_FOLDERS,
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
  ReadOptions,
} from "@tsbak/core";

import type { HttpHeaders } from "../http/transport.ts";
import type { B2Client } from "./b2-client.ts";
import { b2Error } from "./b2-error.ts";
import { asRecord, B2Failure } from "./b2-failure.ts";
import { formatB2Location, type B2Location } from "./b2-location.ts";
import { deleteOthers, gaveWay } from "./b2-rivals.ts";
import { beyondEnd, lengthOf, readDownload } from "./b2-read.ts";
import { B2Session } from "./b2-session.ts";
import { B2Uploader } from "./b2-uploader.ts";
import { listConfig } from "../list-config.ts";

/** The most names that B2 lists at once. It charges for each thousand, so that small pages would save nothing. */
const PAGE_SIZE = 10_000;

/** How a B2 store is to be used. */
export interface B2BackendOptions {
  readonly connections: number;
  /** Whether `remove` deletes files. They are only hidden otherwise, or if the key may not delete. */
  readonly deletes: boolean;
}

/** A repository below a prefix of a bucket, which `create` makes if it is missing and the key may. */
export class B2Backend implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly reportsPieces = true;
  /** For each write and removal there are a HEAD or two; what they are for is free. */
  readonly priceClasses = { create: "C", list: "C", read: "B", stat: "B", write: "B", remove: "B" };
  readonly #place: B2Location;
  readonly #client: B2Client;
  readonly #session: B2Session;
  readonly #uploader: B2Uploader;
  readonly #deletes: boolean;
  /** By name, the end of the last of those writes that began. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(place: B2Location, client: B2Client, options: B2BackendOptions) {
    this.location = formatB2Location(place);
    this.connections = options.connections;
    this.#deletes = options.deletes;
    this.#place = place;
    this.#client = client;
    this.#session = new B2Session(client, place);
    this.#uploader = new B2Uploader(client, this.#session);
  }

  async create({ signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    try {
      await this.#session.createBucket(signal);
    } catch (error) {
      throw b2Error(error, `Cannot create a repository in ${this.location}`);
    }
  }

  write(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    return this.#put(ref, options, (name) => this.#writeNew(ref.kind, name, bytes, options));
  }

  replace(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    return this.#put(ref, options, (name) => this.#writeOver(name, bytes, options));
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    options: ReadOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    const name = this.#nameOf(ref);
    throwIfAborted(options.signal);
    try {
      return await this.#readBytes(name, range, options);
    } catch (error) {
      throwIfAborted(options.signal);
      throw b2Error(error, `Cannot read ${describeFile(ref)} from ${this.location}`);
    }
  }

  async stat(ref: FileRef, { signal }: CallOptions = {}): Promise<FileInfo> {
    const name = this.#nameOf(ref);
    throwIfAborted(signal);
    try {
      return { name: ref.name, size: lengthOf(await this.#head(name, signal)) };
    } catch (error) {
      throw b2Error(error, `Cannot read ${describeFile(ref)} from ${this.location}`);
    }
  }

  async *list(kind: FileKind, options: CallOptions = {}): AsyncIterable<FileInfo> {
    throwIfAborted(options.signal);
    if (kind === "config") return yield* listConfig(this, options);
    const folder = `${this.#place.root}${KIND_FOLDERS[kind]}/`;
    for (let start: string | undefined = ""; start !== undefined;) {
      const page = await this.#listPage(folder, start, options.signal);
      for (const { fileName, contentLength, uploadTimestamp } of page.files) {
        const name = idOf(kind, String(fileName).slice(folder.length));
        const modifiedMs = typeof uploadTimestamp === "number" ? uploadTimestamp : undefined;
        if (name !== undefined) yield { name, size: Number(contentLength), modifiedMs };
      }
      start = page.next;
      throwIfAborted(options.signal);
    }
  }

  async remove(ref: FileRef, { signal }: CallOptions = {}): Promise<void> {
    const name = this.#nameOf(ref);
    throwIfAborted(signal);
    try {
      const deletes = this.#deletes && (await this.#session.may("deleteFiles", signal));
      await (deletes ? this.#deleteVersions(name, signal) : this.#hide(name, signal));
    } catch (error) {
      throw b2Error(error, `Cannot remove ${describeFile(ref)} from ${this.location}`);
    }
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  /** Files of one name are stored one after the other, so that the second finds the file of the first. */
  async #put(
    ref: FileRef,
    { signal }: CallOptions,
    store: (name: string) => Promise<void>,
  ): Promise<void> {
    const name = this.#nameOf(ref);
    throwIfAborted(signal);
    const before = this.#writing.get(name) ?? Promise.resolve();
    const writing = before.then(() => store(name));
    const ended = writing.catch(() => undefined);
    this.#writing.set(name, ended);
    try {
      await writing;
    } catch (error) {
      throw b2Error(error, `Cannot write ${describeFile(ref)} to ${this.location}`);
    } finally {
      if (this.#writing.get(name) === ended) this.#writing.delete(name);
    }
  }

  #nameOf(ref: FileRef): string {
    return this.#place.root + defaultLayoutPath(ref);
  }

  async #writeNew(
    kind: FileKind,
    name: string,
    bytes: Uint8Array,
    options: CallOptions,
  ): Promise<void> {
    const { signal } = options;
    const looking = this.#exists(name, signal);
    const hash = createHash("sha1").update(bytes).digest("hex");
    if (await looking) throw new TsbakError("already-exists", "it is there already");
    const fileId = await this.#uploader.upload(name, bytes, hash, options);
    if (kind !== "config" || !(await this.#session.may("deleteFiles", signal))) return;
    if (await gaveWay(this.#client, this.#session, { fileName: name, fileId, hash }, signal)) {
      throw new TsbakError("already-exists", "another process stores one at the same time");
    }
  }

  /** The newest version is the one that is read; those below it go if the key may delete, as in `remove`. */
  async #writeOver(name: string, bytes: Uint8Array, options: CallOptions): Promise<void> {
    const { signal } = options;
    const hash = createHash("sha1").update(bytes).digest("hex");
    const fileId = await this.#uploader.upload(name, bytes, hash, options);
    if (!this.#deletes || !(await this.#session.may("deleteFiles", signal))) return;
    try {
      await deleteOthers(this.#client, this.#session, { fileName: name, fileId, hash }, signal);
    } catch {
      // It is replaced. What stays below costs its bytes and nothing else, and goes with `remove`.
    }
  }

  async #exists(name: string, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#find(name, signal)) !== undefined;
  }

  /** The headers of a file; undefined if there is none. */
  async #find(name: string, signal: AbortSignal | undefined): Promise<HttpHeaders | undefined> {
    try {
      return await this.#head(name, signal);
    } catch (error) {
      if (error instanceof B2Failure && error.status === 404) return undefined;
      throw error;
    }
  }

  #head(name: string, signal: AbortSignal | undefined): Promise<HttpHeaders> {
    return this.#session.call(signal, () => this.#client.head(this.#place.bucket, name, signal));
  }

  async #readBytes(
    name: string,
    range: ByteRange | undefined,
    options: ReadOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { signal } = options;
    const header = range && `bytes=${range.offset}-${range.offset + range.length - 1}`;
    try {
      const download = await this.#session.call(signal, () =>
        this.#client.download(this.#place.bucket, name, header, signal),
      );
      return await readDownload(download, range, options);
    } catch (error) {
      if (range === undefined || !(error instanceof B2Failure) || error.status !== 416) throw error;
      throw beyondEnd(range, undefined);
    }
  }

  async #listPage(
    prefix: string,
    startFileName: string,
    signal: AbortSignal | undefined,
  ): Promise<{
    readonly files: readonly Readonly<Record<string, unknown>>[];
    readonly next: string | undefined;
  }> {
    try {
      const bucketId = await this.#session.findBucket(signal);
      // Where a repository is to be made it is looked first whether one is there.
      if (bucketId === undefined) return { files: [], next: undefined };
      const query = { bucketId, startFileName, prefix, maxFileCount: PAGE_SIZE };
      const page = await this.#session.call(signal, () =>
        this.#client.listFileNames(query, signal),
      );
      if (!Array.isArray(page.files)) throw new TsbakError("unavailable", "B2 sent no list");
      const next = typeof page.nextFileName === "string" ? page.nextFileName : undefined;
      return { files: page.files.map(asRecord), next };
    } catch (error) {
      throw b2Error(error, `Cannot list ${this.location}`);
    }
  }

  async #deleteVersions(name: string, signal: AbortSignal | undefined): Promise<void> {
    for (let deleted: string | undefined; ;) {
      const headers = await this.#find(name, signal);
      if (headers === undefined) return;
      const fileId = String(headers["x-bz-file-id"]);
      if (fileId === deleted) throw new TsbakError("unavailable", "B2 still shows it");
      deleted = fileId;
      await unlessGone(
        this.#session.call(signal, () => this.#client.deleteFileVersion(fileId, name, signal)),
      );
    }
  }

  /** The marker hides all versions that there are. */
  async #hide(name: string, signal: AbortSignal | undefined): Promise<void> {
    const bucketId = await this.#session.findBucket(signal);
    if (bucketId === undefined) return;
    await unlessGone(
      this.#session.call(signal, () => this.#client.hideFile(bucketId, name, signal)),
    );
  }
}

/** What another has deleted or hidden meanwhile is as it should be. */
async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    const gone = ["file_not_present", "no_such_file", "already_hidden"];
    if (!(error instanceof B2Failure) || !gone.includes(error.code)) throw error;
  }
}

/** The name of a file from its place below the folder of its kind; undefined for what lies where `read` does not look. */
function idOf(kind: FileKind, path: string): string | undefined {
  if (kind !== "pack") return isId(path) ? path : undefined;
  const name = path.slice(3);
  return isId(name) && path === `${name.slice(0, 2)}/${name}` ? name : undefined;
}
