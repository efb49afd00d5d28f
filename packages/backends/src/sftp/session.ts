/**
 * Requests and answers over one connection. Many requests are under way at once, which is what makes a distant server fast; answers
 * may come in any order.
 *
 * Whatever breaks the protocol ends the session: after one wrong length nothing that follows can be trusted.
 *
 * @module
 */
import type { Readable, Writable } from "node:stream";

import { interruptedError, Semaphore, throwIfAborted, TsbakError } from "@tsbak/core";

import { encodePacket, FieldReader, garbled, PACKET, STATUS, uint32 } from "./packet.ts";
import { PacketParser } from "./packet-parser.ts";
import { StatusError } from "./status-error.ts";

/** An answer that is no status, by the type of its packet. */
export interface Reply {
  readonly type: number;
  /** What follows the request's id; of data, the bytes are in the request's `place`. */
  readonly fields: FieldReader;
  /** Number of bytes of data. */
  readonly length: number;
}

/** What besides its fields belongs to a request. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Where the bytes of the answer go; more than fit there break the protocol. */
  readonly place?: Uint8Array | undefined;
  /** Told of an answer that comes after the signal was aborted: a handle that must be closed. */
  readonly onLate?: ((reply: Reply) => void) | undefined;
}

interface Pending {
  readonly options: RequestOptions;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  isAborted: boolean;
}

const VERSION = 3;
const NOTHING = new FieldReader(Buffer.alloc(0));
const LARGEST_ID = 2 ** 32;
/** How long an aborted write may wait until ssh has taken the bytes that were handed to it. */
const FLUSH_MS = 2000;

