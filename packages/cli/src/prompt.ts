import { TsbakError } from "@tsbak/core";

/** Where questions are asked and answered. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

const INTERRUPT = "\u0003";
const END = "\u0004";
const ERASE = /[\u0008\u007f]/;
const KILL_LINE = "\u0015";

/**
 * Ask for a line on a terminal without showing what is typed.
 *
 * @throws {TsbakError} `interrupted` for Ctrl-C, or if `signal` aborts.
 */
export async function askHidden(
  terminal: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  const { input, output } = terminal;
  output.write(question);
  input.setRawMode(true);
  input.setEncoding("utf8");
  try {
    return await readHidden(input, signal);
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write("\n");
  }
}

function readHidden(input: NodeJS.ReadStream, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = (settle: () => void): void => {
      input.off("data", onData).off("end", onEnd);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const stop = (): void => finish(() => reject(interrupted()));
    const onAbort = stop;
    const onEnd = (): void => finish(() => resolve(typed.join("")));
    const onData = (text: string): void => {
      for (const key of text) {
        if (key === INTERRUPT) return stop();
        if (key === "\r" || key === "\n" || key === END) return onEnd();
        if (key === KILL_LINE) typed = [];
        else if (ERASE.test(key)) typed.pop();
        else if (key >= " ") typed.push(key);
      }
    };
    if (signal.aborted) return reject(interrupted());
    signal.addEventListener("abort", onAbort);
    input.on("data", onData).on("end", onEnd).resume();
  });
}

/**
 * Ask a question on a terminal. Only an answer that begins with y is a yes.
 *
 * @throws {TsbakError} `interrupted` if `signal` aborts.
 */
export async function askWhether(
  terminal: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<boolean> {
  terminal.output.write(`${question} (y/N) `);
  return /^\s*y/i.test(await readFirstLine(terminal.input, signal));
}

function interrupted(): TsbakError {
  return new TsbakError("interrupted", "Interrupted");
}

/** The first line of a stream that is no terminal, without its end; what follows is dropped. */
export async function readFirstLine(
  input: NodeJS.ReadStream,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Buffer[] = [];
  const stop = (): void => void input.destroy();
  signal.addEventListener("abort", stop);
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      if (chunk.includes(0x0a)) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  if (signal.aborted) throw interrupted();
  return Buffer.concat(chunks).toString("utf8").split(/\r?\n/, 1)[0] ?? "";
}

/** Ask for yes or no on a terminal; whatever does not begin with a y is no. */
export async function askYes(
  { input, output }: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<boolean> {
  output.write(question);
  return /^y/i.test((await readFirstLine(input, signal)).trim());
}
