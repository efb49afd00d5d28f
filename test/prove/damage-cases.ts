import * as fs from "node:fs";
import { join } from "node:path";
import type { DamageBench } from "./damage-bench.ts";
import { ALL, type DamageCase } from "./damage-case.ts";
import { FORGED_CASES } from "./damage-forged.ts";
import { PACK_CASES } from "./damage-to-packs.ts";

const INDEX_CASES: readonly DamageCase[] = [
  {
    title: "all index files lost",
    damage: (bench) => bench.removeAll("index"),
    seen: ["blob-missing"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "all index files and a tree pack lost",
    help: ["cache"],
    damage: (bench) => {
      bench.removeAll("index");
      bench.remove("data", bench.facts.oldTrees);
    },
    seen: ["blob-missing"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index file flipped",
    damage: (bench) => bench.flip("index", bench.facts.oldIndex, 0.5),
    seen: ["blob-missing", "index-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index file cut off",
    damage: (bench) => bench.cut("index", bench.facts.oldIndex, 0.5),
    seen: ["blob-missing", "index-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index file empty",
    damage: (bench) => bench.cut("index", bench.facts.oldIndex, 0),
    seen: ["blob-missing", "index-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "two index files in each other's place",
    damage: (bench) => bench.swap("index", bench.facts.oldIndex, bench.facts.newIndex),
    seen: ["blob-missing", "index-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index file copied to a second name",
    damage: (bench) => bench.copy("index", bench.facts.oldIndex, "ab".repeat(32)),
    seen: ["index-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "pack listed by two index files",
    damage: (bench) => bench.addIndex([bench.facts.packs[0]]),
    seen: [],
    restic: 0,
    saved: ALL,
  },
  {
    title: "pack listed twice with different blobs",
    damage: (bench) => bench.addIndex([bench.half(bench.facts.packs[0])]),
    seen: ["index-conflict"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index that lists blobs under wrong ids",
    damage: async (bench) => {
      bench.removeAll("index");
      await bench.addIndex(bench.facts.packs.map((pack) => bench.renumbered(pack)));
    },
    seen: ["blob-missing", "pack-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index that lists a pack that never was",
    damage: (bench) => bench.addIndex([{ ...bench.facts.packs[0], id: "ef".repeat(32) }]),
    seen: ["pack-missing"],
    restic: 1,
    saved: ALL,
  },
];

const flipped = (bench: DamageBench): void => bench.flip("snapshots", bench.facts.snapshot, 0.5);
const seen = ["snapshot-damaged"];

const SNAPSHOT_CASES: readonly DamageCase[] = [
  { title: "snapshot flipped", damage: flipped, seen, restic: 1, saved: 2, left: seen },
  { title: "snapshot flipped", help: ["cache"], damage: flipped, seen, restic: 1, saved: ALL },
  { title: "snapshot flipped", help: ["mirror"], damage: flipped, seen, restic: 1, saved: ALL },
  {
    title: "snapshot empty",
    help: ["cache"],
    damage: (bench) => bench.cut("snapshots", bench.facts.snapshot, 0),
    seen,
    restic: 1,
    saved: ALL,
  },
  {
    title: "snapshot missing",
    help: ["cache"],
    damage: (bench) => bench.remove("snapshots", bench.facts.snapshot),
    seen: [],
    restic: 0,
    saved: ALL,
  },
  {
    title: "snapshot under a wrong name",
    damage: (bench) => bench.rename("snapshots", bench.facts.snapshot, "ab".repeat(32)),
    seen,
    restic: 1,
    saved: ALL,
  },
  {
    title: "two snapshots in each other's place",
    damage: (bench) => bench.swap("snapshots", bench.facts.snapshot, bench.facts.otherSnapshot),
    seen,
    restic: 1,
    saved: ALL,
  },
  {
    title: "snapshot of a tree that is nowhere",
    damage: (bench) => bench.addSnapshot("12".repeat(32)),
    seen: ["blob-missing"],
    restic: 1,
    saved: ALL,
    left: ["blob-missing"],
  },
];

/** It depends on the order in which restic tries the keys. */
const UNSURE = -1;
const noKey = (bench: DamageBench): void => bench.flipKey(bench.facts.key);
const noConfig = (bench: DamageBench): void => bench.flipFile("config", 0.5);

const OTHER_CASES: readonly DamageCase[] = [
  {
    title: "key of somebody else flipped",
    damage: (bench) => bench.flipKey(bench.facts.otherKey),
    seen: ["key-damaged"],
    restic: UNSURE,
    saved: ALL,
    left: ["key-damaged"],
  },
  {
    title: "key of somebody else flipped",
    help: ["mirror"],
    damage: (bench) => bench.flipKey(bench.facts.otherKey),
    seen: ["key-damaged"],
    restic: UNSURE,
    saved: ALL,
  },
  {
    title: "key flipped",
    damage: noKey,
    seen: ["wrong-password"],
    restic: UNSURE,
    saved: 0,
    left: ["wrong-password"],
  },
  {
    title: "config flipped",
    damage: noConfig,
    seen: ["corrupt"],
    restic: 1,
    saved: 0,
    left: ["corrupt"],
  },
  {
    title: "key flipped",
    help: ["mirror"],
    damage: noKey,
    seen: ["wrong-password"],
    restic: UNSURE,
    saved: ALL,
  },
  {
    title: "config flipped",
    help: ["mirror"],
    damage: noConfig,
    seen: ["corrupt"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "config missing",
    damage: (bench) => fs.rmSync(bench.path("config")),
    seen: ["no-repository"],
    restic: 10,
    saved: 0,
    left: ["no-repository"],
  },
  {
    title: "lock empty",
    damage: (bench) => bench.write("locks", "ab".repeat(32), Buffer.alloc(0)),
    seen: [],
    restic: 0,
    saved: ALL,
  },
  {
    title: "foreign files in the folders",
    damage: (bench) => {
      for (const folder of ["data", "index", "snapshots", "keys", "data/00"]) {
        fs.mkdirSync(bench.path(folder), { recursive: true });
        fs.writeFileSync(join(bench.path(folder), "README.txt"), "hello");
      }
    },
    seen: [],
    restic: 0,
    saved: ALL,
  },
  {
    title: "a bit of everything",
    help: ["mirror"],
    damage: (bench) => {
      bench.flip("data", bench.facts.oldData, 0.3);
      bench.remove("data", bench.facts.oldTrees);
      bench.cut("index", bench.facts.oldIndex, 0.5);
      bench.flip("snapshots", bench.facts.snapshot, 0.5);
    },
    seen: ["blob-missing", "index-damaged", "snapshot-damaged"],
    restic: 1,
    saved: ALL,
  },
];

/** Every kind of damage that we could think of. */
export const DAMAGE_CASES: readonly DamageCase[] = [
  ...PACK_CASES,
  ...INDEX_CASES,
  ...SNAPSHOT_CASES,
  ...OTHER_CASES,
  ...FORGED_CASES,
];
