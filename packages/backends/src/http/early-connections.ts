import type { Agent } from "node:http";
import { connect, isIP, type Socket } from "node:net";
import * as tls from "node:tls";

import { SHARED_READING } from "./shared-reading.ts";
import type { TlsClient } from "./socket-transport.ts";

/** Where connections lead. */
export interface Server {
  /** Without brackets around an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** Undefined for connections that are not sealed. */
  readonly tls?: TlsClient | undefined;
}

/** In milliseconds: servers end connections over which nothing comes. */
const LONGEST_WAIT = 3_000;

/**
 * Begin to connect an agent before it has a request: a distant server takes one to three round trips for that, in which code can be
 * loaded. The first `count` connections to this server that the agent wants are these. What fails, or is not wanted soon, is
 * given up without a word, and so is what is left when the agent ends; it keeps no process alive. Resolves when they are on their way.
 */
export async function connectEarly(agent: Agent, server: Server, count: number): Promise<void> {
  const early = Array.from({ length: count }, () => open(server));
  const connectLater = agent.createConnection.bind(agent);
  agent.createConnection = (options, done) => {
    const isTheSame = options.host === server.host && Number(options.port) === server.port;
    return (isTheSame ? take(early) : undefined) ?? connectLater(options, done);
  };
  const destroy = agent.destroy.bind(agent);
  agent.destroy = () => {
    for (const socket of early.splice(0)) socket.destroy();
    destroy();
  };
  // Sockets connect in the next turn, and loading code leaves none for a while.
  await new Promise((resolve) => setImmediate(resolve));
}

function open(server: Server): Socket {
  const { host, port } = server;
  const place = { ...SHARED_READING, host, port, noDelay: true };
  const socket = server.tls === undefined ? connect(place) : connectSealed(place, server.tls);
  socket.on("error", ignore);
  socket.unref();
  setTimeout(() => {
    // Whoever has it by then listens.
    if (socket.listeners("error").includes(ignore)) socket.destroy();
  }, LONGEST_WAIT).unref();
  return socket;
}

function connectSealed(
  place: { readonly host: string; readonly port: number },
  { secureContext, isInsecure }: TlsClient,
): Socket {
  const servername = isIP(place.host) === 0 ? place.host : "";
  return tls.connect({ ...place, secureContext, rejectUnauthorized: !isInsecure, servername });
}

function take(early: Socket[]): Socket | undefined {
  for (let socket = early.shift(); socket !== undefined; socket = early.shift()) {
    if (socket.destroyed || socket.readableEnded) continue;
    socket.off("error", ignore);
    return socket.ref();
  }
  return undefined;
}

function ignore(): void {
  // The agent connects once more, and tells of that.
}
