import type { CallOptions } from "@tsbak/core";

import {
  garbled,
  OPEN,
  PACKET,
  permissions,
  string,
  uint32,
  uint64,
  type FieldReader,
  type FileAttributes,
} from "./packet.ts";
import type { Reply, SftpSession } from "./session.ts";
import { hasStatus, StatusError } from "./status-error.ts";

/** What the server calls an open file or folder. */
export type Handle = Uint8Array;

/** One name of a folder. */
export interface FolderEntry extends FileAttributes {
  readonly name: string;
}

/** Room on a file system. */
export interface Room {
  /** For those who are not root, in bytes. */
  readonly freeBytes: number;
  /** Some file systems do not count them; then it is infinite. */
  readonly freeFiles: number;
}

/** What OpenSSH takes, and what every server must (section 3 of the draft). In bytes. */
const LARGEST_CHUNK = 255 * 1024;
const USUAL_CHUNK = 32 * 1024;

/**
 * The requests of SFTP version 3 that a repository needs, one method each, and OpenSSH's additions to them. Each rejects with a
 * `StatusError` if the server refuses, or with a `TsbakError` as `SftpSession.request` does.
 */
export class SftpClient {
  /** Most bytes of one read, and of one write. */
  readChunk: number = USUAL_CHUNK;
  writeChunk: number = USUAL_CHUNK;
  readonly #session: SftpSession;

  /** The session must be ready. */
  constructor(session: SftpSession) {
    this.#session = session;
  }

  /** Whether the server has an addition of OpenSSH's, by its name without the domain. */
  can(extension: string): boolean {
    return this.#session.extensions.has(`${extension}@openssh.com`);
  }

  /** Ask how much the server takes at once. Without an answer it is what every server takes. */
  async learnLimits(): Promise<void> {
    if (!this.can("limits")) return;
    try {
      const { fields } = await this.#extended("limits", []);
      fields.uint64();
      const limits = { read: fields.uint64(), write: fields.uint64() };
      this.readChunk = Math.min(limits.read || USUAL_CHUNK, LARGEST_CHUNK);
      this.writeChunk = Math.min(limits.write || USUAL_CHUNK, LARGEST_CHUNK);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }

  openToRead(path: string, options: CallOptions = {}): Promise<Handle> {
    return this.#open(
      PACKET.open,
      [string(path), uint32(OPEN.read), permissions(undefined)],
      options,
    );
  }

  /** A file that is not there yet. */
  openToWrite(path: string, mode: number, options: CallOptions = {}): Promise<Handle> {
    const flags = OPEN.write | OPEN.create | OPEN.exclusive;
    return this.#open(PACKET.open, [string(path), uint32(flags), permissions(mode)], options);
  }

  /** As `close`, without telling how it ended: nothing depends on that. */
  closeLater(handle: Handle): void {
    this.close(handle).catch(() => undefined);
  }

  async close(handle: Handle): Promise<void> {
    await this.#session.request(PACKET.close, [string(handle)]);
  }

  /**
   * Read to the beginning of `place`; the number of bytes may be less than its length, and is 0 at the end of the file.
   */
  async read(
    handle: Handle,
    offset: number,
    place: Uint8Array,
    options: CallOptions = {},
  ): Promise<number> {
    const fields = [string(handle), uint64(offset), uint32(place.length)];
    try {
      const reply = await this.#session.request(PACKET.read, fields, { ...options, place });
      return this.#expect(reply, PACKET.data).length;
    } catch (error) {
      if (hasStatus(error, "endOfFile")) return 0;
      throw error;
    }
  }

  /** Resolves when the bytes are on their way, with what resolves when they have arrived. */
  async write(
    handle: Handle,
    offset: number,
    bytes: Uint8Array,
    options: CallOptions = {},
  ): Promise<{ readonly answer: Promise<unknown> }> {
    const fields = [string(handle), uint64(offset)];
    return this.#session.requestWith(PACKET.write, fields, bytes, options);
  }

  async stat(path: string, options: CallOptions = {}): Promise<FileAttributes> {
    const reply = await this.#session.request(PACKET.stat, [string(path)], options);
    return this.#decode(reply, PACKET.attributes, (fields) => fields.attributes());
  }

