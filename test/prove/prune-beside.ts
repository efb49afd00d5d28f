import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChildProcess } from "node:child_process";
import { mutateTree } from "../mutate-tree.ts";
import { makeRandomTree } from "../random-tree.ts";
import { Random } from "../random.ts";
import {
  checkStep,
  initRepository,
  listSnapshots,
  mustOn,
  onRepository,
  type TestRepository,
} from "../steps.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";
import { SnapshotLog } from "./snapshot-log.ts";

export interface PruneBesideOptions extends ProofOptions {
  /** 200 unless given. */
  readonly rounds?: number | undefined;
  /** Another number gives other rounds. */
  readonly firstRound?: number | undefined;
}

/** Trees that are backed up in turn, so that each can be changed while others are being read. */
const SOURCES = 3;
/** After so many rounds all data is read, and every snapshot restored. */
const JUDGED = 10;
/** Snapshots that are left of each source before a round. */
const LEFT = 1;
/** In milliseconds; what a backup takes that need not wait, on a machine that has much to do. */
const USUAL_MS = 10_000;
/** Exit code of who does not wait for locks. */
const LOCKED = 11;
/** No backup may have to wait longer for the exclusive phase. */
const LONGEST_WAIT_MS = 10_000;

/** What one round came to. */
interface Round {
  readonly random: Random;
  readonly repository: TestRepository;
  readonly findings: Findings;
  readonly log: SnapshotLog;
  readonly sources: readonly string[];
  readonly step: string;
}

/**
 * While tsbak prunes, restic, and now and then tsbak, make one backup after another; now and then one of both is ended by SIGKILL at a random moment. No backup fails
 * or waits for long, and nothing is lost: restic finds the repository whole, and every snapshot restores equal.
 */
export function provePruneBeside(options: PruneBesideOptions): Promise<Report> {
  const { rounds = 200, firstRound = 0, seed = "1" } = options;
  return prove("prune-beside", options, async (workshop, findings) => {
    const repository = await initRepository(workshop, "restic", "repository");
    const log = new SnapshotLog();
    const sources = Array.from({ length: SOURCES }, (_, n) => workshop.path(`source-${n}`));
    for (const [n, source] of sources.entries()) {
      makeRandomTree(source, { ...options, seed: `${seed} ${firstRound} ${n}` });
    }
    for (let n = firstRound; n < firstRound + rounds; n++) {
      const random = new Random(`prune beside ${seed} ${n}`);
      const step = `round ${n}`;
      const round = { random, repository, findings, log, sources, step };
      await grow(round);
      await play(round);
      await judge(round, (n + 1) % JUDGED === 0 || n + 1 === firstRound + rounds);
    }
  });
}

/** Make snapshots and forget most, so that there is something to prune. */
async function grow(round: Round): Promise<void> {
  for (const source of round.sources) round.findings.judge(round.step, await backUp(round, source));
  const args = ["--group-by", "paths", "--keep-last", String(LEFT)];
  await mustOn(round.repository, "restic", ["forget", ...args]);
}

/** A prune, and backups every few hundred milliseconds until it has ended. */
async function play(round: Round): Promise<void> {
  const { random, repository, findings, step } = round;
  const args = ["prune", "--max-unused", "0", "--max-wait", "2m"];
  const pruned = repository.workshop.start("tsbak", args, onRepository(repository), "pipe");
  const said = collect(pruned);
  const ended = once(pruned, "close");
  let isOver = false;
  void ended.then(() => (isOver = true));
  const end = async (): Promise<void> => {
    await sleep(random.int(3000));
    pruned.kill("SIGKILL");
    await ended;
    // As its administrator would: backups of restic wait for whatever lock a dead process has left.
    await mustOn(repository, "restic", ["unlock"]);
  };
  const killPrune = random.chance(0.3) ? end() : undefined;
  const backups: Promise<readonly string[]>[] = [];
  for (let turn = 0; !isOver && turn < SOURCES * 2; turn++) {
    await Promise.race([sleep(random.int(700)), ended]);
    if (turn >= SOURCES) findings.judge(step, (await backups[turn - SOURCES]) ?? []);
    const source = round.sources[turn % SOURCES] as string;
    backups.push(backUp(round, source, random.chance(0.15) ? random.int(1500) : undefined));
  }
  for (const backup of backups) findings.judge(step, await backup);
  await ended;
  await killPrune;
  if (pruned.signalCode === "SIGKILL") findings.count("prunes killed");
  else if (pruned.exitCode === 0) findings.count("prunes");
  else findings.judge(step, [`prune ended with ${pruned.exitCode}: ${said()}`]);
  await mustOn(repository, "restic", ["unlock"]);
}

