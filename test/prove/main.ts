/**
 * The long proofs, at full size: `npm run prove -- NAME [--option value]`. Prints each step and the figures; ends with 1 if a
 * proof does not hold. The tests run the same functions on small trees.
 *
 * @module
 */
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { findPeer, type PeerName } from "../peers.ts";
import { NETWORK_STORES, RCLONE_STORES } from "../servers/network-stores.ts";
import { proveCycles } from "./cycles.ts";
import { proveDamage } from "./damage.ts";
import { proveDamageKill } from "./damage-kill.ts";
import { FAULT_STORES } from "./fault-stores.ts";
import { proveFaults } from "./faults.ts";
import { proveFlip } from "./flip.ts";
import { proveForgetPolicy } from "./forget-policy.ts";
import { proveHostile } from "./hostile.ts";
import { proveInPlace } from "./in-place.ts";
import { proveKill } from "./kill.ts";
import { proveOutage } from "./outage.ts";
import { provePruneBeside } from "./prune-beside.ts";
import { provePrune } from "./prune.ts";
import type { Report } from "./report.ts";
import { proveSameTree } from "./same-tree.ts";
import { proveStore } from "./store.ts";
import { proveTorture } from "./torture.ts";
import { proveUsr } from "./usr.ts";

const USAGE = `Usage: npm run prove -- NAME... [options]

  usr        a system tree through each pair of tools, compared    --source DIR (/usr)
  same-tree  both tools make the same trees of one source          --size BYTES, --source DIR
  cycles     random change, both tools in turn                     --size BYTES (2e9) --files N --cycles N (20) --changes N
  kill       backups ended by SIGKILL at random moments            --size BYTES (2e8) --files N --kills N (50)
  prune      most of many snapshots are forgotten and pruned    --size BYTES (1e8), --source DIR, --cycles N (30)
  prune-beside  prune beside backups, both killed now and then    --size BYTES (2e6) --runs N (200) --first-run N (0)
  flip       one changed byte in each region of each kind of file  --size BYTES (4e6)
  damage     every kind of damage, and what a doctor saves         --size BYTES (3e5) --first-run N
  repair-kill  repairs that die after each of their writes, begun again    --size BYTES (1e5)
  in-place   a large file that was changed a little is restored      --size BYTES (2e9) --changes N (10)
  torture    a tree with everything, as root                       --entries N (200000) --dir DIR (/dev/shm)
  hostile    snapshots that were forged to use up memory and disk  --entries N (1000000)
  faults     backups and restores over lines and servers that fail  --runs N (200) --first-run N (0) --stores NAMES (those here)
  outage     the server is gone for a while during a backup        --seconds N (60) --stores NAMES (those here)
  store      a repository on the server of each kind, both tools   --size BYTES (1e9) --files N --stores NAMES (those here)
  forget-policy  what forget keeps and removes, beside restic    --sets N (1000)
  all        each of them

  --seed TEXT   another random tree (a random seed, printed, unless given)
  --dir DIR     where to work (the system's temporary folder)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    source: { type: "string" },
    size: { type: "string" },
    files: { type: "string" },
    cycles: { type: "string" },
    changes: { type: "string" },
    kills: { type: "string" },
    entries: { type: "string" },
    sets: { type: "string" },
    runs: { type: "string" },
    "first-run": { type: "string" },
    stores: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string", default: String(Date.now()) },
    dir: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const common = {
  seed: values.seed,
  folder: values.dir,
  log: (line: string): void => console.log(line),
};

function number(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : Number(text);
}

const proofs: Record<string, () => Promise<Report>> = {
  usr: () => proveUsr({ ...common, source: values.source ?? "/usr" }),
  "same-tree": () =>
    proveSameTree({
      ...common,
      source: values.source,
      size: number(values.size, 2e8),
      files: number(values.files, 2000),
    }),
  cycles: () =>
    proveCycles({
      ...common,
      size: number(values.size, 2e9),
      files: number(values.files, 10_000),
      cycles: number(values.cycles, 20),
      changes: number(values.changes, 300),
    }),
  kill: () =>
    proveKill({
      ...common,
      size: number(values.size, 2e8),
      files: number(values.files, 2000),
      kills: number(values.kills, 50),
    }),
  prune: () =>
    provePrune({
      ...common,
      source: values.source,
      size: number(values.size, 1e8),
      files: number(values.files, 2000),
      versions: number(values.cycles, 30),
    }),
  "prune-beside": () =>
    provePruneBeside({
      ...common,
      size: number(values.size, 2e6),
      files: number(values.files, 40),
      rounds: number(values.runs, 200),
      firstRound: number(values["first-run"], 0),
    }),
  flip: () => proveFlip({ ...common, size: number(values.size, 4e6) }),
  damage: () =>
    proveDamage({
      ...common,
      log: undefined,
      onLine: common.log,
      first: number(values["first-run"], 0),
      size: number(values.size, 3e5),
    }),
  "repair-kill": () => proveDamageKill({ ...common, size: number(values.size, 1e5) }),
  "in-place": () =>
    proveInPlace({
      ...common,
      size: number(values.size, 2e9),
      runs: number(values.changes, 10),
    }),
  torture: () =>
    proveTorture({
      ...common,
      // Its attributes are too long for most disks.
      folder: values.dir ?? "/dev/shm",
      entries: number(values.entries, 200_000),
      sparseSize: number(values.size, 10 * 2 ** 30),
    }),
  "forget-policy": () => proveForgetPolicy({ ...common, sets: number(values.sets, 1000) }),
  hostile: () =>
    proveHostile({
      ...common,
      entries: number(values.entries, 1_000_000),
      depth: 10_000,
      levels: 40,
    }),
};

function isWanted(store: string, isHere: () => boolean): boolean {
  return values.stores === undefined ? isHere() : values.stores.split(",").includes(store);
}

for (const [store, kind] of Object.entries({ ...NETWORK_STORES, ...RCLONE_STORES })) {
  if (!isWanted(store, kind.isHere)) continue;
  proofs[`store-${store}`] = () =>
    proveStore({
      ...common,
      store,
      size: number(values.size, 1e9),
      files: number(values.files, 5000),
    });
}
for (const [store, isHere] of Object.entries(FAULT_STORES)) {
  if (!isWanted(store, isHere)) continue;
  proofs[`faults-${store}`] = () =>
    proveFaults({
      ...common,
      store,
      size: number(values.size, 3e6),
      files: number(values.files, 40),
      runs: number(values.runs, 200),
      firstRun: number(values["first-run"], 0),
    });
  if (store === "local") continue;
  proofs[`outage-${store}`] = () =>
    proveOutage({
      ...common,
      store,
      size: number(values.size, 3e7),
      outageMs: number(values.seconds, 60) * 1000,
    });
}

async function runProof(name: string): Promise<boolean> {
  const proof = proofs[name];
  if (!proof) return false;
  console.log(
    `\n== ${name}, seed ${values.seed}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  );
  const { figures, failures } = await proof();
  for (const [figure, value] of Object.entries(figures)) console.log(`${figure}: ${value}`);
  for (const failure of failures) console.log(`FAILED ${failure}`);
  console.log(failures.length === 0 ? `${name} holds` : `${name} DOES NOT HOLD`);
  return failures.length === 0;
}

/** Proofs that a wish stands for: `faults`, of which there is one for each store, for all of those. */
function proofsOf(wish: string): string[] {
  const all = Object.keys(proofs);
  if (wish === "all") return all;
  if (all.includes(wish)) return [wish];
  const found = all.filter((name) => name.startsWith(`${wish}-`));
  if (found.length === 0) throw new RangeError(`There is no proof "${wish}"\n\n${USAGE}`);
  return found;
}

const names = new Set(positionals.flatMap(proofsOf));
if (values.help || names.size === 0) {
  console.log(USAGE);
} else {
  for (const peer of ["tsbak", "restic", "restic-0.14", "rsync"] satisfies PeerName[])
    if (!findPeer(peer))
      throw new Error(`${peer} is missing: run scripts/install-peers.sh and npm run build`);
  for (const name of names) if (!(await runProof(name))) process.exitCode = 1;
}
