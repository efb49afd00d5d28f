import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import { mirror, openRepository } from "@tsbak/core";
import { FaultyBackend } from "@tsbak/core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compareTrees, describeTree } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { startRestServer } from "./servers/rest-server.ts";
import { backupStep, checkStep, initRepository, mustOn, restoreStep } from "./steps.ts";

const password = "correct horse";

let workshop: Workshop;
let source: string;
beforeEach(() => {
  workshop = new Workshop();
  source = workshop.path("source");
});
afterEach(() => workshop.close());

/** Names and contents of all files of a repository in a folder. */
function filesOf(folder: string): string[] {
  return [...describeTree(folder)]
    .flatMap(([path, text]) => {
      const hash = /sha256 \S+/.exec(text)?.[0];
      return hash === undefined ? [] : [`${path} ${hash}`];
    })
    .sort();
}

test.skipIf(!requirePeer("restic"))(
  "a mirror that keeps longer than its source, which prunes, is whole for restic",
  async () => {
    const first = await initRepository(workshop, "tsbak", "first");
    const second = { workshop, folder: workshop.path("second") };
    const run = ["mirror", "--from-repo", first.folder, "--keep-last", "2", "--prune"];
    makeRandomTree(source, { seed: 1, size: 5e5, files: 10 });
    await backupStep(first, "tsbak", source);
    await mustOn(second, "tsbak", run);
    fs.writeFileSync(join(source, "new"), "of the second backup");
    await backupStep(first, "tsbak", source);
    const third = { workshop, folder: workshop.path("third") };
    expect(
      await mustOn(third, "tsbak", [...run.slice(0, 3), "--keep-last", "1", "--dry-run"]),
    ).toContain("1 snapshot not copied, as the target would not keep it");
    const forget = ["forget", "--keep-last", "1", "--prune", "--max-unused", "0"];
    await mustOn(first, "restic", forget);

    const told = await mustOn(second, "tsbak", run);

    expect(told).toMatch(/snapshot [0-9a-f]{8} mirrored/);
    expect(fs.readdirSync(join(second.folder, "snapshots"))).toHaveLength(2);
    await checkStep(second, ["restic"]);
    expect(await mustOn(second, "tsbak", [...run, "--grace", "0"])).toContain("nothing is new");
  },
);

test.skipIf(!requirePeer("restic") || !requirePeer("rest-server"))(
  "a mirror over the network is restic's to use, and heals what it is the mirror of",
  async () => {
    const first = await initRepository(workshop, "restic", "first");
    makeRandomTree(source, { seed: 1, size: 3e6, files: 40 });
    await backupStep(first, "restic", source);
    const server = await startRestServer(workshop.folder);
    try {
      const second = { workshop, folder: `rest:${server.url}/mirror` };
      const run = ["mirror", "--from-repo", first.folder];
      await mustOn(second, "tsbak", run);
      mutateTree(source, { seed: 2, changes: 20 });
      await backupStep(first, "tsbak", source);
      expect(await mustOn(second, "tsbak", run)).toMatch(/snapshot [0-9a-f]{8} mirrored/);

      await checkStep(second, ["restic", "tsbak"]);
      await restoreStep(second, "restic", "latest", workshop.path("target"));
      expect(compareTrees(source, workshop.path("target") + source)).toEqual([]);

      const pack = fs
        .readdirSync(join(first.folder, "data"), { recursive: true, encoding: "utf8" })
        .find((name) => name.length > 60)!;
      fs.chmodSync(join(first.folder, "data", pack), 0o600);
      fs.writeFileSync(join(first.folder, "data", pack), "what a disk makes of it");
      const found = await workshop.run("tsbak", [...run, "-r", second.folder]);
      expect([found.code, found.stderr]).toEqual([1, expect.stringContaining("--heal")]);
      expect(await mustOn(second, "tsbak", [...run, "--heal"])).toContain("healed: pack");
      await checkStep(first, ["restic", "tsbak"]);
    } finally {
      await server.stop();
    }
  },
);

test.skipIf(!requirePeer("restic"))(
  "mirror leaves what restic finds whole when it dies, and goes on from there",
  async () => {
    const first = await initRepository(workshop, "restic", "first");
    makeRandomTree(source, { seed: 3, size: 1e6, files: 10 });
    await backupStep(first, "restic", source);
    const old = workshop.path("old");
    fs.cpSync(first.folder, old, { recursive: true });
    mutateTree(source, { seed: 4, changes: 10 });
    await backupStep(first, "restic", source);
    // After this the target has packs, index files and a snapshot that the source does not have.
    await mustOn(first, "restic", ["forget", "--keep-last", "1", "--group-by", "host", "--prune"]);
    await mustOn(first, "restic", ["prune", "--max-unused", "0"]);
    const expected = filesOf(first.folder);
    expect(expected.length).toBeGreaterThan(4);
    const open = async (): ReturnType<typeof openRepository> =>
      openRepository(await openBackend(first.folder), { password });

    let crashes = 0;
    // The unit test of mirror() dies at every write.
    for (let at = 2; at < 20; at += 4) {
      const folder = workshop.path(`target-${at}`);
      fs.cpSync(old, folder, { recursive: true });
      const backend = new FaultyBackend(await openBackend(folder));
      backend.crashAt(at, { applied: at % 8 === 2 });
      const options = { delete: true, allowRemoveAll: true };
      await mirror(await open(), backend, options).catch(() => undefined);
      if (!backend.crashed) break;
      crashes++;
      for (const place of [folder, first.folder]) {
        for (const lock of fs.readdirSync(join(place, "locks"))) {
          fs.rmSync(join(place, "locks", lock));
        }
      }

      await mustOn({ workshop, folder }, "restic", ["check", "--read-data"]);
      await mirror(await open(), await openBackend(folder), options);
      expect(filesOf(folder)).toEqual(expected);
    }

    expect(crashes).toBeGreaterThan(2);
  },
);

test("watch mirrors every new snapshot, outlives a failure, and ends at SIGTERM", async () => {
  const first = await initRepository(workshop, "tsbak", "first");
  makeRandomTree(source, { seed: 5, size: 1e5, files: 5 });
  await backupStep(first, "tsbak", source);
  const folder = workshop.path("second");
  const run = ["watch", "mirror", "--from-repo", first.folder, "-r", folder, "--interval", "1s"];
  const child = workshop.start("tsbak", run, {}, "pipe");
  let [said, complained] = ["", ""];
  child.stdout?.on("data", (bytes: Uint8Array) => (said += Buffer.from(bytes).toString()));
  child.stderr?.on("data", (bytes: Uint8Array) => (complained += Buffer.from(bytes).toString()));
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const mirrored = (): number => said.match(/ mirrored/g)?.length ?? 0;

  await until(() => mirrored() === 1);
  fs.renameSync(folder, `${folder}-away`);
  fs.writeFileSync(folder, "in the way");
  await backupStep(first, "tsbak", source);
  await until(() => complained.includes("trying again in"));
  fs.rmSync(folder);
  fs.renameSync(`${folder}-away`, folder);
  await until(() => mirrored() === 2);
  child.kill("SIGTERM");
  const [code] = (await once(child, "close")) as [number];

  expect(code).toBe(0);
  expect(fs.readdirSync(join(folder, "snapshots"))).toHaveLength(2);
  expect(fs.readdirSync(join(folder, "locks"))).toEqual([]);
});
