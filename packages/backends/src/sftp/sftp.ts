import { randomBytes } from "node:crypto";

import {
  checkRange,
  defaultLayoutPath,
  describeFile,
  FIRST_FOLDERS,
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
  MisplacedPacks,
  ReadOptions,
} from "@tsbak/core";

import type { SftpClient } from "./client.ts";
import type { SftpConnection, UseOptions } from "./connection.ts";
import { listFiles, listPrefixes, sizeOf } from "./listing.ts";
import { SftpMisplacedPacks } from "./misplaced.ts";
import { makeFolder, makeFolderWithParents } from "./make-folder.ts";
import type { FileAttributes } from "./packet.ts";
import { publishFile, removeFile, replaceFile, type NewFile } from "./publish.ts";
import { sftpError } from "./sftp-error.ts";
import { hasStatus } from "./status-error.ts";
import { download } from "./transfer.ts";
import { listConfig } from "../list-config.ts";

/** Modes of folders and files while they are made; files become read-only once they are complete. */
interface Modes {
  readonly folder: number;
  readonly file: number;
}

const PRIVATE: Modes = { folder: 0o700, file: 0o600 };
const SHARED_WITH_GROUP: Modes = { folder: 0o770, file: 0o660 };
/** A call that moves so many bytes is worth a channel of its own. */
const LARGE = 1 << 20;
/** Folders that are listed at once. */
const FOLDERS_AT_ONCE = 128;

/** What the backend is told besides the connection. */
export interface SftpPlace {
  /** For messages. */
  readonly location: string;
  /** The repository's folder on the server. */
  readonly root: string;
  readonly connections: number;
}

