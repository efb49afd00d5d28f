import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { mutateTree } from "../mutate-tree.ts";
import type { ToolName } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { Random } from "../random.ts";
import {
  backupStep,
  checkStep,
  initRepository,
  mustOn,
  onRepository,
  type TestRepository,
} from "../steps.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";
import { SnapshotLog } from "./snapshot-log.ts";

export interface KillOptions extends ProofOptions {
  readonly kills?: number | undefined;
  /** After so many kills a backup is let through to its end; 5 unless given. */
  readonly finishEvery?: number | undefined;
}

const CHECKERS: readonly ToolName[] = ["restic", "tsbak"];

/**
 * Backups are ended by SIGKILL at random moments. Afterwards every snapshot that was complete restores equal, and both
 * tools find the repository clean.
 */
export function proveKill(options: KillOptions): Promise<Report> {
  const seed = options.seed ?? "1";
  return prove("kill", options, async (workshop, findings) => {
    const source = workshop.path("source");
    const random = new Random(`kill ${seed}`);
    makeRandomTree(source, { ...options, seed });
    const repository = await initRepository(workshop, "tsbak", "repository");
    const log = new SnapshotLog();
    let durationMs = await finish(repository, log, source);

    for (let kill = 1; kill <= (options.kills ?? 50); kill++) {
      mutateTree(source, {
        seed: `${seed} ${kill}`,
        changes: 60,
        largest: (options.size ?? 8e6) / 4,
      });
      const afterMs = random.int(Math.ceil(durationMs));
      const killed = await killBackup(repository, source, afterMs);
      findings.count(killed ? "killed" : "ended before the kill");
      await judgeRemains(repository, findings, `kill ${kill}, after ${afterMs} ms`);
      if (kill % (options.finishEvery ?? 5) === 0)
        durationMs = await finish(repository, log, source);
    }

    await finish(repository, log, source);
    await checkStep(repository, CHECKERS);
    for (const [n, id] of log.ids.entries())
      findings.judge(
        `${id} restores`,
        await log.compare(repository, CHECKERS[n % 2] ?? "tsbak", id),
      );
    findings.figures.snapshots = log.ids.length;
  });
}

/** A backup that is let through; gives how long it took. */
async function finish(
  repository: TestRepository,
  log: SnapshotLog,
  source: string,
): Promise<number> {
  const { id, durationMs } = await backupStep(repository, "tsbak", ".", { cwd: source });
  log.record(id, source);
  return durationMs;
}

async function killBackup(
  repository: TestRepository,
  source: string,
  afterMs: number,
): Promise<boolean> {
  const options = onRepository(repository, { cwd: source });
  const child = repository.workshop.start("tsbak", ["backup", "."], options);
  const ended = once(child, "close");
  await Promise.race([ended, sleep(afterMs)]);
  child.kill("SIGKILL");
  await ended;
  return child.signalCode === "SIGKILL";
}

/** The lock of the dead process goes by `unlock`, and the structure is whole. The two tools take turns at both. */
async function judgeRemains(
  repository: TestRepository,
  findings: Findings,
  step: string,
): Promise<void> {
  const turn = Number(findings.figures.killed ?? 0) % 2;
  const [first, second] =
    turn === 0 ? (["restic", "tsbak"] as const) : (["tsbak", "restic"] as const);
  await mustOn(repository, first, ["unlock"]);
  await mustOn(repository, second, ["check"]);
  findings.note(step);
}
