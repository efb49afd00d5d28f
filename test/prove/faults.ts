import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  backup,
  createRepository,
  isTsbakError,
  openRepository,
  restore,
  Traffic,
  verify,
  wrapStore,
  type Backend,
  type SnapshotEntry,
} from "@tsbak/core";
import { describeTree } from "../compare-trees.ts";
import { mutateTree } from "../mutate-tree.ts";
import { letOpenQuickly } from "../quick-key.ts";
import { makeRandomTree } from "../random-tree.ts";
import { weatherOf } from "../servers/weather.ts";
import { startFaultStore, type FaultStore, type Spell } from "./fault-stores.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";
import { compareDescriptions } from "./snapshot-log.ts";

export interface FaultsOptions extends ProofOptions {
  /** One of `FAULT_STORES`. */
  readonly store: string;
  /** How many backups, each followed by a restore; 200 unless given. */
  readonly runs?: number | undefined;
  /** The first run, to repeat one that failed; 0 unless given. */
  readonly firstRun?: number | undefined;
}

const PASSWORD = "correct horse";
/** A run that takes longer hangs. In milliseconds. */
const LIMIT_MS = 60_000;
/** Runs that share a repository. */
const RUNS_TOGETHER = 6;

/**
 * Backups and restores over a store in bad weather, each run with a seed of its own. Each ends in success, or in an error for people;
 * in between the repository is whole, seen in fine weather, and holds what was said to be in it. Nothing hangs.
 */
export function proveFaults(options: FaultsOptions): Promise<Report> {
  const seed = options.seed ?? "1";
  return prove(`faults ${options.store}`, options, async (workshop, findings) => {
    const source = workshop.path("source");
    makeRandomTree(source, { size: 3e6, files: 40, ...options, seed });
    const store = await startFaultStore(options.store, workshop.path("tmp"));
    try {
      const first = options.firstRun ?? 0;
      let trial: Trial | undefined;
      for (let run = first; run < first + (options.runs ?? 200); run++) {
        mutateTree(source, { seed: `${seed} ${run}`, changes: 15, largest: 500_000 });
        const name = `repository-${run - (run % RUNS_TOGETHER)}`;
        if (trial?.name !== name) trial = new Trial(store, name, source, workshop.path("target"));
        await trial.run(run, `${seed} ${run}`, findings);
      }
    } finally {
      await store.stop();
    }
  });
}

/** Some runs on one repository. */
class Trial {
  readonly name: string;
  readonly #store: FaultStore;
  readonly #source: string;
  readonly #target: string;
  #place: string;
  #isMade = false;
  #latest: { readonly entry: SnapshotEntry; readonly tree: Map<string, string> } | undefined;

  constructor(store: FaultStore, name: string, source: string, target: string) {
    this.#store = store;
    this.name = name;
    this.#place = name;
    this.#source = source;
    this.#target = target;
  }

  async run(run: number, seed: string, findings: Findings): Promise<void> {
    const faults: string[] = [];
    const weather = weatherOf(run);
    const spell: Spell = { weather, seed, log: (line) => faults.push(line) };
    const problems = await this.#weather(spell, findings);
    findings.count("faults", faults.length);
    findings.count("runs");
    findings.judge(`run ${run}, ${weather}, ${faults.length} faults`, problems);
    if (problems.length > 0) for (const fault of faults.slice(-40)) findings.note(`  ${fault}`);
  }

  async #weather(spell: Spell, findings: Findings): Promise<string[]> {
    const attempt = new Attempt(spell, findings);
    if (!this.#isMade) await this.#make(attempt, spell, findings);
    let isRestored = false;
    await this.#through(spell, findings, async (backend) => {
      await attempt.step("backup", (signal) => this.#backUp(backend, signal));
      await this.#judgeStore(attempt);
      isRestored = await attempt.step("restore", (signal) => this.#restore(backend, signal));
    });
    if (!isRestored) await this.#restoreInFineWeather(attempt);
    return attempt.problems;
  }

  /** If that does not succeed, it is done in fine weather, elsewhere: half a repository is not completed. */
  async #make(attempt: Attempt, spell: Spell, findings: Findings): Promise<void> {
    const isMade = await attempt.step("init", () => this.#through(spell, findings, makeRepository));
    if (!isMade) {
      this.#place = `${this.name}-in-fine-weather`;
      await this.#directly(makeRepository);
    }
    await this.#directly((backend) => letOpenQuickly(backend, PASSWORD));
    this.#isMade = true;
  }

