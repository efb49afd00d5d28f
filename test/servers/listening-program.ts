import { spawn } from "node:child_process";

/** A server that runs as a program of its own. */
export interface ListeningProgram {
  /** The first group of the line by which it said that it listens. */
  readonly address: string;
  /** What it printed until now. */
  readonly output: () => string;
  /** End it and wait until it has ended. May be repeated. */
  stop(): Promise<void>;
}

/** How a server is started. */
export interface ProgramOptions {
  /** What it prints when it listens. */
  readonly listening: RegExp;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * Start a server and wait until it says that it listens.
 *
 * @throws {Error} With all that it printed if it ends instead.
 */
export async function startListening(
  command: readonly string[],
  { listening, env = {} }: ProgramOptions,
): Promise<ListeningProgram> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    const look = (text: Buffer): void => {
      printed += text.toString("utf8");
      const match = listening.exec(printed);
      if (match !== null) resolve(match[1] ?? "");
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("error", reject);
    void ended.then(() => reject(new Error(`${program} ended instead of listening:\n${printed}`)));
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const last = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(last);
  };
  return { address, output: () => printed, stop };
}
