import { interruptedError, throwIfAborted, TsbakError } from "@tsbak/core";
import type { CallOptions } from "@tsbak/core";

import { SftpClient } from "./client.ts";
import { SftpSession } from "./session.ts";
import type { SftpCommand } from "./ssh-command.ts";
import { sshFailure } from "./ssh-failure.ts";
import { SshProcess } from "./ssh-process.ts";

/**
 * Nothing heard for so long although an answer is due: if somebody then gives up on a call, the next gets a new connection. As long
 * as nobody does, the slowness of a server is borne.
 */
const SILENT_MS = 10_000;

/**
 * The one connection that all calls share. It is made when the first call needs it, and anew when it was lost: the calls that were
 * under way fail, the next one connects.
 */
export class SftpConnection {
  readonly #command: SftpCommand;
  readonly #onNotice: (line: string) => void;
  #current: Line | undefined;
  /** Processes that are to end. */
  readonly #ending = new Set<Promise<void>>();

  constructor(command: SftpCommand, onNotice: (line: string) => void) {
    this.#command = command;
    this.#onNotice = onNotice;
  }

  /**
   * The server, ready for requests.
   *
   * @throws {TsbakError} `denied`, `unsupported`, `invalid-argument` or `unavailable` if there is no connection to be had.
   */
  async client({ signal }: CallOptions = {}): Promise<SftpClient> {
    throwIfAborted(signal);
    const line = (this.#current ??= this.#connect());
    await untilAborted(line.session.ready, signal);
    return line.client;
  }

  /** To be called when somebody gave up on a call. */
  noteAbort(): void {
    const { session } = this.#current ?? {};
    if (session === undefined || session.silenceMs < SILENT_MS) return;
    session.fail(
      new TsbakError("unavailable", "the server is silent; check the server and the network"),
    );
  }

  /** End the connection. A call that comes later makes a new one. */
  async close(): Promise<void> {
    const line = this.#current;
    this.#current = undefined;
    if (line !== undefined) this.#end(line);
    await Promise.all(this.#ending);
  }

  #connect(): Line {
    const line = new Line(this.#command, this.#onNotice);
    void line.session.ended.then(() => {
      if (this.#current === line) this.#current = undefined;
      this.#end(line);
    });
    return line;
  }

  #end({ process, session }: Line): void {
    // It may be asking for a password, and would not notice that nobody waits.
    if (!session.isReady) process.kill();
    const ending: Promise<void> = process.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

/** A process, and what is spoken with it. */
class Line {
  readonly process: SshProcess;
  readonly session: SftpSession;
  readonly client: SftpClient;

  constructor(command: SftpCommand, onNotice: (line: string) => void) {
    this.process = new SshProcess(command, onNotice);
    this.session = new SftpSession(this.process.output, this.process.input);
    this.client = new SftpClient(this.session);
    // Whoever forgets to close the store must not wait for ever at the end.
    this.session.onBusy = (isBusy) => this.process.setAlive(isBusy);
    void this.#watchEnd(command.program);
    void this.#learnLimits();
  }

  async #watchEnd(program: string): Promise<void> {
    const end = await this.process.ended;
    const wasConnected = this.session.isReady;
    this.session.fail(sshFailure(this.process.lines, end, { program, wasConnected }));
  }

  /** Nobody waits for it: until it is answered, the limits that every server has are kept. */
  async #learnLimits(): Promise<void> {
    try {
      await this.session.ready;
      await this.client.learnLimits();
    } catch {
      // The calls that wait for this connection are told.
    }
  }
}

/** The same, but `interrupted` as soon as the signal is aborted. */
async function untilAborted(
  promise: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) return promise;
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(interruptedError(signal));
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
