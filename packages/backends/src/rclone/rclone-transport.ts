import { connect, constants } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import { randomUUID } from "node:crypto";

import { isTsbakError, throwIfAborted, TsbakError } from "@tsbak/core";

import { connectionError } from "../http/connection-error.ts";
import { exchangeOverHttp2 } from "../http/http2-exchange.ts";
import type { HttpRequest, HttpResponse, HttpTransport } from "../http/transport.ts";
import type { BackendSettings } from "../settings.ts";
import type { RcloneCommand } from "./rclone-command.ts";
import { RcloneProcess } from "./rclone-process.ts";

/** HTTP/2's own default lets 64 KiB be on their way. */
const STREAM_WINDOW = 1 << 20;
const SESSION_WINDOW = 16 << 20;

interface Running {
  readonly program: RcloneProcess;
  readonly session: ClientHttp2Session;
}

/**
 * HTTP/2 over the standard input and output of an rclone, which is started with the first request. If it ends, the requests
 * under way are `unavailable`, and the next one starts another.
 */
export class RcloneTransport implements HttpTransport {
  readonly #command: RcloneCommand;
  readonly #settings: BackendSettings;
  #running: Promise<Running> | undefined;
  /** The one that was started last. */
  #program: RcloneProcess | undefined;
  #requests = 0;
  /** It has answered once, so the command is right. */
  #hasWorked = false;

  constructor(command: RcloneCommand, settings: BackendSettings) {
    this.#command = command;
    this.#settings = settings;
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    throwIfAborted(request.signal);
    this.#running ??= this.#start();
    const { program, session } = await unlessAborted(this.#running, request.signal);
    if (this.#requests++ === 0) program.setAlive(true);
    try {
      return await exchangeOverHttp2(session, request);
    } catch (error) {
      if (isTsbakError(error, "interrupted") || !session.destroyed) throw connectionError(error);
      await program.ended;
      throw program.failure();
    } finally {
      if (--this.#requests === 0) program.setAlive(false);
    }
  }

  async close(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    const started = await running?.catch(() => undefined);
    started?.session.destroy();
    await started?.program.close();
  }

  async #start(): Promise<Running> {
    const program = new RcloneProcess(this.#command, this.#settings);
    const session = connect("http://localhost", {
      createConnection: () => program.stream,
      settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
    });
    // Requests under way tell of it themselves.
    session.on("error", () => undefined);
    session.once("connect", () => session.setLocalWindowSize(SESSION_WINDOW));
    session.once("close", () => this.#forget(program));
    void program.ended.then(() => {
      session.destroy();
      this.#forget(program);
    });
    this.#program = program;
    await this.#waitForAnswer(program, session);
    program.setAlive(this.#requests > 0);
    return { program, session };
  }

  #forget(program: RcloneProcess): void {
    if (this.#program === program) this.#running = undefined;
  }

  /** As restic does: ask for a file that is not there. Whatever the answer, rclone runs and speaks HTTP/2. */
  async #waitForAnswer(program: RcloneProcess, session: ClientHttp2Session): Promise<void> {
    const { timeoutMs, shown } = this.#command;
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const path = `/file-${randomUUID()}`;
      await exchangeOverHttp2(session, { method: "HEAD", path, signal: late });
      this.#hasWorked = true;
    } catch {
      session.destroy(undefined, constants.NGHTTP2_CANCEL);
      if (!late.aborted) await Promise.race([program.ended, aborted(late)]);
      program.kill("SIGKILL");
      await program.ended;
      this.#forget(program);
      const failure = program.failure();
      if (late.aborted && failure.code === "unavailable") {
        const what = `rclone does not answer within ${timeoutMs / 1000} s for ${shown}`;
        throw new TsbakError("unavailable", `${what}; give it longer by -o rclone.timeout`);
      }
      if (this.#hasWorked) throw failure;
      // What does not work from the start will not if it is repeated.
      throw new TsbakError("invalid-argument", failure.message, { cause: failure });
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What is waited for goes on when the signal is aborted, for others. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal !== undefined) {
    await Promise.race([work, aborted(signal)]);
    throwIfAborted(signal);
  }
  return await work;
}