  async #backUp(treated: Backend, signal: AbortSignal): Promise<void> {
    const repository = await openRepository(treated, { password: PASSWORD, signal });
    const summary = await backup(repository, [this.#source], {
      stripPrefix: this.#source,
      threads: 2,
      signal,
    });
    if (summary.errors > 0 || summary.snapshot === undefined)
      throw new Error(`the backup is incomplete: ${summary.errors} errors`);
    this.#latest = { entry: summary.snapshot, tree: describeTree(this.#source) };
  }

  async #restore(treated: Backend, signal: AbortSignal): Promise<void> {
    if (this.#latest === undefined) return;
    const problems = await this.#restoreLatest(treated, signal);
    if (problems.length > 0) throw new Unequal(problems);
  }

  /** How what was restored differs; an error if the restore says itself that it is incomplete. */
  async #restoreLatest(backend: Backend, signal: AbortSignal): Promise<string[]> {
    const latest = this.#latest;
    if (latest === undefined) return [];
    rmSync(this.#target, { recursive: true, force: true });
    const repository = await openRepository(backend, { password: PASSWORD, signal });
    const summary = await restore(repository, latest.entry, this.#target, { threads: 2, signal });
    if (summary.errors > 0) throw new Incomplete(summary.errors);
    return compareDescriptions(latest.tree, describeTree(this.#target));
  }

  /** In fine weather the repository is whole. */
  async #judgeStore(attempt: Attempt): Promise<void> {
    await this.#directly(async (backend) => {
      const repository = await openRepository(backend, { password: PASSWORD });
      const report = await verify(repository, { readData: true, noLock: true, threads: 2 });
      for (const { message } of report.errors) attempt.problems.push(`verify: ${message}`);
      const latest = this.#latest?.entry.id;
      if (latest !== undefined && !(await repository.listNames("snapshot")).includes(latest))
        attempt.problems.push(`the snapshot ${latest} is gone`);
    });
  }

  async #restoreInFineWeather(attempt: Attempt): Promise<void> {
    await this.#directly(async (backend) => {
      const problems = await this.#restoreLatest(backend, AbortSignal.timeout(LIMIT_MS));
      attempt.problems.push(...problems.map((problem) => `in fine weather: ${problem}`));
    });
  }

  async #through(
    spell: Spell,
    findings: Findings,
    work: (backend: Backend) => Promise<void>,
  ): Promise<void> {
    const { backend, close } = await this.#store.openThrough(this.#place, spell);
    try {
      await work(treat(backend, findings));
    } finally {
      await close();
    }
  }

  async #directly(work: (backend: Backend) => Promise<void>): Promise<void> {
    const backend = await this.#store.open(this.#place);
    try {
      await work(backend);
    } finally {
      await backend.close?.();
    }
  }
}

async function makeRepository(backend: Backend): Promise<void> {
  await createRepository(backend, { password: PASSWORD });
}

/** A restore that says itself that it did not succeed. */
class Incomplete extends Error {
  constructor(errors: number) {
    super(`${errors} errors were reported`);
  }
}

/** A restore that says that it succeeded, and did not. */
class Unequal extends Error {
  readonly differences: readonly string[];

  constructor(found: readonly string[]) {
    super("what was restored is not what was saved");
    this.differences = found;
  }
}

/** The steps of one run, and what is wrong with how they ended. */
class Attempt {
  readonly problems: string[] = [];
  readonly #spell: Spell;
  readonly #findings: Findings;

  constructor(spell: Spell, findings: Findings) {
    this.#spell = spell;
    this.#findings = findings;
  }

  /** True if the step succeeded; how it may fail is judged here. */
  async step(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), LIMIT_MS);
    try {
      await Promise.race([work(limit.signal), refuseAfter(LIMIT_MS + 10_000, limit.signal)]);
      this.#findings.count(`${name} succeeded`);
      return true;
    } catch (error) {
      this.#findings.count(`${name} failed`);
      this.problems.push(...this.#judge(error, limit.signal).map((text) => `${name}: ${text}`));
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  #judge(error: unknown, limit: AbortSignal): string[] {
    if (limit.aborted) return [`takes longer than ${LIMIT_MS / 1000} s`];
    if (error instanceof Unequal) return [...error.differences];
    if (error instanceof Incomplete) return [];
    if (!isTsbakError(error)) return [`ends with a surprise: ${String(error)}`];
    const problems: string[] = [];
    if (!/^Cannot [^\n]+$/.test(error.message)) problems.push(`is no clear line: ${error.message}`);
    // Whoever changes bytes can make anything of them; a bad line alone must not look like damage.
    const { weather } = this.#spell;
    if (error.code !== "unavailable" && weather !== "lies" && weather !== "fog")
      problems.push(`says ${error.code}: ${error.message}`);
    return problems;
  }
}

async function refuseAfter(milliseconds: number, signal: AbortSignal): Promise<never> {
  await sleep(milliseconds, undefined, { ref: false });
  throw new Error(signal.aborted ? "does not end when it is interrupted" : "never ends");
}

/** As the command treats a store, but in a hurry. */
function treat(backend: Backend, findings: Findings): Backend {
  return wrapStore(backend, {
    traffic: new Traffic(),
    stuckMs: 1500,
    retry: {
      firstDelayMs: 5,
      longestDelayMs: 100,
      giveUpAfterMs: 4000,
      onRetry: ({ kind }) =>
        findings.count(kind === "failed" ? "calls repeated" : "calls recovered"),
    },
  });
}
