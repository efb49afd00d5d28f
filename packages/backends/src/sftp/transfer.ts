/**
 * Bytes of files, with many requests on their way at once: a distant server is then as fast as the line to it.
 *
 * @module
 */
import { TsbakError } from "@tsbak/core";
import type { ByteRange, CallOptions, OnBytes, ReadOptions } from "@tsbak/core";

import type { Handle, SftpClient } from "./client.ts";
import type { FileAttributes } from "./packet.ts";
import { memoryFor } from "../memory-for.ts";

/** Requests of one file that are under way at once. */
const WINDOW = 64;
/** Pieces are no larger where somebody holds them back, so that they flow evenly. In bytes. */
const PACED_CHUNK = 64 * 1024;
/** Asked for together with the size: small files are there at once. In bytes. */
const FIRST_READ = 32 * 1024;

/**
 * Write `bytes` to the beginning of a file. Resolves when they are all on their way and `bytes` is not read any more, with what
 * resolves when the server has them.
 */
export async function upload(
  client: SftpClient,
  handle: Handle,
  bytes: Uint8Array,
  options: CallOptions = {},
): Promise<{ readonly stored: Promise<void> }> {
  // Streams take memory that threads share only as a Buffer.
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const window = new Window();
  const pieces = new Pieces(source.length, client.writeChunk, options.onBytes);
  for (let next = await pieces.next(); next !== undefined; next = await pieces.next()) {
    await window.makeRoom();
    const chunk = source.subarray(next.start, next.end);
    const { answer } = await client.write(handle, next.start, chunk, options);
    window.add(answer);
  }
  const stored = window.empty();
  stored.catch(() => undefined);
  return { stored };
}

/** A file, or a range of it, and what the server says of the file if it was asked. */
export interface Download {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly attributes: FileAttributes | undefined;
}

/**
 * Read a file, or a range of it, to the memory that is lent if that is long enough.
 *
 * @throws {TsbakError} `corrupt` if the range ends beyond the end of the file.
 */
export async function download(
  client: SftpClient,
  path: string,
  range: ByteRange | undefined,
  options: ReadOptions,
): Promise<Download> {
  const { into, signal } = options;
  const handle = await client.openToRead(path, { signal });
  try {
    if (range === undefined) return await readWhole(client, handle, options);
    const bytes = memoryFor(range.length, into);
    if (!(await readAll(client, handle, range.offset, bytes, options))) {
      throw new TsbakError(
        "corrupt",
        `${range.offset + range.length} bytes are wanted of a file that is shorter`,
      );
    }
    return { bytes, attributes: undefined };
  } finally {
    client.closeLater(handle);
  }
}

async function readWhole(
  client: SftpClient,
  handle: Handle,
  options: ReadOptions,
): Promise<Download> {
  const { into, signal } = options;
  const first = Buffer.allocUnsafeSlow(FIRST_READ);
  const [attributes, got] = await Promise.all([
    client.statOpen(handle, { signal }),
    client.read(handle, 0, first, { signal }),
  ]);
  const { size } = attributes;
  if (size === undefined || size >= 2 ** 53) throw unsure("the server does not tell its size");
  const bytes = memoryFor(size, into);
  const known = Math.min(got, size);
  if (known > 0) await options.onBytes?.(known);
  bytes.set(first.subarray(0, known));
  if (!(await readAll(client, handle, known, bytes.subarray(known), options))) {
    throw unsure(`the server sends less than the ${size} bytes that it has`);
  }
  return { bytes, attributes };
}

/** Fill `place` from `offset` on; false if the file ends before. */
async function readAll(
  client: SftpClient,
  handle: Handle,
  offset: number,
  place: Uint8Array,
  { signal, onBytes }: CallOptions,
): Promise<boolean> {
  const window = new Window();
  let isComplete = true;
  const readChunk = async (at: number, end: number): Promise<void> => {
    // A server may send less than it was asked for.
    while (at < end && isComplete) {
      const count = await client.read(handle, offset + at, place.subarray(at, end), { signal });
      if (count === 0) isComplete = false;
      at += count;
    }
    await pieces.noteArrival();
  };
  const pieces = new Pieces(place.length, client.readChunk, onBytes);
  try {
    for (let next = await pieces.next(); next && isComplete; next = await pieces.next()) {
      await window.makeRoom();
      window.add(readChunk(next.start, next.end));
    }
  } finally {
    await window.settle();
  }
  await window.empty();
  return isComplete;
}

function unsure(what: string): TsbakError {
  return new TsbakError("unavailable", `${what}; repeat`);
}

/** Cuts contents of a file into the parts of one request each, as fast as whoever is told of them wants. */
class Pieces {
  readonly #length: number;
  readonly #onBytes: OnBytes | undefined;
  #size: number;
  #at = 0;
  #held: Promise<void> | undefined;

  constructor(length: number, size: number, onBytes: OnBytes | undefined) {
    this.#length = length;
    this.#size = size;
    this.#onBytes = onBytes;
  }

  /** Undefined at the end. */
  async next(): Promise<{ readonly start: number; readonly end: number } | undefined> {
    // Nobody is told of a piece while the one before is held back.
    await this.#held;
    const start = this.#at;
    const end = Math.min(start + this.#size, this.#length);
    if (start === end) return undefined;
    this.#at = end;
    await this.#tell(end - start);
    return { start, end };
  }

  /** That bytes have come is a sign of life, though they are counted already; where they flow evenly it is not needed. */
  async noteArrival(): Promise<void> {
    if (this.#held === undefined) await this.#tell(0);
  }

  #tell(count: number): Promise<void> | undefined {
    const held = this.#onBytes?.(count);
    if (held === undefined) return undefined;
    this.#size = Math.min(this.#size, PACED_CHUNK);
    return (this.#held = held);
  }
}

/** Requests under way, at most `WINDOW`. `makeRoom` and `empty` throw what the first that failed threw, when none is under way any more. */
class Window {
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  add(call: Promise<unknown>): void {
    const running: Promise<void> = call
      .then(() => undefined)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async makeRoom(): Promise<void> {
    if (this.#running.size >= WINDOW) await Promise.race(this.#running);
    if (this.#failure !== undefined) await this.empty();
  }

  /** Wait until none is under way, however they ended. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async empty(): Promise<void> {
    await this.settle();
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
