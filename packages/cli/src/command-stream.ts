import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { PassThrough, type Readable } from "node:stream";
import { TsbakError } from "@tsbak/core";
import { printable } from "./format-text.ts";

/** What running a command takes. */
export interface CommandOptions {
  /** Ends the command, too. */
  readonly signal: AbortSignal;
  /** Is told of each line that the command writes to stderr. */
  readonly onMessage: (line: string) => void;
}

/** So long a command may take to end when it is asked to. */
const PATIENCE_MS = 5000;

/** A program that runs, and what it writes to stdout. */
export class CommandStream {
  /** Ends in an error if the command fails, even after its last byte. */
  readonly stream: Readable;
  readonly #output = new PassThrough();
  readonly #name: string;
  readonly #child: ChildProcess;

  /** `words` are the program and its arguments; no shell is involved. It gets no input. */
  constructor(words: readonly string[], options: CommandOptions) {
    const [program = "", ...args] = words;
    this.#name = printable(program);
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.stream = this.#output;
    // Whoever reads sees it, too; before that it must not count as unhandled.
    this.#output.on("error", () => undefined);
    this.#waitForEnd().then(
      () => this.#output.end(),
      (error: Error) => this.#output.destroy(error),
    );
    const { stdout, stderr } = this.#child;
    // From now on: when a program has ended, Node drops what nobody has begun to read.
    stdout?.pipe(this.#output, { end: false });
    if (stderr !== null) {
      const lines = createInterface({ input: stderr });
      lines.on("line", (line) => options.onMessage(`subprocess ${this.#name}: ${line}`));
    }
    const stop = (): void => void this.close();
    options.signal.addEventListener("abort", stop, { once: true });
    if (options.signal.aborted) stop();
  }

  /** End the command if it still runs. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    await exited;
    clearTimeout(timer);
    // Whatever the command started may still hold them open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }

  async #waitForEnd(): Promise<void> {
    let end: readonly unknown[];
    try {
      end = await once(this.#child, "close");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw this.#failure(
        code === "ENOENT" ? "there is no such program" : `it does not start (${code})`,
      );
    }
    const [exitCode, signalName] = end;
    if (signalName !== null) throw this.#failure(`it was ended by ${String(signalName)}`);
    if (exitCode !== 0) throw this.#failure(`it failed with exit code ${String(exitCode)}`);
  }

  #failure(reason: string): TsbakError {
    return new TsbakError(
      "invalid-argument",
      `Cannot back up the output of ${this.#name}: ${reason}; no snapshot was made`,
    );
  }
}
