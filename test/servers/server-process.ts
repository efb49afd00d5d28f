import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A server that the tests started. */
export interface ServerProcess {
  readonly pid: number;
  /** Ask it to end, and make it after five seconds. May be repeated. */
  stop(): Promise<void>;
}

/** How a server is started. */
export interface ServerOptions {
  /** Where its output goes. */
  readonly logFile: string;
  /** What it sees besides the path. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Start a program that stays in the foreground. It ends with the tests, however they end. */
export function startServer(
  program: string,
  args: readonly string[],
  options: ServerOptions,
): ServerProcess {
  const log = openSync(options.logFile, "a");
  const env = { PATH: process.env.PATH ?? "", LANG: "C.UTF-8", ...options.env };
  const child = spawn(program, args, { env, stdio: ["ignore", log, log] });
  closeSync(log);
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  }).then(() => void running.delete(child));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(late);
  };
  return { pid: child.pid ?? -1, stop };
}

/**
 * Wait until a server answers requests, whatever it answers.
 *
 * @throws {Error} With its log, after half a minute.
 */
export async function waitForHttp(url: string, logFile: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    try {
      const answer = await fetch(url);
      await answer.arrayBuffer();
      // A server that is about to be ready says 503.
      if (answer.status !== 503) return;
    } catch {
      // It does not listen yet.
    }
    await sleep(50);
  }
  throw new Error(`Nothing answers at ${url}:\n${readFileSync(logFile, "utf8").slice(-2000)}`);
}

/** Below those that the system gives to whoever connects, and in each process from another one on: test files run side by side. */
const [FIRST_PORT, PORTS] = [16_000, 16_000];
let lastPort = (process.pid * 97) % PORTS;

/** A port of 127.0.0.1 that nobody uses, and that nobody else here will be given soon. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    lastPort = (lastPort + 1) % PORTS;
    if (await isFree(FIRST_PORT + lastPort)) return FIRST_PORT + lastPort;
  }
  throw new Error("There is no free port");
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
