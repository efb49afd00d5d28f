import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import {
  doctor,
  listSnapshots,
  openRepository,
  repairIndex,
  repairPacks,
  restore,
  verify,
  type Backend,
  type Repository,
} from "@tsbak/core";
import { FaultyBackend } from "@tsbak/core/testing";
import { describeTree } from "../compare-trees.ts";
import type { Workshop } from "../peers.ts";
import { runOn } from "../steps.ts";
import { ALONE, buildRepository, DamageBench, SNAPSHOTS } from "./damage-bench.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

/** How to prove what repairs leave behind when they are killed. */
export interface DamageKillOptions extends ProofOptions {
  /** Kill only at every nth write. */
  readonly step?: number | undefined;
}

interface KilledRepair {
  readonly title: string;
  readonly damage: (bench: DamageBench) => void;
  readonly repair: (repository: Repository, whole: Repository) => Promise<unknown>;
}

const keepAside = async (): Promise<void> => undefined;

const REPAIRS: readonly KilledRepair[] = [
  {
    title: "repair index",
    damage: (bench) => {
      bench.cut("index", bench.facts.oldIndex, 0.5);
      bench.cut("index", bench.facts.newIndex, 0);
    },
    repair: (repository) => repairIndex(repository),
  },
  {
    title: "repair packs",
    damage: (bench) => bench.flipEnd("data", bench.facts.oldData, 1),
    repair: async (repository) => {
      const { errors } = await verify(repository, { readData: true, noLock: true, threads: 1 });
      const names = errors.flatMap(({ kind, file }) =>
        kind === "pack-damaged" && file ? [file.name] : [],
      );
      if (names.length > 0) await repairPacks(repository, names, { keepAside });
    },
  },
  {
    title: "doctor",
    damage: (bench) => {
      bench.flip("data", bench.facts.oldData, 0.3);
      bench.remove("data", bench.facts.oldTrees);
      bench.cut("index", bench.facts.oldIndex, 0.5);
      bench.swap("snapshots", bench.facts.snapshot, bench.facts.otherSnapshot);
    },
    repair: (repository, from) =>
      doctor(repository, { keepAside, mayRepair: async () => true, from, threads: 1 }),
  },
];

/**
 * Each repair dies after its first write, after its second, and so on, as by kill -9, and is begun again by another process. Then both
 * checks find nothing, and all snapshots are restored as they were.
 */
export function proveDamageKill(options: DamageKillOptions): Promise<Report> {
  return prove("repair-kill", options, async (workshop, findings) => {
    const { bench: whole, source } = await buildRepository(workshop, options.size ?? 100_000);
    const from = await whole.open();
    for (const one of REPAIRS) {
      for (let nth = 1, crashed = true; crashed; nth += options.step ?? 1) {
        const bench = new DamageBench(workshop.path("damaged"), whole.facts);
        fs.cpSync(whole.folder, bench.folder, { recursive: true });
        one.damage(bench);
        crashed = await killAt(nth, bench, one, from);
        for (const name of fs.readdirSync(bench.path("locks"))) {
          fs.rmSync(join(bench.path("locks"), name));
        }
        await one.repair(await bench.open(), from);
        await judge(workshop, findings, bench, source, `${one.title}, killed at write ${nth}`);
        fs.rmSync(bench.folder, { recursive: true });
        if (crashed) findings.count(`kills of ${one.title}`);
      }
    }
  });
}

/** Gives whether there were so many writes. */
async function killAt(
  nth: number,
  bench: DamageBench,
  { repair }: KilledRepair,
  from: Repository,
): Promise<boolean> {
  const backend = new FaultyBackend(await openBackend(bench.folder));
  const repository = await openRepository(backend as Backend, ALONE);
  backend.crashAt(nth, { applied: true });
  await repair(repository, from).catch(() => undefined);
  return backend.crashed;
}

async function judge(
  workshop: Workshop,
  findings: Findings,
  bench: DamageBench,
  source: string,
  step: string,
): Promise<void> {
  const repository = await bench.open();
  const { errors } = await verify(repository, { readData: true, threads: 1 });
  const problems = errors.map(({ message }) => message);
  let saved = 0;
  const snapshots = await listSnapshots(repository);
  for (const [id, expected] of bench.facts.expected) {
    const target = workshop.path("target");
    // Killed while snapshots change places, one may have another id.
    const time = bench.facts.times.get(id);
    const found = snapshots.find(({ snapshot }) => snapshot.time === time);
    if (found !== undefined) await restore(repository, { ...found, subPath: "" }, target);
    const actual = fs.existsSync(target)
      ? describeTree(target + source)
      : new Map<string, string>();
    if ([...expected].every(([path, line]) => actual.get(path) === line)) saved++;
    fs.rmSync(target, { recursive: true, force: true });
  }
  if (saved < SNAPSHOTS) problems.push(`only ${saved} snapshots are restored`);
  const on = { workshop, folder: bench.folder };
  const { code, stderr } = await runOn(on, "restic", ["check", "--read-data", "--no-cache"]);
  if (code !== 0) problems.push(`restic check ends with ${code}: ${stderr.slice(-500)}`);
  findings.judge(step, problems);
}
