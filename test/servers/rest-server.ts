import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPeer } from "../peers.ts";
import type { Certificates } from "./certificates.ts";
import { startListening } from "./listening-program.ts";

/** How a rest-server differs from one that takes everything from everybody over plain HTTP. */
export interface RestServerOptions {
  readonly tls?: Certificates | undefined;
  /** Passwords by user; nobody else is let in. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** Listen on a socket in `folder` instead of a port. */
  readonly isOnSocket?: boolean | undefined;
  /** Any other arguments: `--append-only`, `--private-repos`, `--no-verify-upload`. */
  readonly args?: readonly string[] | undefined;
}

/** A rest-server that runs. */
export interface RestServer {
  /** `http://127.0.0.1:PORT`, `https://127.0.0.1:PORT` or `http+unix:///SOCKET:`; a path follows it. */
  readonly url: string;
  /** Where it keeps what it stores. */
  readonly data: string;
  stop(): Promise<void>;
}

/** Start restic's own rest-server, with its files in `folder`. */
export async function startRestServer(
  folder: string,
  options: RestServerOptions = {},
): Promise<RestServer> {
  const data = join(folder, "data");
  const socket = join(folder, "rest-server.sock");
  mkdirSync(data, { recursive: true });
  const program = await startListening(
    [
      ...(findPeer("rest-server") ?? ["rest-server"]),
      ...["--path", data, "--listen", options.isOnSocket ? `unix:${socket}` : "127.0.0.1:0"],
      ...accessOf(folder, options),
      ...(options.args ?? []),
    ],
    { listening: /start server on (\S+)/ },
  );
  const scheme = options.tls === undefined ? "http" : "https";
  const url = options.isOnSocket ? `http+unix://${socket}:` : `${scheme}://${program.address}`;
  return { url, data, stop: () => program.stop() };
}

function accessOf(folder: string, { tls, users }: RestServerOptions): string[] {
  const args: string[] = [];
  if (tls) args.push("--tls", "--tls-cert", tls.serverCertificate, "--tls-key", tls.serverKey);
  if (users === undefined) return [...args, "--no-auth"];
  const path = join(folder, "htpasswd");
  const lines = Object.entries(users).map(([user, password]) => `${user}:${sha1(password)}\n`);
  writeFileSync(path, lines.join(""));
  return [...args, "--htpasswd-file", path];
}

/** What `htpasswd -s` makes of a password. */
function sha1(password: string): string {
  return `{SHA}${createHash("sha1").update(password).digest("base64")}`;
}
