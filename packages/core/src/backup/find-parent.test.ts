import { beforeAll, expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import type { Repository } from "../repository/repository.ts";
import { saveSnapshot } from "../repository/snapshots.ts";
import { findParent, type ParentQuery } from "./find-parent.ts";

let repository: Repository;

async function save(hour: number, host: string, paths: string[], tags: string[]): Promise<void> {
  await saveSnapshot(repository, {
    time: `2024-01-01T0${hour}:00:00Z`,
    parent: undefined,
    tree: String(hour).repeat(64),
    paths,
    hostname: host,
    username: "root",
    uid: 0,
    gid: 0,
    excludes: [],
    tags,
    original: undefined,
    programVersion: "test",
    summary: undefined,
    extra: {},
  });
}

beforeAll(async () => {
  repository = await createQuickly(new MemoryBackend(), { password: "x" });
  await save(1, "here", ["/a"], []);
  await save(2, "here", ["/a", "/b"], ["x", "y"]);
  await save(3, "there", ["/a"], ["x"]);
  await save(4, "here", ["/c"], ["z"]);
});

const HERE = { hostname: "here", paths: ["/a"], tags: [], time: "2024-01-01T09:00:00Z" };
const ALL = { host: false, paths: false, tags: false };

test.each<[string, Partial<ParentQuery>, number | undefined]>([
  ["host and paths by default", {}, 2],
  ["a time that is not later than ours", { time: "2024-01-01T01:30:00Z" }, 1],
  ["paths alone", { groupBy: { ...ALL, paths: true } }, 3],
  ["the host alone", { groupBy: { ...ALL, host: true } }, 4],
  ["nothing", { groupBy: ALL }, 4],
  ["all our tags", { groupBy: { ...ALL, tags: true }, tags: ["x", "y"] }, 2],
  ["tags, if we have none", { groupBy: { ...ALL, tags: true } }, 4],
  ["tags that no snapshot has", { groupBy: { ...ALL, tags: true }, tags: ["x", "z"] }, undefined],
  ["nothing, if all is to be read again", { force: true }, undefined],
])("findParent() finds the newest snapshot by %s", async (_, query, hour) => {
  const parent = await findParent(repository, { ...HERE, ...query });

  expect(parent?.snapshot.tree.slice(0, 1)).toBe(hour?.toString());
});
