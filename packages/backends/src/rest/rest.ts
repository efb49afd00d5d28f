/**
 * A repository on a server that speaks restic's REST protocol, version 1 or 2
 * (https://restic.readthedocs.io/en/stable/100_references.html#rest-backend), over any transport.
 *
 * The protocol has no create-only write. The servers differ in what they do about a file that is there:
 *
 *   (1) rest-server looks whether the file is there and refuses (403). Between looking and storing is a moment in which another
 *       may store it too; for the config there is none.
 *   (2) rclone replaces it. So `write` looks first (HEAD); between that and the write is the same moment, but longer.
 *
 * Two writers of one process wait for each other. For two processes the moment harms nobody: every name but the config's is
 * the hash of the bytes. Two that make a repository in the same place at the same instant through rclone can both believe that it
 * is theirs, as with restic.
 *
 * @module
 */
import {
  checkRange,
  checkRef,
  describeFile,
  isTsbakError,
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

import { contentLength } from "../http/response-body.ts";
import { headerOf } from "../http/transport.ts";
import type { HttpRequest, HttpResponse, HttpTransport } from "../http/transport.ts";
import { requestError, statusError } from "./rest-error.ts";
import { readListing } from "./rest-listing.ts";
import { rangeOf } from "./rest-range.ts";
import { listConfig } from "../list-config.ts";

/** With it a listing has sizes, if the server can do that. */
const ACCEPT = "application/vnd.x.restic.rest.v2";

/** Where a REST repository is. */
export interface RestPlace {
  /** Without credentials. */
  readonly location: string;
  /** On the server, from `/` to `/`. */
  readonly path: string;
  readonly connections: number;
}

/** See the module comment. Closes its transport. */
export class RestBackend implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly reportsPieces = true;
  readonly #path: string;
  readonly #transport: HttpTransport;
  /** The last write of each name that has not ended. */
  readonly #writes = new Map<string, Promise<unknown>>();
  /** Whether the server is rclone; undefined until it has said anything. */
  #isRclone: boolean | undefined;

  constructor(place: RestPlace, transport: HttpTransport) {
    this.location = place.location;
    this.connections = place.connections;
    this.#path = place.path;
    this.#transport = transport;
  }

  async create(options: CallOptions = {}): Promise<void> {
    const action = `Cannot create a repository in ${this.location}`;
    const path = `${this.#path}?create=true`;
    const response = await this.#send({ method: "POST", path, signal: options.signal }, action);
    if (response.status !== 200) throw statusError(response, action);
  }

  async write(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    const path = this.#pathOf(ref);
    throwIfAborted(options.signal);
    const before = this.#writes.get(path) ?? Promise.resolve();
    const turn = before.then(() => this.#writeAlone(ref, path, bytes, options));
    const ended = turn.catch(() => undefined);
    this.#writes.set(path, ended);
    try {
      await turn;
    } finally {
      if (this.#writes.get(path) === ended) this.#writes.delete(path);
    }
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    options: ReadOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    const path = this.#pathOf(ref);
    const { into, signal, onBytes } = options;
    const action = `Cannot read ${describeFile(ref)} from ${this.location}`;
    const last = range && range.offset + range.length - 1;
    const headers = range && { range: `bytes=${range.offset}-${last}` };
    const response = await this.#send(
      { method: "GET", path, headers, into, signal, onBytes },
      action,
    );
    if (response.status === 200 || response.status === 206) {
      return rangeOf(response, range, action);
    }
    if (response.status === 404 && this.#isRclone === true) {
      // rclone also says so when it cannot read a file that is there.
      await this.stat(ref, options);
      throw new TsbakError("unavailable", `${action}: rclone cannot read it now`);
    }
    throw statusError(response, action);
  }

  async stat(ref: FileRef, options: CallOptions = {}): Promise<FileInfo> {
    const { headers, action } = await this.#head(ref, options);
    const size = contentLength(headers);
    if (size !== undefined) return { name: ref.name, size };
    throw new TsbakError("unavailable", `${action}: the server does not say its size`);
  }

  async clock(ref: FileRef, options: CallOptions = {}): Promise<number> {
    const { headers, action } = await this.#head(ref, options);
    const time = Date.parse(headerOf(headers, "date") ?? "");
    if (!Number.isNaN(time)) return time;
    throw new TsbakError("unavailable", `${action}: the server does not say what time it is`);
  }

  async *list(kind: FileKind, options: CallOptions = {}): AsyncIterable<FileInfo> {
    if (kind === "config") return yield* listConfig(this, options);
    const path = `${this.#path}${KIND_FOLDERS[kind]}/`;
    const action = `Cannot list ${kind} files in ${this.location}`;
    const response = await this.#send({ method: "GET", path, signal: options.signal }, action);
    if (response.status === 404) {
      // Nothing was written yet. But rclone says that by an empty list, and means a failure by this.
      if (this.#isRclone !== true) return;
      throw new TsbakError("unavailable", `${action}: rclone cannot list it now`);
    }
    if (response.status !== 200) throw statusError(response, action);
    const { sized, unsized } = readListing(response.body, action);
    yield* sized;
    yield* this.#statAll(kind, unsized, options);
  }

  async remove(ref: FileRef, options: CallOptions = {}): Promise<void> {
    const path = this.#pathOf(ref);
    const action = `Cannot remove ${describeFile(ref)} from ${this.location}`;
    const response = await this.#send({ method: "DELETE", path, signal: options.signal }, action);
    if (response.status === 200 || response.status === 204) return;
    if (response.status === 404) {
      // rclone also says so when it cannot reach a file that is there.
      const isLeft = this.#isRclone === true && (await this.#statIfThere(ref, options));
      if (!isLeft) return;
      throw new TsbakError("unavailable", `${action}: rclone cannot remove it now`);
    }
    if (response.status !== 403) throw statusError(response, action);
    throw new TsbakError(
      "denied",
      `${action}: the server forbids it (403), as one in append-only mode does; remove it where that is allowed`,
      { cause: statusError(response, action) },
    );
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  /** The protocol has no folders below `data`. */
  #pathOf(ref: FileRef): string {
    checkRef(ref);
    if (ref.kind === "config") return `${this.#path}config`;
    return `${this.#path}${KIND_FOLDERS[ref.kind]}/${ref.name}`;
  }

  async #send(request: HttpRequest, action: string): Promise<HttpResponse> {
    try {
      const headers = { accept: ACCEPT, ...request.headers };
      const response = await this.#transport.request({ ...request, headers });
      this.#isRclone = headerOf(response.headers, "server")?.startsWith("rclone/") ?? false;
      return response;
    } catch (error) {
      throw requestError(error, action);
    }
  }

  async #writeAlone(
    ref: FileRef,
    path: string,
    body: Uint8Array,
    options: CallOptions,
  ): Promise<void> {
    const action = `Cannot write ${describeFile(ref)} to ${this.location}`;
    const { signal, onBytes } = options;
    if (this.#isRclone !== false && (await this.#statIfThere(ref, options)) !== undefined) {
      throw alreadyThere(action);
    }
    const headers = { "content-type": "application/octet-stream" };
    const response = await this.#send(
      { method: "POST", path, headers, body, signal, onBytes },
      action,
    );
    if (response.status === 200 || response.status === 201 || response.status === 204) return;
    if (ref.kind === "trash" && response.status === 404) {
      throw new TsbakError("unsupported", `${action}: the server takes only what restic has (404)`);
    }
    const isRefused = response.status === 403;
    if (isRefused && (await this.#statIfThere(ref, options)) !== undefined) {
      throw alreadyThere(action);
    }
    throw statusError(response, action);
  }

  async #statIfThere(ref: FileRef, options: CallOptions): Promise<FileInfo | undefined> {
    try {
      return await this.stat(ref, options);
    } catch (error) {
      if (isTsbakError(error, "not-found")) return undefined;
      throw error;
    }
  }

  async #head(
    ref: FileRef,
    options: CallOptions,
  ): Promise<{ readonly headers: HttpResponse["headers"]; readonly action: string }> {
    const path = this.#pathOf(ref);
    const action = `Cannot read ${describeFile(ref)} from ${this.location}`;
    const response = await this.#send({ method: "HEAD", path, signal: options.signal }, action);
    if (response.status !== 200) throw statusError(response, action);
    return { headers: response.headers, action };
  }

  /** Sizes for a listing that has none; what is gone meanwhile is left out. */
  async *#statAll(
    kind: FileKind,
    names: readonly string[],
    options: CallOptions,
  ): AsyncIterable<FileInfo> {
    for (let at = 0; at < names.length; at += this.connections) {
      const some = names.slice(at, at + this.connections);
      const found = await Promise.all(
        some.map((name) => this.#statIfThere({ kind, name }, options)),
      );
      for (const file of found) if (file !== undefined) yield file;
    }
  }
}

function alreadyThere(action: string): TsbakError {
  return new TsbakError("already-exists", `${action}: it is there already`);
}
