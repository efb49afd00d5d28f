import { isTsbakError, throwIfAborted, TsbakError, untilAborted } from "@tsbak/core";
import type { CallOptions } from "@tsbak/core";

import type { SftpClient } from "./client.ts";
import { Line } from "./line.ts";
import type { SftpCommand } from "./ssh-command.ts";
import { shareConnection, type SharedCommands } from "./ssh-sharing.ts";

/** What a call is like, besides its signal. */
export interface UseOptions extends CallOptions {
  /** Whether it moves many bytes. */
  readonly isLarge?: boolean | undefined;
}

/**
 * Nothing heard for so long although an answer is due: if somebody then gives up on a call, the next gets a new connection. As long
 * as nobody does, the slowness of a server is borne.
 */
const SILENT_MS = 10_000;
/** Channels of one connection; servers allow ten unless told otherwise. */
const MOST_LINES = 4;

/**
 * The one connection that all calls share. It is made when the first call needs it, and anew when it was lost: the calls that were
 * under way fail, the next one connects. Where ssh can, calls that move many bytes at once get further channels of it.
 */
export class SftpConnection {
  readonly #command: SftpCommand;
  readonly #onNotice: (line: string) => void;
  #connecting: Promise<Trunk> | undefined;
  /** What `#connecting` resolved with. */
  #trunk: Trunk | undefined;
  /** What is to end before the store is closed. */
  readonly #ending = new Set<Promise<void>>();

  constructor(command: SftpCommand, onNotice: (line: string) => void) {
    this.#command = command;
    this.#onNotice = onNotice;
  }

  /**
   * Make a call to the server.
   *
   * @throws {TsbakError} `denied`, `unsupported`, `invalid-argument` or `unavailable` if there is no connection to be had;
   *   and what `work` throws.
   */
  async use<T>(options: UseOptions, work: (client: SftpClient) => Promise<T>): Promise<T> {
    const { signal, isLarge = false } = options;
    throwIfAborted(signal);
    const trunk = this.#trunk?.isReady === true ? this.#trunk : await this.#waitForTrunk(signal);
    const line = trunk.choose(isLarge);
    if (isLarge) line.transfers++;
    try {
      return await work(line.client);
    } catch (error) {
      if (isTsbakError(error, "interrupted")) giveUpIfSilent(line);
      throw error;
    } finally {
      if (isLarge) line.transfers--;
    }
  }

  /** End the connection. A call that comes later makes a new one. */
  async close(): Promise<void> {
    const connecting = this.#connecting;
    this.#connecting = undefined;
    this.#trunk = undefined;
    if (connecting !== undefined) this.#end(await connecting);
    await Promise.all(this.#ending);
  }

  async #waitForTrunk(signal: AbortSignal | undefined): Promise<Trunk> {
    if (this.#trunk?.isOver === true) this.#connecting = this.#trunk = undefined;
    const trunk = await untilAborted((this.#connecting ??= this.#connect()), signal);
    await untilAborted(trunk.ready, signal);
    return trunk;
  }

  async #connect(): Promise<Trunk> {
    try {
      const shared = await shareConnection(this.#command);
      const trunk = new Trunk(this.#command, shared, this.#onNotice);
      this.#trunk = trunk;
      void trunk.ended.then(() => this.#end(trunk));
      return trunk;
    } catch (error) {
      // The system could not start a process; the next call tries again.
      this.#connecting = undefined;
      throw error;
    }
  }

  #end(trunk: Trunk): void {
    const ending: Promise<void> = trunk.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

/** A connection with its channels. It ends with the first of them. */
class Trunk {
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  readonly #first: Line;
  /** Also those that are not ready yet, or that the server did not want: then it is not asked again. */
  readonly #lines: Line[];
  readonly #shared: SharedCommands | undefined;

  constructor(
    command: SftpCommand,
    shared: SharedCommands | undefined,
    onNotice: (line: string) => void,
  ) {
    this.#shared = shared;
    this.#first = new Line(shared?.first ?? command, onNotice);
    this.#lines = [this.#first];
    this.ready = this.#first.session.ready;
    this.ended = this.#first.session.ended;
  }

  get isReady(): boolean {
    return this.#first.session.isReady && !this.isOver;
  }

  /** Whether it is lost, or was never there. */
  get isOver(): boolean {
    return this.#first.session.failure !== undefined;
  }

  /** The channel with the least to do. A large call that finds none free has one more opened, and does not wait for it. */
  choose(isLarge: boolean): Line {
    const usable = this.#lines.filter(({ session }) => session.isReady && !session.failure);
    const best = usable.reduce((a, b) => (b.transfers < a.transfers ? b : a), this.#first);
    if (isLarge && best.transfers > 0 && this.#shared && this.#lines.length < MOST_LINES) {
      // What goes wrong with it need not trouble anybody.
      this.#lines.push(new Line(this.#shared.further, () => undefined));
    }
    return best;
  }

  async close(): Promise<void> {
    await Promise.all(this.#lines.map((line) => line.close()));
    await this.#shared?.dispose();
  }
}

function giveUpIfSilent({ session }: Line): void {
  if (session.silenceMs < SILENT_MS) return;
  session.fail(
    new TsbakError("unavailable", "the server is silent; check the server and the network"),
  );
}
