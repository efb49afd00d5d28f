import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { checkCommand, Workshop, type ToolName } from "../test/peers.ts";
import { startHttpProxy } from "../test/servers/http-proxy.ts";
import { commandAt, NETWORK_STORES, type NetworkStore } from "../test/servers/network-stores.ts";
import { startTcpProxy } from "../test/servers/tcp-proxy.ts";
import { Leftovers } from "./leftovers.ts";

/** How the measurement is done. */
export interface LatencyOptions {
  readonly rounds: number;
  /** Where everything is made, and removed in the end. */
  readonly folder: string;
  /** Milliseconds added to each round trip. */
  readonly roundTripMs: number;
  /** Absolute paths of what is backed up. */
  readonly sources: readonly string[];
  /** Stores that take part; all unless given. */
  readonly stores: readonly string[];
  /** Work that takes longer is interrupted, and counts as so many seconds. */
  readonly limitSeconds: number;
  readonly log: (line: string) => void;
}

/** More than one round leaves on the disk. */
const ROUND_BYTES = 8e9;
const TOOLS: readonly ToolName[] = ["restic", "tsbak"];
const WORKS = ["first backup", "unchanged backup", "restore", "verify, all data"] as const;
type Work = (typeof WORKS)[number];

/** What one tool needed at one store. */
interface Score {
  /** One for each round. */
  readonly seconds: Map<Work, number[]>;
  /** Of an unchanged backup; undefined where the proxy does not understand the protocol. */
  requests: number | undefined;
}

/**
 * Backup, restore and verification over lines with a long way to the server, by both tools in turn with their default
 * connections. Gives the lines of a table for each store whose programs are here.
 */
export async function measureLatency(options: LatencyOptions): Promise<string[]> {
  const lines = [
    `| ${options.roundTripMs} ms of round trip | work | restic | tsbak | times faster |`,
    "| --- | --- | ---: | ---: | ---: |",
  ];
  const leftovers = new Leftovers(options.folder, options.log);
  const open = async (): Promise<Workshop> => {
    await leftovers.makeRoom(ROUND_BYTES);
    const workshop = new Workshop(options.folder);
    leftovers.keep([workshop]);
    return workshop;
  };
  try {
    for (const [name, kind] of Object.entries(NETWORK_STORES)) {
      if (options.stores.length > 0 && !options.stores.includes(name)) continue;
      if (!kind.isForRestic || !kind.isHere()) continue;
      lines.push(...(await measureStore(name, open, options)));
    }
  } finally {
    leftovers.remove();
  }
  return lines;
}

async function measureStore(
  name: string,
  open: () => Promise<Workshop>,
  options: LatencyOptions,
): Promise<string[]> {
  // Node keeps code that it has compiled; a user's second command finds it, so all do here.
  const next = { ...options, sources: [import.meta.filename], log: () => undefined };
  await playRound({ name, round: 0, workshop: await open() }, newScores(), next);
  const scores = newScores();
  for (let round = 0; round < options.rounds; round++)
    await playRound({ name, round, workshop: await open() }, scores, options);
  return rowsOf(name, scores, options.limitSeconds);
}

function newScores(): ReadonlyMap<ToolName, Score> {
  return new Map(TOOLS.map((tool) => [tool, { seconds: new Map(), requests: undefined }]));
}

/** One turn of all work at a store. */
interface Round {
  readonly name: string;
  readonly round: number;
  readonly workshop: Workshop;
}

