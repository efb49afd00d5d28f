import { spawn, type ChildProcessByStdio } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import type { Readable, Writable } from "node:stream";

import { readNoticeLines } from "./notice-lines.ts";
import type { SftpCommand } from "./ssh-command.ts";

/** How a program ended. */
export interface ProcessEnd {
  /** Undefined if a signal ended it or it could not be started. */
  readonly exitCode: number | undefined;
  /** Why it could not be started. */
  readonly error: Error | undefined;
}

/** How long a program may take to end by itself, and then by a signal; restic's wait. */
const GRACE_MS = 2000;
/** What it printed last may still be in the pipe when it has ended. */
const LAST_WORDS_MS = 200;
/** So many lines are kept for the message of an error. */
const KEPT_LINES = 20;

/**
 * A running ssh. It lives on while Ctrl-C or the end of the terminal stops what we do, because our lock must be removed through
 * it; yet it keeps the terminal, so that it can ask for a password.
 */
export class SshProcess {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when it has ended and what it printed was read. */
  readonly ended: Promise<ProcessEnd>;
  /** What it printed last, for people. */
  readonly lines: string[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<void>;

  constructor(command: SftpCommand, onNotice: (line: string) => void) {
    const [program, args] = shielded(command);
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    this.input = child.stdin;
    this.output = child.stdout;
    // A pipe that breaks says only that the program has ended, which is told by itself.
    for (const pipe of [this.input, this.output]) pipe.on("error", () => undefined);
    readNoticeLines(child.stderr, (line) => {
      this.lines.push(line);
      if (this.lines.length > KEPT_LINES) this.lines.shift();
      onNotice(line);
    });
    this.#exited = new Promise((resolve) => {
      child.once("exit", () => resolve()).once("error", () => resolve());
    });
    this.ended = this.#waitForEnd();
  }

  /** Let it end by itself, or make it. Resolves when it is gone; may be repeated. */
  async close(): Promise<void> {
    this.input.end();
    if (await this.#exitsInTime()) return;
    this.kill();
    if (await this.#exitsInTime()) return;
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** End it at once; a signal that it can catch, because it may have switched the terminal's echo off. */
  kill(): void {
    this.input.destroy();
    this.#child.kill("SIGTERM");
  }

  /** Whether it keeps our process alive. */
  setAlive(isAlive: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const part of [this.#child, stdin, stdout, stderr] as Partial<NodeJS.RefCounted>[]) {
      if (isAlive) part.ref?.();
      else part.unref?.();
    }
  }

  async #exitsInTime(): Promise<boolean> {
    const timer = new AbortController();
    const timeout = wait(GRACE_MS, false, { signal: timer.signal }).catch(() => false);
    const isGone = await Promise.race([this.#exited.then(() => true), timeout]);
    timer.abort();
    return isGone;
  }

  async #waitForEnd(): Promise<ProcessEnd> {
    const child = this.#child;
    const end = await new Promise<ProcessEnd>((resolve) => {
      child.once("error", (error) => resolve({ exitCode: undefined, error }));
      child.once("exit", (code) => resolve({ exitCode: code ?? undefined, error: undefined }));
    });
    // A connection that ssh shares (ControlPersist) holds the pipe open for long.
    const closed = new Promise((resolve) => child.once("close", resolve));
    await Promise.race([closed, wait(LAST_WORDS_MS, undefined, { ref: false })]);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    return end;
  }
}

/**
 * Ctrl-C goes to all processes of the terminal. A shell has it ignored and then becomes the program: Node itself cannot start
 * one so, and a process group of its own would not be let ask on the terminal.
 */
function shielded({ program, args }: SftpCommand): [string, string[]] {
  if (process.platform === "win32") return [program, [...args]];
  return ["/bin/sh", ["-c", 'trap "" INT HUP; exec "$0" "$@"', program, ...args]];
}
