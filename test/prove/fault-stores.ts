/**
 * Stores that the fault runs go to: a real server, and in front of it a proxy that spoils what goes through.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { openBackend } from "@tsbak/backends";
import type { Backend } from "@tsbak/core";
import { FaultyBackend } from "@tsbak/core/testing";
import { Random } from "../random.ts";
import { startHttpProxy } from "../servers/http-proxy.ts";
import { NETWORK_STORES, type NetworkStore } from "../servers/network-stores.ts";
import { startTcpProxy } from "../servers/tcp-proxy.ts";
import { planConnections, planRequests, type Weather } from "../servers/weather.ts";

/** What the weather of one run is, and who is told of each fault. */
export interface Spell {
  readonly weather: Weather;
  readonly seed: string;
  readonly log: (line: string) => void;
}

/** A store that was opened, and what stands in front of it. */
export interface Reached {
  readonly backend: Backend;
  close(): Promise<void>;
}

/** A store that can be reached directly and through bad weather. */
export interface FaultStore {
  /** As it is. */
  open(name: string): Promise<Backend>;
  openThrough(name: string, spell: Spell): Promise<Reached>;
  stop(): Promise<void>;
}

/** All kinds of stores by name, and whether what they take is here. */
export const FAULT_STORES: Readonly<Record<string, () => boolean>> = {
  local: () => true,
  ...Object.fromEntries(Object.entries(NETWORK_STORES).map(([name, kind]) => [name, kind.isHere])),
};

/**
 * Start a store with its files in `folder`.
 *
 * @throws {RangeError} If there is none of this name.
 */
export async function startFaultStore(name: string, folder: string): Promise<FaultStore> {
  if (name === "local") return localStore(folder);
  const kind = NETWORK_STORES[name];
  if (kind === undefined) throw new RangeError(`There is no store "${name}"`);
  const server = await kind.start(folder);
  return behindProxy(server, kind.speaks === "http" ? startSpoilingProxy : startCuttingProxy);
}

/** A local folder has no line that could be bad: calls fail before or after they take effect. */
function localStore(folder: string): FaultStore {
  const open = (name: string): Promise<Backend> => {
    mkdirSync(`${folder}/${name}`, { recursive: true });
    return openBackend(`${folder}/${name}`);
  };
  return {
    open,
    openThrough: async (name, spell) => {
      const backend = new FaultyBackend(await open(name));
      spoilCalls(backend, spell);
      return { backend, close: async () => undefined };
    },
    stop: async () => undefined,
  };
}

/** More calls than a run makes. */
const MANY_CALLS = 2000;

function spoilCalls(backend: FaultyBackend, { weather, seed, log }: Spell): void {
  const random = new Random(`calls ${seed}`);
  const isStretch = weather === "end" || weather === "outage";
  const start = isStretch ? random.between(5, 60) : 1;
  const end = weather === "outage" ? start + 20 : MANY_CALLS;
  const rate = isStretch ? 1 : weather === "storm" ? 0.25 : 0.1;
  for (let nth = start; nth < end; nth++) {
    if (!random.chance(rate)) continue;
    const applied = random.chance(0.5);
    backend.on({ nth }, { type: "fail", error: "unavailable", applied });
    if (!isStretch && nth < 100) log(`call ${nth}: unavailable${applied ? ", though done" : ""}`);
  }
  if (weather !== "lies") return;
  for (let n = 0; n < 3; n++) {
    const nth = random.between(1, 40);
    const offset = random.int(500);
    backend.on({ method: "read", nth }, { type: "flip", offset });
    log(`read ${nth}: byte ${offset} is another`);
  }
}

type StartProxy = (
  port: number,
  spell: Spell,
) => Promise<{ readonly port: number; stop(): Promise<void> }>;

function startSpoilingProxy(port: number, { weather, seed, log }: Spell): ReturnType<StartProxy> {
  const listingDelayMs = weather === "fog" ? 500 : 0;
  return startHttpProxy({ port, plan: planRequests(weather, seed), log, listingDelayMs });
}

/** About what goes over one connection to an SSH server, in bytes. */
const USUAL_BYTES = 400_000;

function startCuttingProxy(port: number, { weather, seed, log }: Spell): ReturnType<StartProxy> {
  return startTcpProxy({ port, plan: planConnections(weather, seed, USUAL_BYTES), log });
}

function behindProxy(server: NetworkStore, startProxy: StartProxy): FaultStore {
  const open = (port: number, name: string): Promise<Backend> => {
    const { location, settings } = server.at(port, name);
    return openBackend(location, settings);
  };
  return {
    open: (name) => open(server.port, name),
    openThrough: async (name, spell) => {
      const proxy = await startProxy(server.port, spell);
      const backend = await open(proxy.port, name);
      const close = async (): Promise<void> => {
        await backend.close?.();
        await proxy.stop();
      };
      return { backend, close };
    },
    stop: () => server.stop(),
  };
}
