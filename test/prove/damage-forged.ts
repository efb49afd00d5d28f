import * as fs from "node:fs";
import { dirname } from "node:path";
import { TestingRepository } from "@tsbak/core/testing";
import { ALL, NEVER_ENDS, type DamageCase } from "./damage-case.ts";
import type { DamageBench } from "./damage-bench.ts";

type Entry = DamageBench["facts"]["packs"][0]["entries"][number];

/** The index says of the old data pack's last blob something else than is true, and nothing else lists it. */
async function relist(bench: DamageBench, change: (entry: Entry) => Entry): Promise<void> {
  const { packs, oldData } = bench.facts;
  bench.removeAll("index");
  await bench.addIndex(
    packs.map((pack) =>
      pack.id === oldData
        ? { ...pack, entries: pack.entries.map((entry, at) => (at === 0 ? change(entry) : entry)) }
        : pack,
    ),
  );
}

async function saveJson(
  bench: DamageBench,
  kind: "index" | "snapshot",
  text: string,
): Promise<void> {
  await (await bench.open()).saveFile(kind, Buffer.from(text));
}

/** Seal the config anew, with a field that nobody knows. */
async function extendConfig(bench: DamageBench): Promise<void> {
  const { opener, sealer } = await bench.open();
  const path = bench.path("config");
  const plain = Buffer.from(opener.open(fs.readFileSync(path))).toString();
  fs.rmSync(path);
  fs.writeFileSync(path, sealer.seal(Buffer.from(plain.replace(/\}$/, ',"unknown":[1,{}]}'))));
}

/** A snapshot of a tree that was saved as it should be, but is not one. */
async function addOddTree(bench: DamageBench, plain: string): Promise<void> {
  const testing = new TestingRepository(await bench.open());
  const pack = await testing.addPack([{ type: "tree", plain: Buffer.from(plain) }]);
  await testing.addIndex([pack]);
  await testing.addSnapshot(Buffer.from(pack.entries[0]?.id ?? []).toString("hex"));
}

function firstData(bench: DamageBench): string {
  const entry = bench.facts.packs
    .flatMap(({ entries }) => entries)
    .find(({ type }) => type === "data");
  return Buffer.from(entry?.id ?? []).toString("hex");
}

