import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { freePort, startServer } from "./server-process.ts";

const PROGRAM = "/usr/sbin/sshd";
const HOST = "127.0.0.1";

/** An SSH server on this machine whose files lie in a folder of its own. */
export interface Sshd {
  readonly host: string;
  readonly port: number;
  /** Who may log in, with the key of `clientConfig`: whoever runs the tests. */
  readonly user: string;
  /** For `ssh -F`: knows the key, and the host's key; calls the server `store`. */
  readonly clientConfig: string;
  /** Ids of the processes that serve connections. */
  sessions(): number[];
  stop(): Promise<void>;
}

/** How a server differs from the usual. */
export interface SshdOptions {
  /** More lines of sshd_config; they go before ours, and the first of each kind counts. */
  readonly config?: readonly string[] | undefined;
}

/** Whether there is a server to start: as `requirePeer`, an error in CI and a loud line elsewhere. */
export function requireSshd(): boolean {
  if (existsSync(PROGRAM)) return true;
  const message = `${PROGRAM} is missing: run scripts/install-peers.sh`;
  if (process.env.CI) throw new Error(message);
  console.warn(`SKIPPED TESTS: ${message}`);
  return false;
}

/** Start a server whose keys, settings and log are in `folder`, which must be empty or new. */
export async function startSshd(folder: string, options: SshdOptions = {}): Promise<Sshd> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const user = userInfo().username;
  const hostKey = makeKey(join(folder, "host-key"));
  const clientKey = makeKey(join(folder, "client-key"));
  writeFileSync(join(folder, "authorized-keys"), readFileSync(`${clientKey}.pub`));
  const ofHost = readFileSync(`${hostKey}.pub`, "utf8");
  writeFileSync(join(folder, "known-hosts"), `[${HOST}]:${port} ${ofHost}`);
  const config = join(folder, "sshd-config");
  writeFileSync(config, [...(options.config ?? []), ...serverConfig(folder, port), ""].join("\n"));
  const clientConfig = join(folder, "ssh-config");
  writeFileSync(clientConfig, clientLines(folder, port, user).join("\n"));
  // A server of root's wants this folder, and says so if it is missing.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  const logFile = join(folder, "sshd.log");
  const server = startServer(PROGRAM, ["-D", "-e", "-f", config], { logFile });
  await waitForPort(port, logFile);
  return {
    host: HOST,
    port,
    user,
    clientConfig,
    sessions: () => descendantsOf(server.pid),
    stop: () => server.stop(),
  };
}

function makeKey(path: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "tsbak-test", "-f", path]);
  return path;
}

function serverConfig(folder: string, port: number): string[] {
  return [
    `ListenAddress ${HOST}`,
    `Port ${port}`,
    `HostKey ${join(folder, "host-key")}`,
    `AuthorizedKeysFile ${join(folder, "authorized-keys")}`,
    `PidFile ${join(folder, "sshd.pid")}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "MaxStartups 100",
    "Subsystem sftp internal-sftp",
  ];
}

function clientLines(folder: string, port: number, user: string): string[] {
  return [
    "Host store",
    `HostName ${HOST}`,
    `Port ${port}`,
    "Host *",
    `User ${user}`,
    `IdentityFile ${join(folder, "client-key")}`,
    "IdentitiesOnly yes",
    "IdentityAgent none",
    `UserKnownHostsFile ${join(folder, "known-hosts")}`,
    "GlobalKnownHostsFile none",
    "BatchMode yes",
    "",
  ];
}

/** Processes that one started, and those that these started, and so on. */
function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const parent = parentOf(Number(name));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [...(children.get(pid) ?? [])];
  // It grows while it is gone through.
  for (const child of found) found.push(...(children.get(child) ?? []));
  return found;
}

/** Undefined if the process has ended meanwhile. */
function parentOf(pid: number): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) . /s, "")
        .split(" ")[0],
    );
  } catch {
    return undefined;
  }
}

async function waitForPort(port: number, logFile: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    if (await listens(port)) return;
    await sleep(20);
  }
  throw new Error(`${PROGRAM} does not listen:\n${readFileSync(logFile, "utf8").slice(-2000)}`);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });
}
