import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import { Duplex, type Readable, type Writable } from "node:stream";

import { TsbakError } from "@tsbak/core";

import { errnoOf } from "../local-error.ts";
import type { BackendSettings } from "../settings.ts";
import type { RcloneCommand } from "./rclone-command.ts";

/** How long it may take to end by itself, and then by a signal. */
const GRACE_MS = 5000;

/** It complains so of every listing of a new repository, and at its end, though it answers well. */
const NO_FOLDER = /(error listing|last error was): directory not found$/;

/** Of our own secrets; rclone has no use for them. */
const NOT_ITS_BUSINESS = /^(TSBAK|RESTIC)_.*PASSWORD/;

/**
 * An rclone that answers on its standard output what it is asked on its standard input. It is in a session of its own, so that
 * Ctrl-C does not reach it: locks are removed through it afterwards. It ends when its input does, so also with us.
 */
export class RcloneProcess {
  /** To and from it. */
  readonly stream: Duplex;
  /** Resolves when it has ended and all that it printed was read. */
  readonly ended: Promise<void>;
  readonly #command: RcloneCommand;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #lastLine = "";
  #startError: Error | undefined;

  constructor(command: RcloneCommand, { environment, onNotice }: BackendSettings) {
    this.#command = command;
    const child = spawn(command.program, command.args, {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      ...(environment === undefined ? {} : { env: withoutSecrets(environment) }),
    });
    this.#child = child;
    child.once("error", (error) => (this.#startError = error));
    // A pipe that breaks says only that the program has ended, which is told by itself.
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on("error", () => undefined);
    createInterface({ input: child.stderr }).on("line", (line) => {
      const shown = this.#masked(line).trim();
      if (shown === "" || NO_FOLDER.test(shown)) return;
      this.#lastLine = shown;
      onNotice?.(`rclone: ${shown}`);
    });
    this.stream = joinPipes(child.stdout, child.stdin);
    this.ended = new Promise((resolve) => child.once("close", () => resolve()));
  }

  /** Why it does not answer, once it has ended. */
  failure(): TsbakError {
    const { program, shown } = this.#command;
    const cause = this.#startError;
    if (cause !== undefined) {
      const isMissing = errnoOf(cause) === "ENOENT";
      const what = isMissing ? "there is no such program" : cause.message;
      return new TsbakError(
        "invalid-argument",
        `${program} cannot be started for ${shown}: ${what}; install rclone, or name it by -o rclone.program`,
        { cause },
      );
    }
    const { exitCode, signalCode } = this.#child;
    const how = signalCode === null ? `with code ${exitCode}` : `by ${signalCode}`;
    const said = this.#lastLine === "" ? "" : `, and said last: ${this.#lastLine}`;
    return new TsbakError("unavailable", `rclone ended ${how}${said}`);
  }

  /** Whether it keeps our process alive. */
  setAlive(isAlive: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const part of [this.#child, stdin, stdout, stderr] as Partial<NodeJS.RefCounted>[]) {
      if (isAlive) part.ref?.();
      else part.unref?.();
    }
  }

  /** Let it end by itself, or make it. Resolves when it is gone; may be repeated. */
  async close(): Promise<void> {
    this.setAlive(true);
    this.#child.stdin.end();
    const timers = (["SIGTERM", "SIGKILL"] as const).map((signal, at) =>
      setTimeout(() => this.kill(signal), GRACE_MS * (at + 1)),
    );
    await this.ended;
    for (const timer of timers) clearTimeout(timer);
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.#child.kill(signal);
  }

  /** rclone repeats the remote, in which there may be keys, and what a server answered, in which there may be anything. */
  #masked(line: string): string {
    const plain = line.replace(/\p{Cc}/gu, "?");
    return this.#command.secrets.reduce((text, secret) => text.replaceAll(secret, "***"), plain);
  }
}

/**
 * Both pipes as one stream, which neither fails nor ends by itself: HTTP/2 in Node writes its farewell even to a stream that ended, and
 * then an assertion ends our process. Whoever uses it destroys the session when the program has ended.
 */
function joinPipes(output: Readable, input: Writable): Duplex {
  const stream = new Duplex({
    read: () => void output.resume(),
    write: (chunk: Uint8Array, _, done) => void input.write(chunk, () => done()),
    final: (done) => void input.end(() => done()),
  });
  output.on("data", (chunk: Uint8Array) => {
    if (!stream.push(chunk)) output.pause();
  });
  return stream;
}

function withoutSecrets(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(([name]) => !NOT_ITS_BUSINESS.test(name));
  return Object.fromEntries(kept);
}
