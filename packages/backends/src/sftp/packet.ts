/**
 * The bytes of SFTP version 3 (draft-ietf-secsh-filexfer-02): a packet is its length, its type and fields; numbers are big-endian.
 *
 * @module
 */
import { TsbakError } from "@tsbak/core";

/** Types of packets (section 3). */
export const PACKET = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  stat: 17,
  rename: 18,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 200,
  extendedReply: 201,
} as const;

/** Codes of a status (section 7). OpenSSH says `failure` for everything that has no code of its own, a full disk for one. */
export const STATUS = {
  ok: 0,
  endOfFile: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  unsupported: 8,
} as const;

/** How a file is opened (section 6.3). */
export const OPEN = { read: 1, write: 2, create: 8, exclusive: 32 } as const;

/** What the server says of a file; what it does not say is undefined. */
export interface FileAttributes {
  /** In bytes. */
  readonly size: number | undefined;
  /** Type and permissions, as in POSIX. */
  readonly mode: number | undefined;
  /** Seconds since 1970. */
  readonly modified: number | undefined;
}

const SIZE = 1;
const OWNER = 2;
const PERMISSIONS = 4;
const TIMES = 8;
const EXTENDED = 0x80000000;

/** A whole packet but for `following` bytes, which the caller sends after it. */
export function encodePacket(
  type: number,
  fields: readonly Uint8Array[],
  following = 0,
): Uint8Array {
  const length = fields.reduce((sum, field) => sum + field.length, 1 + following);
  return Buffer.concat([uint32(length), Uint8Array.of(type), ...fields]);
}

/** Four bytes. */
export function uint32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Eight bytes of a number up to 2^53. */
export function uint64(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A length and so many bytes; text is UTF-8. */
export function string(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** Attributes that hold only permissions; none if undefined. */
export function permissions(mode: number | undefined): Uint8Array {
  return mode === undefined ? uint32(0) : Buffer.concat([uint32(PERMISSIONS), uint32(mode)]);
}

/**
 * Reads fields one after another.
 *
 * @throws {TsbakError} `unavailable` from each method if the packet ends before the field.
 */
export class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** Numbers that are too large to be exact become 2^53. */
  uint64(): number {
    const value = this.#bytes.readBigUInt64BE(this.#take(8));
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? 2 ** 53 : Number(value);
  }

  /** A view on the packet. */
  string(): Buffer {
    const length = this.uint32();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  attributes(): FileAttributes {
    const flags = this.uint32();
    const size = (flags & SIZE) === 0 ? undefined : this.uint64();
    if ((flags & OWNER) !== 0) this.#take(8);
    const mode = (flags & PERMISSIONS) === 0 ? undefined : this.uint32();
    const times = (flags & TIMES) === 0 ? [] : [this.uint32(), this.uint32()];
    if ((flags & EXTENDED) !== 0) {
      for (let count = this.uint32(); count > 0; count--) {
        this.string();
        this.string();
      }
    }
    return { size, mode, modified: times[1] };
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.left) throw garbled("a packet ends in the middle of a field");
    this.#at += length;
    return start;
  }
}

/** The error of a server that breaks the protocol; the connection is of no use any more. */
export function garbled(what: string): TsbakError {
  return new TsbakError(
    "unavailable",
    `the server does not keep to the SFTP protocol (${what}); look at what it logs`,
  );
}
