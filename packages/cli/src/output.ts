/**
 * All that the command prints. Results go to stdout, everything else to stderr; with `--json` both are JSON, one
 * message a line.
 *
 * @module
 */
import { StatusLine } from "./status-line.ts";

/** What is to be printed, and where. */
export interface OutputOptions {
  readonly json: boolean;
  /** 0 quiet, 1 as usual, 2 and 3 for `-v` and `-vv`. */
  readonly verbosity: number;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Something that went wrong with one entry, in the fields of restic's error message. */
export interface ProblemMessage {
  readonly message: string;
  /** `archival`, `restore` or `signal`. */
  readonly during: string;
  /** Path of the entry, or "". */
  readonly item: string;
}

/** Printed at once when so many characters wait. */
const LARGEST_WAIT = 1 << 16;

/** See the module comment. */
export class Output {
  readonly json: boolean;
  readonly verbosity: number;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  readonly #status: StatusLine | undefined;
  #waiting = "";
  #flushing: NodeJS.Immediate | undefined;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.verbosity = options.verbosity;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
    const terminal = [options.stderr, options.stdout].find((stream) => stream.isTTY);
    if (terminal !== undefined) this.#status = new StatusLine(terminal);
  }

  /** True if somebody is looking: status lines make sense. */
  get isTerminal(): boolean {
    return this.#status !== undefined;
  }

  /** A line of the result. */
  print(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#waiting.length >= LARGEST_WAIT) this.flush();
    else this.#flushing ??= setImmediate(() => this.flush());
  }

  /** A line for people that is not the result: left out with `--json`, and below the given verbosity. */
  say(line: string, verbosity = 1): void {
    if (!this.json && this.verbosity >= verbosity) this.print(line);
  }

  /** A message for programs: left out without `--json`. */
  message(fields: Readonly<Record<string, unknown>>): void {
    if (this.json) this.print(JSON.stringify(fields));
  }

  /** Bytes of the result as they are. */
  printBytes(bytes: Uint8Array): void {
    this.flush();
    this.#stdout.write(bytes);
  }

  /** A line to stderr that people should see even in cron. With `--json` use `warnMessage`. */
  warn(line: string): void {
    this.flush();
    this.#status?.clear();
    this.#stderr.write(`${line}\n`);
  }

  /** The same in both languages: the text, or with `--json` the message. */
  warnMessage(line: string, fields: Readonly<Record<string, unknown>>): void {
    this.warn(this.json ? JSON.stringify(fields) : line);
  }

  /** A problem that does not end the command: `line` for people. */
  warnProblem(line: string, { message, during, item }: ProblemMessage): void {
    this.warnMessage(line, { message_type: "error", error: { message }, during, item });
  }

  /** Lines that show how far we are, in place of the last ones. Nothing without a terminal. */
  status(lines: readonly string[]): void {
    this.flush();
    this.#status?.draw(lines);
  }

  /** Hand on what waits. */
  flush(): void {
    if (this.#flushing !== undefined) clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#waiting === "") return;
    this.#status?.clear();
    this.#stdout.write(this.#waiting);
    this.#waiting = "";
  }

  /** Remove the status lines and hand on what waits; before the process ends. */
  close(): void {
    this.#status?.clear();
    this.flush();
  }
}
