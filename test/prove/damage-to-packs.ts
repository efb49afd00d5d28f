import type { DamageBench } from "./damage-bench.ts";
import { ALL, type DamageCase } from "./damage-case.ts";

const missing = (bench: DamageBench): void => bench.remove("data", bench.facts.oldData);
const flipped = (bench: DamageBench): void => bench.flip("data", bench.facts.oldData, 0.3);
const noTrees = (bench: DamageBench): void => bench.remove("data", bench.facts.oldTrees);
const lost = { seen: ["pack-missing"], restic: 1 };
const broken = { seen: ["pack-damaged"], restic: 1 };

/** Damage to packs. */
export const PACK_CASES: readonly DamageCase[] = [
  { title: "data pack missing", damage: missing, ...lost, saved: 0, left: ["blob-missing"] },
  { title: "data pack missing", help: ["mirror"], damage: missing, ...lost, saved: ALL },
  {
    title: "data pack missing",
    help: ["other repository"],
    damage: missing,
    ...lost,
    saved: ALL,
  },
  { title: "data pack missing", help: ["live files"], damage: missing, ...lost, saved: ALL },
  {
    title: "byte of a data pack flipped",
    damage: flipped,
    ...broken,
    saved: 0,
    left: ["blob-missing"],
  },
  {
    title: "byte of a data pack flipped",
    help: ["live files"],
    damage: flipped,
    ...broken,
    saved: ALL,
  },
  {
    title: "header of a data pack flipped",
    damage: (bench) => bench.flipEnd("data", bench.facts.oldData, 20),
    ...broken,
    saved: ALL,
  },
  {
    title: "length of the header of a pack flipped",
    damage: (bench) => bench.flipEnd("data", bench.facts.oldData, 1),
    ...broken,
    saved: ALL,
  },
  {
    title: "end of a data pack cut off",
    damage: (bench) => bench.cut("data", bench.facts.oldData, -30),
    seen: ["pack-size"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "second half of a data pack cut off",
    damage: (bench) => bench.cut("data", bench.facts.oldData, 0.5),
    seen: ["pack-size"],
    restic: 1,
    saved: 0,
    left: ["blob-missing"],
  },
  {
    title: "bytes appended to a pack",
    damage: (bench) => bench.append("data", bench.facts.oldData),
    seen: ["pack-size"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "data pack empty",
    help: ["mirror"],
    damage: (bench) => bench.cut("data", bench.facts.oldData, 0),
    seen: ["pack-size"],
    restic: 1,
    saved: ALL,
  },
  { title: "tree pack missing", damage: noTrees, ...lost, saved: 2, left: ["blob-missing"] },
  { title: "tree pack missing", help: ["cache"], damage: noTrees, ...lost, saved: ALL },
  {
    title: "tree pack missing",
    help: ["other repository"],
    damage: noTrees,
    ...lost,
    saved: ALL,
  },
  {
    title: "byte of a tree pack flipped",
    help: ["cache"],
    damage: (bench) => bench.flip("data", bench.facts.oldTrees, 0.1),
    ...broken,
    saved: ALL,
  },
  {
    title: "two packs in each other's place",
    damage: (bench) => bench.swap("data", bench.facts.oldData, bench.facts.oldTrees),
    seen: ["pack-size"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "pack under a wrong name",
    damage: (bench) => bench.rename("data", bench.facts.oldData, "ab".repeat(32)),
    ...lost,
    saved: ALL,
  },
  {
    title: "pack copied to a second name",
    damage: (bench) => bench.copy("data", bench.facts.oldData, "ab".repeat(32)),
    seen: [],
    restic: 0,
    saved: ALL,
  },
  {
    title: "file that is no pack among the packs",
    damage: (bench) => bench.write("data", "cd".repeat(32), Buffer.alloc(1000, 7)),
    seen: [],
    restic: 0,
    saved: ALL,
  },
];