const ODD_INDEXES: readonly DamageCase[] = [
  {
    title: "index with a wrong offset",
    damage: (bench) => relist(bench, (entry) => ({ ...entry, offset: entry.offset + 16 })),
    seen: ["pack-damaged"],
    restic: NEVER_ENDS,
    saved: ALL,
  },
  {
    title: "index with a wrong length",
    damage: (bench) => relist(bench, (entry) => ({ ...entry, length: entry.length - 16 })),
    seen: ["pack-size"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index with a length of zero",
    damage: (bench) => relist(bench, (entry) => ({ ...entry, length: 0 })),
    seen: ["blob-missing", "pack-size"],
    restic: NEVER_ENDS,
    saved: ALL,
  },
  {
    title: "index with a blob beyond the end of its pack",
    damage: (bench) => relist(bench, (entry) => ({ ...entry, offset: 2 ** 31 })),
    seen: ["pack-damaged"],
    restic: NEVER_ENDS,
    saved: ALL,
  },
  {
    title: "index with a wrong plain length",
    damage: (bench) =>
      relist(bench, (entry) => ({ ...entry, uncompressedLength: entry.uncompressedLength + 1 })),
    seen: ["pack-size"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index with a plain length of 4 GiB",
    damage: (bench) => relist(bench, (entry) => ({ ...entry, uncompressedLength: 2 ** 32 - 1 })),
    seen: ["pack-size"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index that calls data a tree",
    damage: (bench) => relist(bench, (entry) => ({ ...entry, type: "tree" })),
    seen: ["blob-missing", "pack-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index that is sealed well and is no JSON",
    damage: (bench) => saveJson(bench, "index", '{"packs":['),
    seen: ["index-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index that is sealed well and is of an unknown form",
    damage: (bench) => saveJson(bench, "index", '{"packs":7}'),
    seen: ["index-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "index that supersedes another that is there",
    damage: (bench) =>
      saveJson(bench, "index", `{"supersedes":["${bench.facts.oldIndex}"],"packs":[]}`),
    seen: [],
    restic: 0,
    saved: ALL,
  },
];

const ODD_SNAPSHOTS: readonly DamageCase[] = [
  {
    title: "snapshot copied to a second name",
    damage: (bench) => bench.copy("snapshots", bench.facts.snapshot, "ab".repeat(32)),
    seen: ["snapshot-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "snapshot empty",
    damage: (bench) => bench.cut("snapshots", bench.facts.snapshot, 0),
    seen: ["snapshot-damaged"],
    restic: 1,
    saved: 2,
    left: ["snapshot-damaged"],
  },
  {
    title: "snapshot that is sealed well and is no JSON",
    damage: (bench) => saveJson(bench, "snapshot", "hello"),
    seen: ["snapshot-damaged"],
    restic: 1,
    saved: ALL,
    left: ["snapshot-damaged"],
  },
  {
    title: "snapshot without a tree",
    damage: (bench) =>
      saveJson(bench, "snapshot", '{"time":"2026-01-01T00:00:00Z","tree":null,"paths":["/x"]}'),
    seen: ["snapshot-damaged"],
    restic: 2,
    saved: ALL,
    left: ["snapshot-damaged"],
  },
  {
    title: "snapshot whose tree is a data blob",
    damage: (bench) => bench.addSnapshot(firstData(bench)),
    seen: ["blob-missing"],
    restic: 1,
    saved: ALL,
    left: ["blob-missing"],
  },
  {
    title: "tree that is sealed well and is no JSON",
    damage: (bench) => addOddTree(bench, "hello"),
    seen: ["tree-damaged"],
    restic: 1,
    saved: ALL,
    left: ["tree-damaged"],
  },
  {
    title: "tree with a folder that is a data blob",
    damage: (bench) =>
      addOddTree(
        bench,
        `{"nodes":[{"name":"sub","type":"dir","mode":2147484141,"subtree":"${firstData(bench)}"}]}\n`,
      ),
    seen: ["blob-missing"],
    restic: 1,
    saved: ALL,
    left: ["blob-missing"],
  },
];

/** Move a pack by hand to where nobody looks for it. */
function misplace(bench: DamageBench): void {
  const { oldData } = bench.facts;
  const from = bench.path("data", oldData.slice(0, 2), oldData);
  const to = bench.path("data", oldData.startsWith("00") ? "11" : "00", oldData);
  fs.mkdirSync(dirname(to), { recursive: true });
  fs.renameSync(from, to);
}

const ODD_FILES: readonly DamageCase[] = [
  {
    title: "config with a field that nobody knows",
    damage: extendConfig,
    seen: [],
    restic: 0,
    saved: ALL,
  },
  {
    title: "key of somebody else cut off",
    damage: (bench) => bench.cut("keys", bench.facts.otherKey, 0.5),
    seen: ["key-damaged"],
    restic: -1,
    saved: ALL,
    left: ["key-damaged"],
  },
  {
    title: "key of somebody else empty",
    damage: (bench) => bench.cut("keys", bench.facts.otherKey, 0),
    seen: ["key-damaged"],
    restic: -1,
    saved: ALL,
    left: ["key-damaged"],
  },
  {
    title: "key cut off",
    help: ["mirror"],
    damage: (bench) => bench.cut("keys", bench.facts.key, 0.5),
    seen: ["corrupt"],
    restic: -1,
    saved: ALL,
  },
  {
    title: "names in upper case, and files that a write has left",
    damage: (bench) => {
      const { oldData, oldIndex, snapshot } = bench.facts;
      const all = [
        ["index", oldIndex],
        ["snapshots", snapshot],
        [`data/${oldData.slice(0, 2)}`, oldData],
      ] as const;
      for (const [folder, name] of all) {
        fs.copyFileSync(bench.path(folder, name), bench.path(folder, name.toUpperCase()));
        fs.writeFileSync(bench.path(folder, `${name}-tmp-123456`), "half of it");
        fs.writeFileSync(bench.path(folder, `.${name}.tmp`), "half of it");
      }
      fs.writeFileSync(bench.path("config~"), "hello");
    },
    seen: [],
    restic: 0,
    saved: ALL,
  },
  {
    title: "pack under a wrong name, which the index calls so",
    damage: async (bench) => {
      const { packs, oldData } = bench.facts;
      const name = "ab".repeat(32);
      bench.rename("data", oldData, name);
      bench.removeAll("index");
      await bench.addIndex(
        packs.map((pack) => (pack.id === oldData ? { ...pack, id: name } : pack)),
      );
    },
    seen: ["pack-damaged"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "pack in the folder of others",
    damage: misplace,
    seen: ["pack-missing"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "damaged pack in the folder of others",
    damage: (bench) => {
      bench.flipEnd("data", bench.facts.oldData, 20);
      misplace(bench);
    },
    seen: ["pack-missing"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "pack in the folder of others, and no index",
    damage: (bench) => {
      misplace(bench);
      bench.removeAll("index");
    },
    seen: ["blob-missing"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "folder of packs within itself",
    damage: (bench) => {
      fs.renameSync(bench.path("data"), bench.path("elsewhere"));
      fs.mkdirSync(bench.path("data"));
      fs.renameSync(bench.path("elsewhere"), bench.path("data", "data"));
    },
    seen: ["pack-missing"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "folder in the place of a pack",
    help: ["live files"],
    damage: (bench) => {
      const { oldData } = bench.facts;
      bench.remove("data", oldData);
      fs.mkdirSync(bench.path("data", oldData.slice(0, 2), oldData));
    },
    seen: ["pack-missing"],
    restic: 1,
    saved: ALL,
  },
  {
    title: "link into nothing in the place of a pack",
    help: ["live files"],
    damage: (bench) => {
      const { oldData } = bench.facts;
      bench.remove("data", oldData);
      fs.symlinkSync("/nowhere/at/all", bench.path("data", oldData.slice(0, 2), oldData));
    },
    seen: ["pack-missing"],
    restic: 1,
    saved: ALL,
  },
];

/** Files that open and say what is not true, and files that should not be where they are. */
export const FORGED_CASES: readonly DamageCase[] = [...ODD_INDEXES, ...ODD_SNAPSHOTS, ...ODD_FILES];