/** A repository in a folder of a server, in restic's default layout with restic's file modes. */
export class SftpBackend implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly reportsPieces = true;
  readonly misplacedPacks: MisplacedPacks;
  readonly #root: string;
  readonly #connection: SftpConnection;
  #modes: Modes | undefined;
  /** Temporary files that could not be removed, because the connection was lost. */
  readonly #abandoned = new Set<string>();

  constructor(connection: SftpConnection, place: SftpPlace) {
    this.#connection = connection;
    this.location = place.location;
    this.connections = place.connections;
    this.#root = place.root;
    this.misplacedPacks = new SftpMisplacedPacks(
      (action, options, work) => this.#call(action, options, work),
      (path) => this.#pathOf(path),
    );
  }

  create(options: CallOptions = {}): Promise<void> {
    return this.#call("create a repository in", options, async (client) => {
      const { folder } = await this.#findModes(client, options);
      const data = Array.from(
        { length: 256 },
        (_, at) => `${KIND_FOLDERS.pack}/${at.toString(16).padStart(2, "0")}`,
      );
      await makeFolderWithParents(client, this.#root, folder, options);
      // All at once: otherwise a distant server takes minutes for them.
      for (const names of [FIRST_FOLDERS, data]) {
        const paths = names.map((name) => this.#pathOf(name));
        await Promise.all(paths.map((path) => makeFolder(client, path, folder, options)));
      }
    });
  }

  async write(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.#put(ref, bytes, options, async (client, file, { folder }) => {
      try {
        await publishFile(client, file, options);
      } catch (error) {
        if (!hasStatus(error, "noSuchFile")) throw error;
        await this.#makeFolderOf(client, ref, folder, options);
        await publishFile(client, file, options);
      }
    });
  }

  async replace(ref: FileRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.#put(ref, bytes, options, async (client, file) => {
      try {
        await replaceFile(client, file, options);
      } catch (error) {
        if (!hasStatus(error, "permissionDenied")) throw error;
        // On Windows a file that is read-only cannot be replaced.
        await client.setMode(file.path, PRIVATE.file, options);
        await client.remove(file.temporary, options).catch(() => undefined);
        await replaceFile(client, file, options);
      }
    });
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    options: ReadOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    const path = this.#pathOf(defaultLayoutPath(ref));
    // Only packs are large if nobody says so.
    const isLarge = range === undefined ? ref.kind === "pack" : range.length >= LARGE;
    return this.#call(`read ${describeFile(ref)} from`, { ...options, isLarge }, async (client) => {
      const { bytes, attributes } = await download(client, path, range, options);
      this.#noteModes(ref, attributes);
      return bytes;
    });
  }

  async stat(ref: FileRef, options: CallOptions = {}): Promise<FileInfo> {
    const path = this.#pathOf(defaultLayoutPath(ref));
    return this.#call(`read ${describeFile(ref)} from`, options, async (client) => {
      const attributes = await client.stat(path, options);
      this.#noteModes(ref, attributes);
      return { name: ref.name, size: sizeOf(attributes) };
    });
  }

  async clock(ref: FileRef, options: CallOptions = {}): Promise<number> {
    const path = this.#pathOf(defaultLayoutPath(ref));
    return this.#call(`read ${describeFile(ref)} from`, options, async (client) => {
      const { modified } = await client.stat(path, options);
      if (modified !== undefined) return modified * 1000;
      throw new TsbakError("unavailable", "the server does not tell the time of files");
    });
  }

  async *list(kind: FileKind, options: CallOptions = {}): AsyncIterable<FileInfo> {
    throwIfAborted(options.signal);
    if (kind === "config") return yield* listConfig(this, options);
    const top = this.#pathOf(KIND_FOLDERS[kind]);
    const list = (path: string, prefix: string): Promise<FileInfo[]> =>
      this.#call(`list ${path} in`, options, (client) => listFiles(client, path, prefix, options));
    if (kind !== "pack") return yield* await list(top, "");
    const prefixes = await this.#call(`list ${top} in`, options, (client) =>
      listPrefixes(client, top, options),
    );
    const listings: Promise<FileInfo[]>[] = [];
    for (let at = 0; at < prefixes.length; at++) {
      for (const prefix of prefixes.slice(listings.length, at + FOLDERS_AT_ONCE)) {
        const listing = list(`${top}/${prefix}`, prefix);
        // It is awaited later, or not at all if another fails.
        listing.catch(() => undefined);
        listings.push(listing);
      }
      yield* (await listings[at]) ?? [];
    }
  }

  async remove(ref: FileRef, options: CallOptions = {}): Promise<void> {
    const path = this.#pathOf(defaultLayoutPath(ref));
    const folder = path.slice(0, path.lastIndexOf("/"));
    // An index that comes back after a power loss would name packs that are gone; a pack that comes back is harmless.
    const isDurable = ref.kind !== "pack" && ref.kind !== "lock";
    const { signal } = options;
    await this.#call(`remove ${describeFile(ref)} from`, options, async (client) => {
      try {
        await removeFile(client, path, folder, { isDurable, signal });
      } catch (error) {
        if (hasStatus(error, "noSuchFile")) return;
        if (!hasStatus(error, "permissionDenied")) throw error;
        // On Windows a file that is read-only cannot be removed.
        await client.setMode(path, PRIVATE.file, options);
        await removeFile(client, path, folder, { isDurable, signal });
      }
    });
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #put(
    ref: FileRef,
    bytes: Uint8Array,
    options: CallOptions,
    work: (client: SftpClient, file: NewFile, modes: Modes) => Promise<void>,
  ): Promise<void> {
    const path = this.#pathOf(defaultLayoutPath(ref));
    const folder = path.slice(0, path.lastIndexOf("/"));
    const temporary = `${path}-tmp-${randomBytes(8).toString("hex")}`;
    const isLarge = bytes.length >= LARGE;
    await this.#call(`write ${describeFile(ref)} to`, { ...options, isLarge }, async (client) => {
      const modes = await this.#findModes(client, options);
      try {
        await work(client, { folder, path, temporary, mode: modes.file, bytes }, modes);
      } catch (error) {
        this.#abandon(client, temporary);
        throw error;
      }
    });
  }

  #pathOf(name: string): string {
    return this.#root === "/" ? `/${name}` : `${this.#root}/${name}`;
  }

  async #call<T>(
    action: string,
    options: UseOptions,
    work: (client: SftpClient) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#connection.use(options, async (client) => {
        this.#removeAbandoned(client);
        return work(client);
      });
    } catch (error) {
      const missing = action.startsWith("write") ? "unavailable" : "not-found";
      throw sftpError(error, `Cannot ${action} ${this.location}`, missing);
    }
  }

  /** restic's rule: what is made in a repository whose config the group may read is shared with the group. */
  async #findModes(client: SftpClient, options: CallOptions): Promise<Modes> {
    if (this.#modes !== undefined) return this.#modes;
    try {
      const attributes = await client.stat(this.#pathOf("config"), options);
      return this.#noteModes({ kind: "config", name: "" }, attributes) ?? PRIVATE;
    } catch (error) {
      if (isTsbakError(error)) throw error;
      return PRIVATE;
    }
  }

  #noteModes(ref: FileRef, attributes: FileAttributes | undefined): Modes | undefined {
    if (ref.kind !== "config" || attributes?.mode === undefined) return undefined;
    return (this.#modes = (attributes.mode & 0o040) === 0 ? PRIVATE : SHARED_WITH_GROUP);
  }

  /** Not the root: if it is gone (a disk that is not mounted), the write must fail, not fill another disk. */
  async #makeFolderOf(
    client: SftpClient,
    ref: FileRef,
    mode: number,
    options: CallOptions,
  ): Promise<void> {
    if (ref.kind === "config") return;
    const top = this.#pathOf(KIND_FOLDERS[ref.kind]);
    if (ref.kind === "trash") await makeFolder(client, this.#pathOf("tsbak"), mode, options);
    await makeFolder(client, top, mode, options);
    if (ref.kind !== "pack") return;
    await makeFolder(client, `${top}/${ref.name.slice(0, 2)}`, mode, options);
  }

  #abandon(client: SftpClient, path: string): void {
    client.remove(path).catch((error: unknown) => {
      if (!hasStatus(error, "noSuchFile")) this.#abandoned.add(path);
    });
  }

  #removeAbandoned(client: SftpClient): void {
    const paths = [...this.#abandoned];
    this.#abandoned.clear();
    for (const path of paths) client.removeLater(path);
  }
}
