import { mkdirSync } from "node:fs";
import { checkCommand, Workshop, type ToolName } from "../test/peers.ts";
import { makeRandomTree } from "../test/random-tree.ts";
import { startHttpProxy } from "../test/servers/http-proxy.ts";
import { commandAt, NETWORK_STORES, type NetworkStore } from "../test/servers/network-stores.ts";
import { startTcpProxy } from "../test/servers/tcp-proxy.ts";

/** How the measurement is done. */
export interface LatencyOptions {
  readonly rounds: number;
  /** Where everything is made, and removed in the end. */
  readonly folder: string;
  /** Milliseconds added to each round trip. */
  readonly roundTripMs: number;
  /** Bytes and number of the files that are backed up. */
  readonly size: number;
  readonly files: number;
  readonly log: (line: string) => void;
}

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
  for (const [name, kind] of Object.entries(NETWORK_STORES)) {
    if (!kind.isForRestic || !kind.isHere()) continue;
    const scores = new Map(TOOLS.map((tool): [ToolName, Score] => [tool, newScore()]));
    for (let round = 0; round < options.rounds; round++)
      await playRound(name, round, scores, options);
    lines.push(...rowsOf(name, scores));
  }
  return lines;
}

function newScore(): Score {
  return { seconds: new Map(), requests: undefined };
}

async function playRound(
  name: string,
  round: number,
  scores: ReadonlyMap<ToolName, Score>,
  options: LatencyOptions,
): Promise<void> {
  const workshop = new Workshop(options.folder);
  const source = workshop.path("source");
  makeRandomTree(source, { ...options, seed: `latency ${round}` });
  const server = workshop.path("server");
  mkdirSync(server);
  const store = await NETWORK_STORES[name]?.start(server);
  if (store === undefined) throw new RangeError(`There is no store "${name}"`);
  const proxy = await startTcpProxy({ port: store.port, delayMs: options.roundTripMs / 2 });
  try {
    for (const tool of TOOLS) await run(workshop, tool, store, store.port, ["init"]);
    for (const [turn, work] of WORKS.entries())
      for (const tool of (round + turn) % 2 === 0 ? TOOLS : TOOLS.toReversed()) {
        const args = argumentsOf(work, tool, workshop);
        const seconds = await run(workshop, tool, store, proxy.port, args, source);
        const score = scores.get(tool);
        score?.seconds.set(work, [...(score.seconds.get(work) ?? []), seconds]);
        options.log(`${name}, ${work}, ${tool}: ${seconds.toFixed(2)} s`);
      }
    if (NETWORK_STORES[name]?.speaks !== "http") return;
    for (const [tool, score] of scores)
      score.requests = await countRequests(workshop, tool, store, source);
  } finally {
    await proxy.stop();
    await store.stop();
    workshop.close();
  }
}

function argumentsOf(work: Work, tool: ToolName, workshop: Workshop): readonly string[] {
  switch (work) {
    case "restore":
      return ["restore", "latest", "--target", workshop.path(`target-${tool}`)];
    case "verify, all data":
      return [checkCommand(tool), "--read-data"];
    default:
      return ["backup", "."];
  }
}

/** Each tool has a repository of its own. Gives the seconds. */
async function run(
  workshop: Workshop,
  tool: ToolName,
  store: NetworkStore,
  port: number,
  args: readonly string[],
  cwd?: string,
): Promise<number> {
  const { args: where, env } = commandAt(store.at(port, `repository-${tool}`));
  const started = performance.now();
  await workshop.must(tool, [...where, ...args], { env, cwd });
  return (performance.now() - started) / 1000;
}

async function countRequests(
  workshop: Workshop,
  tool: ToolName,
  store: NetworkStore,
  source: string,
): Promise<number> {
  const counter = await startHttpProxy({ port: store.port });
  try {
    await run(workshop, tool, store, counter.port, ["backup", "."], source);
    return [...counter.requests.values()].reduce((sum, count) => sum + count, 0);
  } finally {
    await counter.stop();
  }
}

function rowsOf(name: string, scores: ReadonlyMap<ToolName, Score>): string[] {
  const [restic, tsbak] = TOOLS.map((tool) => scores.get(tool));
  const mean = (score: Score | undefined, work: Work): number => {
    const all = score?.seconds.get(work) ?? [];
    return all.reduce((sum, seconds) => sum + seconds, 0) / all.length;
  };
  const rows = WORKS.map((work) => {
    const [theirs, ours] = [mean(restic, work), mean(tsbak, work)];
    const ratio = (theirs / ours).toFixed(2);
    return `| ${name} | ${work} | ${theirs.toFixed(2)} s | ${ours.toFixed(2)} s | ${ratio} |`;
  });
  const [theirs, ours] = [restic?.requests, tsbak?.requests];
  if (theirs !== undefined && ours !== undefined)
    rows.push(`| ${name} | requests, unchanged backup | ${theirs} | ${ours} | |`);
  return rows;
}
