import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import {
  encodeSnapshot,
  forgetSnapshots,
  listSnapshots,
  listTrash,
  openRepository,
  undeleteSnapshot,
  verify,
  type Repository,
} from "@tsbak/core";
import { BRISK_CLOCK, FaultyBackend } from "@tsbak/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requirePeer, Workshop, type RunResult } from "./peers.ts";
import { proveForgetPolicy } from "./prove/forget-policy.ts";
import { startRestServer } from "./servers/rest-server.ts";
import { initRepository, mustOn, runOn, type TestRepository } from "./steps.ts";

const password = "correct horse";
/** Nobody else is there. */
const locking = { clock: BRISK_CLOCK };

describe.skipIf(!requirePeer("tsbak") || !requirePeer("restic"))("forget", () => {
  let workshop: Workshop;
  let at: TestRepository;
  beforeEach(async () => {
    workshop = new Workshop(existsSync("/dev/shm") ? "/dev/shm" : undefined);
    at = await initRepository(workshop, "tsbak", "repository");
    mkdirSync(workshop.path("source"));
    writeFileSync(workshop.path("source", "file"), "contents");
  });
  afterEach(() => workshop.close());

  const tsbak = (...args: readonly string[]): Promise<RunResult> => runOn(at, "tsbak", args);

  /** Give the repository a snapshot; the id. */
  async function backUp(...args: readonly string[]): Promise<string> {
    const lines = (
      await mustOn(at, "tsbak", ["backup", "--json", ...args, workshop.path("source")])
    ).trim();
    return (JSON.parse(lines.split("\n").at(-1) ?? "") as { snapshot_id: string }).snapshot_id;
  }

  function open(): Promise<Repository> {
    return openBackend(at.folder).then((backend) => openRepository(backend, { password, locking }));
  }

  /** More snapshots of the same tree, one for each of the nights before `newest`. */
  async function addNights(count: number, newest = Date.now()): Promise<void> {
    const repository = await open();
    const [{ snapshot } = await Promise.reject(new Error("no snapshot"))] =
      await listSnapshots(repository);
    for (let night = 0; night < count; night++) {
      const time = new Date(newest - (night + 1) * 86_400_000).toISOString();
      await repository.saveFile("snapshot", encodeSnapshot({ ...snapshot, time }));
    }
  }

  async function idsInRestic(): Promise<string[]> {
    const list = JSON.parse(await mustOn(at, "restic", ["snapshots", "--json"])) as {
      id: string;
    }[];
    return (list ?? []).map(({ id }) => id);
  }

  test("what a policy keeps and removes, and why, is what restic says", async () => {
    const seed = process.env.TSBAK_TEST_SEED ?? "forget";
    const report = await proveForgetPolicy({ seed, sets: 25, folder: "/dev/shm" });

    expect(report.failures).toEqual([]);
    expect(report.figures["sets compared"]).toBeGreaterThanOrEqual(25);
  });

  test("a forgotten snapshot comes back with its id, and restic sees it again", async () => {
    const id = await backUp();
    await mustOn(at, "tsbak", ["forget", id.slice(0, 8)]);
    expect(await idsInRestic()).toEqual([]);
    expect((await tsbak("undelete")).stdout).toMatch(
      new RegExp(`^${id.slice(0, 8)} .*\\n-+\\n1 forgotten snapshot\\n$`, "m"),
    );

    await mustOn(at, "tsbak", ["undelete", id.slice(0, 6)]);

    expect(await idsInRestic()).toEqual([id]);
    await mustOn(at, "restic", ["check", "--read-data"]);
    expect((await tsbak("undelete", "--json")).stdout).toBe("[]\n");
  });

  test("what restic's prune has taken cannot come back, and undelete says so", async () => {
    const id = await backUp();
    await mustOn(at, "tsbak", ["forget", id]);
    await mustOn(at, "restic", ["prune"]);

    const { code, stderr } = await tsbak("undelete", "--all");

    expect(code).toBe(3);
    expect(stderr).toMatch(/^Cannot bring back snapshot .* gone/);
    expect(await idsInRestic()).toEqual([]);
  });

  test("a store for restic only goes without a trash, and forget says so once", async () => {
    const server = await startRestServer(workshop.path("home"), { args: [] });
    try {
      const rest = { workshop, folder: `rest:${server.url}/repository/` };
      await mustOn(rest, "tsbak", ["init"]);
      const source = workshop.path("source");
      for (const host of ["a", "b"])
        await mustOn(rest, "tsbak", ["backup", "--host", host, source]);

      const output = await mustOn(rest, "tsbak", [
        "forget",
        "--unsafe-allow-remove-all",
        "--path",
        source,
      ]);

      expect(output.match(/cannot be brought back/g)?.length).toBe(1);
      expect(await mustOn(rest, "tsbak", ["snapshots", "--json"])).toBe("[]\n");
    } finally {
      await server.stop();
    }
  });

  test("a run that would remove nearly all of a group is refused before it removes anything", async () => {
    await backUp();
    await addNights(20);

    const refused = await tsbak("forget", "--keep-last", "1");

    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^Fatal: Cannot forget snapshots: 20 of 21 snapshots of ".*" would be removed/,
    );
    expect((await idsInRestic()).length).toBe(21);
    await mustOn(at, "tsbak", ["forget", "--keep-last", "1", "--max-forget", "100%"]);
    expect((await idsInRestic()).length).toBe(1);
  });

  test("a much smaller newest snapshot freezes its group, until somebody says that it is right", async () => {
    for (let file = 0; file < 20; file++) writeFileSync(workshop.path("source", `${file}`), "x");
    await backUp();
    await addNights(5);
    for (let file = 2; file < 20; file++) rmSync(workshop.path("source", `${file}`));
    await backUp();

    const frozen = await tsbak("forget", "--keep-last", "2");
    expect(frozen.code).toBe(3);
    expect(frozen.stderr).toMatch(
      /^Nothing of ".*" is removed: the newest snapshot .* has 3 files/,
    );
    expect((await idsInRestic()).length).toBe(7);
    await mustOn(at, "tsbak", ["forget", "--keep-last", "4", "--allow-shrink"]);
    expect((await idsInRestic()).length).toBe(4);
    await mustOn(at, "tsbak", ["forget", "--keep-last", "3"]);
    expect((await idsInRestic()).length).toBe(3);
  });

  test("a snapshot of the future does not push out the others, and cron hears of it", async () => {
    await backUp();
    await addNights(3);
    await addNights(1, Date.now() + 300 * 86_400_000);

    const { code, stdout, stderr } = await tsbak("forget", "--keep-last", "2", "--quiet");

    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(/^1 snapshot of ".*" not counted and not removed: .*time in the future/);
    expect((await idsInRestic()).length).toBe(3);
  });

  test("a forget or undelete that dies at any of its writes leaves a sound repository", async () => {
    await backUp();
    await addNights(1);
    const ids = await idsInRestic();
    const forgotten = workshop.path("forgotten");
    let crashes = 0;
    for (const what of ["forget", "undelete"] as const) {
      for (let nth = 1, isDone = false; !isDone; nth++) {
        const folder = workshop.path("crashed");
        cpSync(what === "forget" ? at.folder : forgotten, folder, { recursive: true });
        const backend = new FaultyBackend(await openBackend(folder));
        const repository = await openRepository(backend, { password, locking });
        backend.crashAt(nth, { applied: nth % 2 === 0 });
        await change(repository, what, ids).catch(() => undefined);
        isDone = !backend.crashed;
        crashes += isDone ? 0 : 1;

        const after = await openRepository(await openBackend(folder), { password, locking });
        const left = [
          await after.listNames("snapshot"),
          (await listTrash(after)).map(({ id }) => id),
        ];
        expect(new Set(left.flat())).toEqual(new Set(ids));
        expect((await verify(after, { readData: true })).errors).toEqual([]);
        await mustOn({ workshop, folder }, "restic", ["check", "--read-data"]);
        if (isDone && what === "forget") cpSync(folder, forgotten, { recursive: true });
        rmSync(folder, { recursive: true });
      }
    }
    expect(crashes).toBe(8);
    expect(readdirSync(join(forgotten, "tsbak", "trash")).length).toBe(2);
  });
});

async function change(
  repository: Repository,
  what: "forget" | "undelete",
  ids: readonly string[],
): Promise<void> {
  if (what === "forget") {
    const { failed } = await forgetSnapshots(repository, ids);
    if (failed.length > 0) throw new Error("not all are forgotten");
    return;
  }
  for (const entry of await listTrash(repository)) await undeleteSnapshot(repository, entry);
}