async function playRound(
  { name, round, workshop }: Round,
  scores: ReadonlyMap<ToolName, Score>,
  options: LatencyOptions,
): Promise<void> {
  const codeFolder = join(options.folder, "code");
  const server = workshop.path("server");
  mkdirSync(server);
  const store = await NETWORK_STORES[name]?.start(server);
  if (store === undefined) throw new RangeError(`There is no store "${name}"`);
  const proxy = await startTcpProxy({ port: store.port, delayMs: options.roundTripMs / 2 });
  try {
    const { limitSeconds } = options;
    const near: Run = { workshop, store, port: store.port, limitSeconds, codeFolder };
    const far: Run = { ...near, port: proxy.port };
    for (const tool of TOOLS) await run(near, tool, ["init"]);
    for (const [turn, work] of WORKS.entries())
      for (const tool of (round + turn) % 2 === 0 ? TOOLS : TOOLS.toReversed()) {
        const target = workshop.path(`target-${tool}`);
        const args = argumentsOf(work, tool, options.sources, target);
        const seconds = await run(far, tool, args);
        const score = scores.get(tool);
        score?.seconds.set(work, [...(score.seconds.get(work) ?? []), seconds]);
        options.log(`${name}, ${work}, ${tool}: ${seconds.toFixed(2)} s`);
      }
    if (NETWORK_STORES[name]?.speaks !== "http") return;
    for (const [tool, score] of scores)
      score.requests = await countRequests(near, tool, options.sources);
  } finally {
    await proxy.stop();
    await store.stop();
  }
}

function argumentsOf(
  work: Work,
  tool: ToolName,
  sources: readonly string[],
  target: string,
): readonly string[] {
  switch (work) {
    case "restore":
      return ["restore", "latest", "--target", target];
    case "verify, all data":
      return [checkCommand(tool), "--read-data"];
    default:
      return ["backup", ...sources];
  }
}

interface Run {
  readonly workshop: Workshop;
  readonly store: NetworkStore;
  readonly port: number;
  readonly limitSeconds: number;
  /** Where Node keeps compiled code. */
  readonly codeFolder: string;
}

/** Each tool has a repository of its own. Gives the seconds, no more than the limit. */
async function run(
  { workshop, store, port, limitSeconds, codeFolder }: Run,
  tool: ToolName,
  args: readonly string[],
): Promise<number> {
  const { args: where, env } = commandAt(store.at(port, `repository-${tool}`));
  // Nobody waits for what another one has written.
  spawnSync("sync");
  const started = performance.now();
  const all = { ...env, XDG_CACHE_HOME: codeFolder };
  const child = workshop.start(tool, [...where, ...args], { env: all }, "pipe");
  let said = "";
  child.stdout?.resume();
  child.stderr?.on("data", (piece: Buffer) => (said = `${said}${piece}`.slice(-4000)));
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    child.kill("SIGINT");
  }, limitSeconds * 1000);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  if (isOver) return limitSeconds;
  if (code !== 0) throw new Error(`${tool} ${args[0]} ended with ${code}:\n${said}`);
  return (performance.now() - started) / 1000;
}

async function countRequests(
  near: Run,
  tool: ToolName,
  sources: readonly string[],
): Promise<number> {
  const counter = await startHttpProxy({ port: near.port });
  try {
    const count = async (): Promise<number> => {
      await run({ ...near, port: counter.port }, tool, ["backup", ...sources]);
      return [...counter.requests.values()].reduce((sum, count) => sum + count, 0);
    };
    // The first one through this port is the first at a new address.
    const first = await count();
    return (await count()) - first;
  } finally {
    await counter.stop();
  }
}

function rowsOf(
  name: string,
  scores: ReadonlyMap<ToolName, Score>,
  limitSeconds: number,
): string[] {
  const [restic, tsbak] = TOOLS.map((tool) => scores.get(tool));
  const mean = (score: Score | undefined, work: Work): number => {
    const all = score?.seconds.get(work) ?? [];
    return all.reduce((sum, seconds) => sum + seconds, 0) / all.length;
  };
  const rows = WORKS.map((work) => {
    const [theirs, ours] = [mean(restic, work), mean(tsbak, work)];
    const more = theirs >= limitSeconds ? "> " : "";
    const cells = [`${more}${theirs.toFixed(2)} s`, `${ours.toFixed(2)} s`];
    return `| ${name} | ${work} | ${cells.join(" | ")} | ${more}${(theirs / ours).toFixed(2)} |`;
  });
  const [theirs, ours] = [restic?.requests, tsbak?.requests];
  if (theirs !== undefined && ours !== undefined)
    rows.push(`| ${name} | requests, unchanged backup | ${theirs} | ${ours} | |`);
  return rows;
}
