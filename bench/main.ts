/**
 * Measure tsbak beside the newest restic: `npm run bench [-- options]`. Prints the table that docs/performance.md quotes.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findPeer } from "../test/peers.ts";
import { contest } from "./contest.ts";
import { makeDataSets } from "./data.ts";
import type { Contestant } from "./measure.ts";
import { describeMachine, tableHead, tableRows } from "./table.ts";

const USAGE = `Usage: npm run bench -- [options]

  --quick           a sixteenth of the data, and /usr/share as the system tree
  --rounds N        do everything N times and give the mean (2)
  --only WORDS      only data sets whose name holds one of these, separated by commas: system, small, random, text
  --source DIR      the system tree (/usr), read where it is
  --copy            copy the system tree first
  --dir DIR         where data and repositories are made (bench/data)
  --node PATH       the Node.js that runs tsbak (the pinned one)
  --node20 PATH     a second one, in a column of its own (peers/bin/node-20 if it is there; "" for none)
  --alone           without restic`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string", default: "2" },
    only: { type: "string", default: "" },
    source: { type: "string" },
    copy: { type: "boolean", default: false },
    dir: { type: "string", default: join(import.meta.dirname, "data") },
    node: { type: "string", default: process.execPath },
    node20: { type: "string", default: findPeer("node-20")?.[0] ?? "" },
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
  const options = {
    rounds: Number(values.rounds),
    folder: join(values.dir, "work"),
    log: (line: string): void => console.error(line),
  };
  const system = values.source ?? (values.quick ? "/usr/share" : "/usr");
  const words = values.only.split(",").filter((word) => word !== "");
  const chosen = (name: string): boolean =>
    words.length === 0 || words.some((word) => name.includes(word));
  const sets = makeDataSets({
    folder: values.dir,
    system,
    copySystem: values.copy,
    quick: values.quick,
    chosen,
  });

  console.log(`${describeMachine(contestants)}\n- rounds: ${options.rounds}\n`);
  console.log(tableHead(contestants));
  for (const data of sets)
    console.log(tableRows(data.title, await contest(data, contestants, options)));
}

if (values.help) console.log(USAGE);
else await main();
