/**
 * Measure tsbak beside the newest restic: `npm run bench [-- options]`. Prints the table that docs/performance.md quotes.
 *
 * @module
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findPeer } from "../test/peers.ts";
import { contest, type ContestOptions, type Score } from "./contest.ts";
import { makeDataSets } from "./data.ts";
import { measureFloor, type FloorResult } from "./floor.ts";
import { measureLatency } from "./latency.ts";
import { Leftovers } from "./leftovers.ts";
import type { Contestant } from "./measure.ts";
import { chooseSample } from "./system-sample.ts";
import { measureMillionBlobs } from "./million-blobs.ts";
import { measurePruneIndex } from "./prune-index.ts";
import { measurePrune } from "./prune.ts";
import { describeMachine, formatCost, tableHead, tableRows } from "./table.ts";

const USAGE = `Usage: npm run bench -- [options]

  --quick           a sixteenth of the data, and /usr/share as the system tree
  --rounds N        do everything N times and give the mean (2)
  --only WORDS      only data sets whose name holds one of these, separated by commas: system, small, million, random, text, index
                    (all but million); or latency: over lines with 50 ms of round trip to servers on this machine;
                    or prune: of the system tree; or plan: of a prune with an index of 5 million blobs
  --megabytes N     so much of the system tree for latency (1000)
  --stores NAMES    only these servers for latency, separated by commas: rest, sftp, minio, radosgw (all)
  --source DIR      the system tree (/usr), read where it is
  --copy            copy the system tree first
  --dir DIR         where data and repositories are made (bench/data)
  --node PATH       the Node.js that runs tsbak (the pinned one)
  --node20 PATH     a second one, in a column of its own (peers/bin/node-20 if it is there; "" for none)
  --cold            begin each piece of work with an empty page cache (as root), not with what it reads in it
  --alone           without restic`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string", default: "2" },
    only: { type: "string", default: "" },
    megabytes: { type: "string", default: "1000" },
    stores: { type: "string", default: "" },
    source: { type: "string" },
    copy: { type: "boolean", default: false },
    dir: { type: "string", default: join(import.meta.dirname, "data") },
    node: { type: "string", default: process.execPath },
    node20: { type: "string", default: findPeer("node-20")?.[0] ?? "" },
    cold: { type: "boolean", default: false },
    alone: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function chooseContestants(): Contestant[] {
  const contestants: Contestant[] = [{ title: "tsbak", tool: "tsbak", node: values.node }];
  if (!values.alone) contestants.unshift({ title: "restic", tool: "restic" });
  if (values.node20 !== "")
    contestants.push({ title: "tsbak on Node.js 20", tool: "tsbak", node: values.node20 });
  for (const { tool, node } of contestants) {
    if (!findPeer(tool, node))
      throw new Error(`${tool} is missing: run scripts/install-peers.sh and npm run build`);
    if (node !== undefined && !existsSync(node)) throw new Error(`There is no ${node}`);
  }
  return contestants;
}

async function main(): Promise<void> {
  const contestants = chooseContestants();
  const folder = join(values.dir, "work");
  const log = (line: string): void => console.error(line);
  mkdirSync(folder, { recursive: true });
  if (values.only === "latency") return measureLines(contestants, folder);
  if (values.only === "prune") return measurePrunes(contestants, folder);
  if (values.only === "plan") return measurePlans(contestants, folder);
  const leftovers = new Leftovers(folder, log);
  try {
    const cache = values.cold ? "cold" : "warm";
    await measureAll(contestants, { rounds: Number(values.rounds), folder, cache, leftovers, log });
  } finally {
    leftovers.remove();
  }
}

async function measureLines(contestants: readonly Contestant[], folder: string): Promise<void> {
  const rounds = Number(values.rounds);
  const wanted = values.quick ? 2e7 : Number(values.megabytes) * 1e6;
  const { paths, bytes, files } = chooseSample(values.source ?? "/usr", wanted);
  const log = (line: string): void => console.error(line);
  const what = `${(bytes / 1e6).toFixed(0)} MB in ${files} files`;
  console.log(`${describeMachine(contestants)}\n- rounds: ${rounds}, ${what}\n`);
  const stores = values.stores.split(",").filter((name) => name !== "");
  const options = { rounds, folder, stores, roundTripMs: 50, limitSeconds: 150, log };
  const lines = await measureLatency({ ...options, sources: paths });
  console.log(lines.join("\n"));
}

async function measurePrunes(contestants: readonly Contestant[], folder: string): Promise<void> {
  const source = values.source ?? (values.quick ? "/usr/share" : "/usr");
  const rounds = Number(values.rounds);
  console.log(`${describeMachine(contestants)}\n- rounds: ${rounds}\n`);
  const data = { title: source, folder: source };
  const scores = await measurePrune(data, contestants, { rounds, folder });
  for (const { contestant, cost, size } of scores) {
    const gib = `${(size / 2 ** 30).toFixed(3)} GiB`;
    console.log(`- prune, ${source}, ${contestant.title}: ${formatCost(cost)}, ${gib}; goal 1.5`);
  }
}

async function measurePlans(contestants: readonly Contestant[], folder: string): Promise<void> {
  const blobs = values.quick ? 100_000 : 5_000_000;
  console.log(`${describeMachine(contestants)}\n`);
  for (const { contestant, cost } of await measurePruneIndex(folder, blobs, contestants)) {
    console.log(`- plan of a prune, ${blobs} blobs, ${contestant.title}: ${formatCost(cost)}`);
  }
}

async function measureAll(
  contestants: readonly Contestant[],
  options: ContestOptions,
): Promise<void> {
  const system = values.source ?? (values.quick ? "/usr/share" : "/usr");
  const words = values.only.split(",").filter((word) => word !== "");
  const chosen = (name: string): boolean =>
    words.length === 0 ? name !== "million" : words.some((word) => name.includes(word));
  const sets = makeDataSets({
    folder: values.dir,
    system,
    copySystem: values.copy,
    quick: values.quick,
    chosen,
  });

  console.log(
    `${describeMachine(contestants)}\n- rounds: ${options.rounds}, page cache: ${options.cache}\n`,
  );
  console.log(tableHead(contestants));
  const floors: string[] = [];
  for (const data of sets) {
    const scores = await contest(data, contestants, options);
    console.log(tableRows(data.title, scores));
    floors.push(floorLine(data.title, await measureFloor(data.folder, options.folder), scores));
  }
  console.log(`\n${floors.join("\n")}`);
  if (chosen("index")) console.log(await millionBlobsLine(options.folder));
}

/** How near our first backup comes to the bare primitives on the same bytes and cores. */
function floorLine(title: string, floor: FloorResult, scores: readonly Score[]): string {
  const ours = scores.find(({ contestant }) => contestant.tool === "tsbak");
  const wall = ours?.costs.get("first backup")?.wallSeconds ?? Infinity;
  const rate = (floor.bytes / 1e6 / floor.seconds).toFixed(0);
  return `- floor, ${title}: ${floor.seconds.toFixed(2)} s (${rate} MB/s), ratio ${(floor.seconds / wall).toFixed(2)}, goal 0.75`;
}

async function millionBlobsLine(folder: string): Promise<string> {
  const blobs = values.quick ? 50_000 : 1_000_000;
  const result = await measureMillionBlobs(folder, blobs, !values.alone);
  const ours = `${result.loadSeconds.toFixed(2)} s, ${result.bytesPerBlob.toFixed(1)} bytes a blob`;
  const theirs = result.restic ? `; restic stats ${result.restic.wallSeconds.toFixed(2)} s` : "";
  return `- index of ${blobs} blobs: ${ours}${theirs}; goal 1.5 s for a million, 64 bytes`;
}

if (values.help) console.log(USAGE);
else await main();
