import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** The programs that the tests run: ours, the newest restic and Debian 12's, Node.js in several versions, rsync, unzip, servers. */
export type PeerName =
  | "tsbak"
  | "restic"
  | "restic-0.14"
  | "node-20"
  | "node-22"
  | "node-24"
  | "node-26"
  | "rclone"
  | "rest-server"
  | "rsync"
  | "unzip"
  | "radosgw"
  | "minio"
  | "rclone-s3";

/** Whether time is short. What is measured and proven by hand is what users have. */
export const isTestRun: boolean = process.env.VITEST !== undefined;

const OF_THE_SYSTEM = new Set<PeerName>(["rsync", "unzip", "radosgw"]);

/** Those of them that back up. */
export type ToolName = Extract<PeerName, "tsbak" | `restic${string}`>;

export interface RunOptions {
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly input?: string | Uint8Array | undefined;
  /** The Node.js that runs tsbak: a path; the one that runs the tests unless given. */
  readonly node?: string | undefined;
  /** User and group to run as, which takes root; the test's own unless given. */
  readonly user?: number | undefined;
  /** It is asked to end (SIGTERM) after so many milliseconds. */
  readonly timeout?: number | undefined;
}

export interface RunResult {
  /** Exit code, or -1 if a signal ended the program. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The command line of a program, or undefined if it is not there. `TSBAK_TEST_COMMAND` names another program to be used as
 * tsbak, for instance an installed one.
 */
export function findPeer(
  name: PeerName,
  node: string = process.execPath,
): readonly string[] | undefined {
  if (name !== "tsbak") {
    const folders = OF_THE_SYSTEM.has(name)
      ? (process.env.PATH ?? "").split(":")
      : [join(root, "peers/bin")];
    const path = folders.map((folder) => join(folder, name)).find(existsSync);
    return path === undefined ? undefined : [path];
  }
  const other = process.env.TSBAK_TEST_COMMAND;
  if (other) return [other];
  const built = existsSync(join(root, "packages", "cli", "dist", "main.js"));
  return built ? [node, join(root, "packages", "cli", "bin", "tsbak.js")] : undefined;
}

/**
 * Whether a program is there; to be given to `test.skipIf(!requirePeer(...))`. In CI its absence is an error, elsewhere a
 * loud line, since a test that is skipped proves nothing.
 */
export function requirePeer(name: PeerName): boolean {
  if (findPeer(name)) return true;
  const message = `${name} is missing: run scripts/install-peers.sh${name === "tsbak" ? " and npm run build" : ""}`;
  if (process.env.CI) throw new Error(message);
  console.warn(`SKIPPED TESTS: ${message}`);
  return false;
}

/** The subcommand that reads a repository through; `check` where tsbak is stood in for by another program. */
export function checkCommand(tool: ToolName): string {
  return tool === "tsbak" && !process.env.TSBAK_TEST_COMMAND ? "verify" : "check";
}

/**
 * A folder of its own for one test, with a home, a cache and temporary files that no other run shares, and the password
 * that all repositories in it have.
 */
export class Workshop {
  readonly folder: string;
  /** Runs that did not end yet. */
  readonly #running = new Set<ChildProcess>();

  constructor(parent: string = process.env.TSBAK_TEST_DIR ?? tmpdir()) {
    mkdirSync(parent, { recursive: true });
    this.folder = mkdtempSync(join(parent, "tsbak-test-"));
    for (const name of ["home", "cache", "tmp"]) mkdirSync(this.path(name));
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** Start a program; its output is dropped unless `stdio` says otherwise. */
  start(
    tool: PeerName,
    args: readonly string[],
    options: RunOptions = {},
    stdio: "ignore" | "pipe" = "ignore",
  ): ChildProcess {
    const [program, ...first] = findPeer(tool, options.node) ?? [];
    if (program === undefined) throw new Error(`Cannot run ${tool}: it is missing`);
    const child = spawn(program, [...first, ...args], {
      cwd: options.cwd,
      timeout: options.timeout,
      env: { ...this.environment(), ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", stdio, stdio],
      ...(options.user === undefined ? {} : { uid: options.user, gid: options.user }),
    });
    this.#running.add(child);
    child.once("close", () => this.#running.delete(child));
    child.stdin?.on("error", () => undefined).end(options.input);
    return child;
  }

  async run(tool: PeerName, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const child = this.start(tool, args, options, "pipe");
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) =>
        resolve({ code: code ?? -1, stdout: stdout(), stderr: stderr() }),
      );
    });
  }

  runTsbak(args: readonly string[], options?: RunOptions): Promise<RunResult> {
    return this.run("tsbak", args, options);
  }

  /** @param version As in the name of the peer: "0.14", or "" for the newest. */
  runRestic(
    version: "" | "0.14",
    args: readonly string[],
    options?: RunOptions,
  ): Promise<RunResult> {
    return this.run(version === "" ? "restic" : `restic-${version}`, args, options);
  }

  /**
   * Like `run`, and gives what was printed. In tests a local repository that `init` made gets a key that opens at once: with one of
   * the usual cost most of the time of most tests would go to their password.
   *
   * @throws {Error} With all that was printed if the exit code is not `expected`.
   */
  async must(
    tool: ToolName,
    args: readonly string[],
    options: RunOptions = {},
    expected = 0,
  ): Promise<string> {
    const result = await this.run(tool, args, options);
    if (result.code === expected) {
      if (isTestRun && args.includes("init")) await this.#quicken(args, options);
      return result.stdout;
    }
    const output = `${result.stdout}${result.stderr}`.slice(-4000);
    throw new Error(
      `${tool} ${args.join(" ")} ended with ${result.code}, not ${expected}:\n${output}`,
    );
  }

  async #quicken(args: readonly string[], options: RunOptions): Promise<void> {
    const { RESTIC_REPOSITORY, RESTIC_PASSWORD } = { ...this.environment(), ...options.env };
    const location = args[args.indexOf("-r") + 1];
    const folder = args.includes("-r") ? location : RESTIC_REPOSITORY;
    // Another user could not read it.
    if (!folder?.startsWith("/") || options.user !== undefined) return;
    const { openBackend } = await import("@tsbak/backends");
    const { letOpenQuickly } = await import("./quick-key.ts");
    await letOpenQuickly(await openBackend(folder), RESTIC_PASSWORD ?? "");
  }

  /** End what still runs and remove the folder. */
  close(): void {
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What a program sees: nothing of the user's own settings but the path. */
  environment(): Record<string, string> {
    return {
      PATH: process.env.PATH ?? "",
      HOME: this.path("home"),
      TMPDIR: this.path("tmp"),
      LANG: "C.UTF-8",
      RESTIC_PASSWORD: "correct horse",
      RESTIC_CACHE_DIR: this.path("cache"),
    };
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Uint8Array[] = [];
  stream?.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}
