import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync } from "node:fs";
import { openRepository, Traffic, type HeldLock, type LockNotice } from "@tsbak/core";
import { openStore } from "@tsbak/backends";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DrivenClock } from "../packages/core/src/testing/driven-clock.ts";
import { DrivenMachine } from "../packages/core/src/testing/driven-machine.ts";
import { findPeer, requirePeer, Workshop, type PeerName, type ToolName } from "./peers.ts";
import { initRepository } from "./steps.ts";

const peers: PeerName[] = ["tsbak", "restic"];
const MINUTE = 60_000;

let workshop: Workshop;
let repo: string;
let held: ChildProcess[];

beforeEach(async () => {
  workshop = new Workshop();
  repo = workshop.path("repo");
  held = [];
  await initRepository(workshop, "tsbak", "repo");
});

afterEach(async () => {
  await Promise.all(held.map(kill));
  workshop.close();
});

function locks(): string[] {
  const names = readdirSync(workshop.path("repo", "locks"));
  // A file that is being written has another name until it is whole.
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name));
}

/** Start a backup that has its lock, and waits for what to save until its input ends. */
async function startBackup(tool: ToolName): Promise<ChildProcess> {
  const [program = "", ...first] = findPeer(tool) ?? [];
  const before = locks().length;
  const child = spawn(program, [...first, "-r", repo, "backup", "--stdin"], {
    env: workshop.environment(),
    stdio: ["pipe", "ignore", "ignore"],
  });
  held.push(child);
  await vi.waitFor(() => expect(locks()).toHaveLength(before + 1), 20_000);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const hasEnded = child.exitCode !== null || child.signalCode !== null;
  if (hasEnded) return;
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await ended;
}

function finish(child: ChildProcess): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.stdin?.end("contents");
  return ended;
}

describe.skipIf(peers.map(requirePeer).includes(false))("locks beside restic", () => {
  test("unlock removes the lock of a dead process and no other, and says it as restic does", async () => {
    const living = await startBackup("restic");
    await kill(await startBackup("restic"));

    const said = await workshop.must("tsbak", ["-r", repo, "unlock"]);

    expect(locks()).toHaveLength(1);
    expect(await workshop.must("restic", ["-r", repo, "unlock", "--remove-all"])).toBe(said);
    expect(locks()).toEqual([]);
    await kill(living);
  });

  test("the lock that a killed tsbak left goes when tsbak locks again, and says so", async () => {
    await kill(await startBackup("tsbak"));

    const { code, stderr } = await workshop.runTsbak(["-r", repo, "verify"]);

    expect(stderr).toMatch(/^removed lock .* of PID .*: that process of this machine has ended\n$/);
    expect(code).toBe(0);
    expect(locks()).toEqual([]);
  });

  test("the lock of a killed restic stays, and so does one of tsbak that this user knows nothing of", async () => {
    await kill(await startBackup("restic"));
    await kill(await startBackup("tsbak"));
    const env = { TSBAK_STATE_DIR: workshop.path("other") };

    expect((await workshop.runTsbak(["-r", repo, "verify"], { env })).code).toBe(11);
    expect(locks()).toHaveLength(2);
    expect((await workshop.runTsbak(["-r", repo, "verify"])).code).toBe(11);
    expect(locks()).toHaveLength(1);
  });

  test("--auto-unlock waits beside a living restic, and goes on when that ends", async () => {
    const backup = await startBackup("restic");
    const verifying = workshop.runTsbak(["-r", repo, "verify", "--auto-unlock"]);
    const sightings = (): unknown => readdirSync(workshop.path("home"), { recursive: true });
    await vi.waitFor(() => expect(String(sightings())).toContain("lock-sightings"), 20_000);

    expect(await finish(backup)).toBe(0);
    const { code, stderr } = await verifying;

    expect(stderr).toMatch(
      /^watching lock .* of PID .*: unless somebody refreshes it, it is removed/,
    );
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(0);
  });

  test("the lock of a restic that is stopped is removed after 40 minutes before exclusive work, not sooner", async () => {
    const backup = await startBackup("restic");
    backup.kill("SIGSTOP");
    const notices: LockNotice[] = [];
    const clock = new DrivenClock();
    const before = clock.steady();
    const repository = await openRepository(await openStore(repo, {}, { traffic: new Traffic() }), {
      password: "correct horse",
      stateDirectory: workshop.path("state"),
      locking: {
        autoUnlock: true,
        clock,
        machine: new DrivenMachine(clock),
        onNotice: (notice) => notices.push(notice),
      },
    });

    const acquiring: Promise<HeldLock> = repository.lock({ exclusive: true });
    const lock = await clock.passUntil(acquiring, 60 * MINUTE);

    expect(clock.steady() - before).toBeGreaterThanOrEqual(40 * MINUTE);
    expect(notices).toMatchObject([
      { kind: "watching", entry: { lock: { pid: backup.pid } } },
      { kind: "abandoned", entry: { lock: { pid: backup.pid } } },
    ]);
    expect(locks()).toHaveLength(1);
    expect((await workshop.runRestic("", ["-r", repo, "check"])).code).toBe(11);
    await lock.release();
    expect(locks()).toEqual([]);
  });
});