/** Change a source and back it up by one of the tools; `killMs` is when to kill that. Returns what is wrong. */
async function backUp(
  { random, repository, findings, log }: Round,
  source: string,
  killMs?: number,
): Promise<readonly string[]> {
  mutateTree(source, { seed: random.int(1e9), changes: 8, largest: 3e5 });
  const tool = random.chance(0.3) ? "tsbak" : "restic";
  const started = performance.now();
  const { code, isKilled, text } = await runBackup(repository, tool, source, killMs);
  const tookMs = performance.now() - started;
  if (isKilled) {
    findings.count(`backups by ${tool} killed`);
    // As its administrator would, for else all others wait for half an hour.
    await mustOn(repository, "restic", ["unlock"]);
    return [];
  }
  if (tool === "tsbak" && code === LOCKED) {
    findings.count("backups by tsbak refused");
    return [];
  }
  findings.count(`backups by ${tool}`);
  const longest = Math.max(Number(findings.figures["longest backup, ms"] ?? 0), tookMs);
  findings.figures["longest backup, ms"] = Math.round(longest);
  const id = /"snapshot_id":"([0-9a-f]{8})/.exec(text)?.[1];
  if (code !== 0 || id === undefined) return [`backup by ${tool} ended with ${code}: ${text}`];
  log.record(id, source);
  return tookMs > USUAL_MS + LONGEST_WAIT_MS ? [`a backup took ${Math.round(tookMs)} ms`] : [];
}

/**
 * tsbak does not wait for locks here, and so begins to read before its own is certain: what it finds then must be there to the end, or it
 * must be refused.
 */
async function runBackup(
  repository: TestRepository,
  tool: "restic" | "tsbak",
  source: string,
  killMs: number | undefined,
): Promise<{ readonly code: number | null; readonly isKilled: boolean; readonly text: string }> {
  const waiting = tool === "restic" ? ["--retry-lock", "1m", "--no-scan"] : [];
  const options = onRepository(repository, { cwd: source });
  const args = ["backup", ".", "--json", ...waiting];
  const child = repository.workshop.start(tool, args, options, "pipe");
  const said = collect(child);
  const ended = once(child, "close");
  if (killMs !== undefined) void sleep(killMs).then(() => child.kill("SIGKILL"));
  await ended;
  return { code: child.exitCode, isKilled: child.signalCode === "SIGKILL", text: said() };
}

async function judge(round: Round, isThorough: boolean): Promise<void> {
  const { repository, findings, log, step } = round;
  if (isThorough) await checkStep(repository, ["restic", "tsbak"]);
  else await mustOn(repository, "restic", ["check"]);
  findings.note(step);
  if (!isThorough) return;
  for (const { id } of await listSnapshots(repository, "restic")) {
    const short = id.slice(0, 8);
    // One whose backup was killed between its last write and telling of it.
    if (!log.ids.includes(short)) continue;
    findings.judge(`${step}: ${short} restores`, await log.compare(repository, "tsbak", short));
    findings.count("snapshots compared");
  }
}

function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream
      ?.setEncoding("utf8")
      .on("data", (chunk: string) => (text = (text + chunk).slice(-20_000)));
  }
  return () => text;
}