  async statOpen(handle: Handle, options: CallOptions = {}): Promise<FileAttributes> {
    const reply = await this.#session.request(PACKET.fstat, [string(handle)], options);
    return this.#decode(reply, PACKET.attributes, (fields) => fields.attributes());
  }

  async setMode(path: string, mode: number, options: CallOptions = {}): Promise<void> {
    await this.#session.request(PACKET.setstat, [string(path), permissions(mode)], options);
  }

  async setModeOpen(handle: Handle, mode: number, options: CallOptions = {}): Promise<void> {
    await this.#session.request(PACKET.fsetstat, [string(handle), permissions(mode)], options);
  }

  async makeFolder(path: string, mode: number, options: CallOptions = {}): Promise<void> {
    await this.#session.request(PACKET.mkdir, [string(path), permissions(mode)], options);
  }

  async remove(path: string, options: CallOptions = {}): Promise<void> {
    await this.#session.request(PACKET.remove, [string(path)], options);
  }

  /** As `remove`, without telling how it ended. */
  removeLater(path: string): void {
    this.remove(path).catch(() => undefined);
  }

  /** Refused if `target` is there, as the draft wants it; some servers replace it. */
  async rename(source: string, target: string, options: CallOptions = {}): Promise<void> {
    await this.#session.request(PACKET.rename, [string(source), string(target)], options);
  }

  /** Takes the place of `target` if that is there, in one step. */
  async renameOver(source: string, target: string, options: CallOptions = {}): Promise<void> {
    await this.#extended("posix-rename", [string(source), string(target)], options);
  }

  /** Refused if `target` is there. */
  async link(source: string, target: string, options: CallOptions = {}): Promise<void> {
    await this.#extended("hardlink", [string(source), string(target)], options);
  }

  /** Resolves when file or folder are on the disk. */
  async sync(handle: Handle, options: CallOptions = {}): Promise<void> {
    await this.#extended("fsync", [string(handle)], options);
  }

  async findRoom(path: string): Promise<Room> {
    const reply = await this.#extended("statvfs", [string(path)]);
    return this.#decode(reply, PACKET.extendedReply, (fields) => {
      const numbers = Array.from({ length: 8 }, () => fields.uint64());
      const [, blockSize = 0, , , freeBlocks = 0, files = 0, , freeFiles = 0] = numbers;
      return { freeBytes: blockSize * freeBlocks, freeFiles: files === 0 ? Infinity : freeFiles };
    });
  }

  /** The names of a folder in pieces, in the order of the server. */
  async *readFolder(path: string, options: CallOptions = {}): AsyncGenerator<FolderEntry[]> {
    const handle = await this.#open(PACKET.opendir, [string(path)], options);
    try {
      for (;;) {
        const reply = await this.#session.request(PACKET.readdir, [string(handle)], options);
        yield this.#decode(reply, PACKET.name, decodeEntries);
      }
    } catch (error) {
      if (!hasStatus(error, "endOfFile")) throw error;
    } finally {
      this.closeLater(handle);
    }
  }

  async #open(type: number, fields: Uint8Array[], options: CallOptions): Promise<Handle> {
    const decode = (reply: Reply): Handle =>
      this.#decode(reply, PACKET.handle, (answer) => answer.string());
    const onLate = (reply: Reply): void => this.closeLater(decode(reply));
    return decode(await this.#session.request(type, fields, { ...options, onLate }));
  }

  #extended(name: string, fields: Uint8Array[], options: CallOptions = {}): Promise<Reply> {
    const named = [string(`${name}@openssh.com`), ...fields];
    return this.#session.request(PACKET.extended, named, options);
  }

  #decode<T>(reply: Reply, type: number, decode: (fields: FieldReader) => T): T {
    try {
      return decode(this.#expect(reply, type).fields);
    } catch (error) {
      this.#session.fail(error);
      throw error;
    }
  }

  #expect(reply: Reply, type: number): Reply {
    if (reply.type === type) return reply;
    const error = garbled(`it answers with a packet of type ${reply.type}, not ${type}`);
    this.#session.fail(error);
    throw error;
  }
}

function decodeEntries(fields: FieldReader): FolderEntry[] {
  const entries: FolderEntry[] = [];
  for (let count = fields.uint32(); count > 0; count--) {
    const name = fields.string().toString("latin1");
    // As `ls -l` shows it.
    fields.string();
    entries.push({ name, ...fields.attributes() });
  }
  return entries;
}