/** See the module comment. */
export class SftpSession {
  /** Names of what the server can do beyond the protocol. */
  readonly extensions: Set<string> = new Set();
  /** Resolves when the server has answered the greeting; rejects as `failure` if the session ends before. */
  readonly ready: Promise<void>;
  /** Resolves when the session is over. */
  readonly ended: Promise<void>;
  /** Told when an answer is awaited (true), and when none is any more (false); also that to the greeting counts. */
  onBusy: (isBusy: boolean) => void = () => undefined;
  readonly #input: Writable;
  readonly #output: Readable;
  readonly #parser: PacketParser;
  readonly #pending = new Map<number, Pending>();
  readonly #idsBySignal = new Map<AbortSignal, Set<number>>();
  readonly #abortAll = (event: Event): void => {
    const ids = this.#idsBySignal.get(event.target as AbortSignal) ?? [];
    for (const id of [...ids]) this.#abort(id);
  };
  /** Lets bytes of files in one at a time, so that small requests do not wait behind many large ones. */
  readonly #gate = new Semaphore(1);
  readonly #greeting = new Signal();
  readonly #end = new Signal();
  #nextId = 0;
  #isReady = false;
  #failure: Error | undefined;
  #lastHeard = performance.now();

  /** Both streams are the session's from now on. */
  constructor(output: Readable, input: Writable) {
    this.#output = output;
    this.#input = input;
    this.ended = this.#end.raised;
    this.ready = Promise.race([this.#greeting.raised, this.ended]).then(() => {
      if (this.#failure !== undefined) throw this.#failure;
    });
    // Nobody need wait for it.
    this.ready.catch(() => undefined);
    this.#parser = new PacketParser({
      onPacket: (type, body) => this.#onPacket(type, new FieldReader(body)),
      placeFor: (id, length) => this.#placeFor(id, length),
      onData: (id, length) => this.#answer(id, { type: PACKET.data, fields: NOTHING, length }),
    });
    output.on("data", (chunk: Uint8Array) => this.#feed(chunk));
    this.#input.write(encodePacket(PACKET.init, [uint32(VERSION)]));
  }

  /** Whether the server has answered the greeting. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why it is over; undefined while it is not. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** For how many milliseconds the server has owed an answer and said nothing. */
  get silenceMs(): number {
    return this.#pending.size === 0 ? 0 : performance.now() - this.#lastHeard;
  }

  /** End it: every call that waits rejects with `reason`, the first time. */
  fail(reason: unknown): void {
    if (this.#failure !== undefined) return;
    const error = reason instanceof Error ? reason : new Error(String(reason));
    this.#failure = error;
    this.#output.removeAllListeners("data").resume();
    this.#input.destroy();
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
    this.#end.raise();
  }

  /**
   * Send a request and wait for its answer.
   *
   * @throws {StatusError} If the server answers with a failure.
   * @throws {TsbakError} `interrupted` as soon as the signal is aborted; or why the session is over.
   */
  request(
    type: number,
    fields: readonly Uint8Array[],
    options: RequestOptions = {},
  ): Promise<Reply> {
    return this.#send(options, (id) =>
      this.#input.write(encodePacket(type, [uint32(id), ...fields])),
    );
  }

  /**
   * Send a request whose last field is `payload`. Resolves when ssh has taken the bytes, with what will be the answer. When it
   * has rejected, `payload` is not read any more.
   */
  async requestWith(
    type: number,
    fields: readonly Uint8Array[],
    payload: Uint8Array,
    options: RequestOptions = {},
  ): Promise<{ readonly answer: Promise<Reply> }> {
    const release = await this.#gate.acquire(options.signal);
    try {
      const taken = new Signal();
      const answer = this.#send(options, (id) => {
        const head = [uint32(id), ...fields, uint32(payload.length)];
        this.#input.cork();
        this.#input.write(encodePacket(type, head, payload.length));
        this.#input.write(payload, () => taken.raise());
        this.#input.uncork();
      });
      // It is awaited only once the bytes are gone.
      answer.catch(() => undefined);
      if (this.#failure === undefined) await this.#untilTaken(taken.raised, options.signal);
      return { answer };
    } finally {
      release();
    }
  }

  #send(options: RequestOptions, write: (id: number) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) throw this.#failure;
      throwIfAborted(options.signal);
      const id = this.#nextId;
      this.#nextId = (id + 1) % LARGEST_ID;
      const settled = this.#onAbort(options.signal, id);
      const pending: Pending = {
        options,
        resolve: (reply) => (settled(), resolve(reply)),
        reject: (error) => (settled(), reject(error as Error)),
        isAborted: false,
      };
      if (this.#pending.size === 0) {
        this.#lastHeard = performance.now();
        this.onBusy(true);
      }
      this.#pending.set(id, pending);
      write(id);
    });
  }

  /** Gives what ends it. A signal has one listener for all its requests: of many the system warns. */
  #onAbort(signal: AbortSignal | undefined, id: number): () => void {
    if (signal === undefined) return () => undefined;
    let ids = this.#idsBySignal.get(signal);
    if (ids === undefined) {
      ids = new Set();
      this.#idsBySignal.set(signal, ids);
      signal.addEventListener("abort", this.#abortAll);
    }
    ids.add(id);
    return () => {
      if (!ids.delete(id) || ids.size > 0) return;
      this.#idsBySignal.delete(signal);
      signal.removeEventListener("abort", this.#abortAll);
    };
  }

  /** The answer is still awaited, so that it is told from one to nothing. */
  #abort(id: number): void {
    const pending = this.#pending.get(id);
    if (pending?.options.signal === undefined) return;
    pending.isAborted = true;
    this.#parser.forget(id);
    pending.reject(interruptedError(pending.options.signal));
  }

  /** The memory is the caller's again after an abort: either ssh has taken the bytes until then, or the connection goes. */
  async #untilTaken(taken: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    if (signal === undefined) return taken;
    let timer: NodeJS.Timeout | undefined;
    const giveUp = (): void => {
      timer = setTimeout(() => this.#input.destroy(), FLUSH_MS);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    await taken;
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (this.#pending.delete(id) && this.#pending.size === 0) this.onBusy(false);
    return pending;
  }

  #feed(chunk: Uint8Array): void {
    this.#lastHeard = performance.now();
    try {
      this.#parser.feed(chunk);
    } catch (error) {
      this.fail(this.#isReady ? error : (noGreeting(chunk) ?? error));
    }
  }

  #onPacket(type: number, fields: FieldReader): void {
    if (!this.#isReady) return this.#onGreeting(type, fields);
    const id = fields.uint32();
    if (type !== PACKET.status) return this.#answer(id, { type, fields, length: 0 });
    const status = fields.uint32();
    if (status === STATUS.ok) return this.#answer(id, { type, fields, length: 0 });
    // Servers older than this version of the protocol send no text.
    const message = fields.left >= 4 ? fields.string().toString("utf8").slice(0, 200) : "";
    const pending = this.#take(id);
    if (pending === undefined) throw garbled("it answers what was not asked");
    pending.reject(new StatusError(status, message));
  }

  #onGreeting(type: number, fields: FieldReader): void {
    if (type !== PACKET.version) throw garbled("it does not begin with its version");
    const version = fields.uint32();
    if (version !== VERSION) throw garbled(`it speaks version ${version}, not ${VERSION}`);
    while (fields.left > 0) {
      this.extensions.add(fields.string().toString("utf8"));
      fields.string();
    }
    this.#isReady = true;
    this.onBusy(false);
    this.#greeting.raise();
  }

  #placeFor(id: number, length: number): Uint8Array | undefined {
    const pending = this.#pending.get(id);
    if (pending?.isAborted === true) return undefined;
    const place = pending?.options.place;
    if (place === undefined) throw garbled("it sends data that were not asked for");
    if (place.length < length) throw garbled("it sends more data than were asked for");
    return place;
  }

  #answer(id: number, reply: Reply): void {
    const pending = this.#take(id);
    if (pending === undefined) throw garbled("it answers what was not asked");
    if (pending.isAborted) pending.options.onLate?.(reply);
    else pending.resolve(reply);
  }
}

/** Something that happens once. */
class Signal {
  raise: () => void = () => undefined;
  readonly raised = new Promise<void>((resolve) => {
    this.raise = resolve;
  });
}

/** What is wrong if the server begins with text for people; undefined if it does not. */
function noGreeting(chunk: Uint8Array): TsbakError | undefined {
  const text = Buffer.from(chunk).toString("latin1").slice(0, 60);
  if (!/^[\t\r\n -~]{4}/.test(text)) return undefined;
  const shown = text.replace(/[^ -~]+/g, " ").trim();
  return new TsbakError(
    "unsupported",
    `what answers does not speak SFTP but says "${shown}"; if a start-up file of the login shell prints that, have it print nothing when nobody looks`,
  );
}
