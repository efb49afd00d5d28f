import * as fs from "node:fs";
import { openBackend } from "@tsbak/backends";
import {
  doctor,
  findSnapshot,
  isTsbakError,
  keepCopy,
  openRepository,
  planOpening,
  restore,
  verify,
  type DoctorReport,
  type KeepAside,
  type Repository,
  type VerifyReport,
} from "@tsbak/core";
import { describeTree } from "../compare-trees.ts";
import type { Workshop } from "../peers.ts";
import { runOn } from "../steps.ts";
import { ALONE, buildRepository, DamageBench, SNAPSHOTS } from "./damage-bench.ts";
import { NEVER_ENDS, type DamageCase } from "./damage-case.ts";
import { DAMAGE_CASES } from "./damage-cases.ts";
import { prove, type ProofOptions, type Report } from "./report.ts";

/** What became of one case: a line of the table. */
interface Outcome {
  readonly seen: string;
  readonly restic: number;
  readonly done: string;
  readonly saved: number;
  readonly left: string;
  readonly resticAfter: number;
}

/** How to prove what becomes of damage. */
export interface DamageOptions extends ProofOptions {
  /** Told of each line of the table. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Number of the first case, from 0. */
  readonly first?: number | undefined;
  /** Only every eighth case, of which restic judges every second, and only after the doctor. */
  readonly isShort?: boolean | undefined;
}

/**
 * Every kind of damage is done to a copy of one repository. What verify and restic's check say of it is noted, a doctor treats it, and all
 * snapshots are restored. Where nothing is said to be left, both must find nothing any more.
 */
export function proveDamage(options: DamageOptions): Promise<Report> {
  const tell = options.onLine ?? (() => undefined);
  return prove("damage", options, async (workshop, findings) => {
    const { bench, source, other } = await buildRepository(workshop, options.size ?? 300_000);
    tell("| damage | help | tsbak verify | restic check | doctor | restored in full | left |");
    tell("| --- | --- | --- | --- | --- | --- | --- |");
    const cases = DAMAGE_CASES.slice(options.first ?? 0);
    const short = options.isShort === true;
    for (const [number, one] of cases.entries()) {
      if (short && number % 8 !== 0) continue;
      const judge = { before: !short, after: !short || number % 16 === 0 };
      const outcome = await new DamageRun(workshop, bench, { source, other }).run(one, judge);
      tell(tableLine(one, outcome));
      findings.count("cases");
      findings.judge(`${one.title} (${helpOf(one)})`, differences(one, outcome));
    }
  });
}

/** No check of so few files takes as long. */
const MOST_OF_RESTIC_MS = 60_000;
/** What restic ends with when it is asked to end. */
const TERMINATED = 130;
const RESTIC_WORDS: ReadonlyMap<number, string> = new Map([
  [0, "no error"],
  [NEVER_ENDS, "does not end"],
]);

function helpOf({ help = [] }: DamageCase): string {
  return help.length === 0 ? "nothing" : help.join(", ");
}

function tableLine(one: DamageCase, outcome: Outcome): string {
  const after = outcome.left === "" ? "nothing" : outcome.left;
  const restic = RESTIC_WORDS.get(outcome.restic) ?? `exit ${outcome.restic}`;
  const saved = `${outcome.saved} of ${SNAPSHOTS}`;
  const seen = outcome.seen === "" ? "no error" : outcome.seen;
  return `| ${[one.title, helpOf(one), seen, restic, outcome.done, saved, after].join(" | ")} |`;
}

function differences(one: DamageCase, outcome: Outcome): string[] {
  const left = one.left?.join(", ") ?? "";
  const checks: [string, unknown, unknown][] = [
    ["verify sees", outcome.seen, one.seen.join(", ")],
    ["restic check ends with", one.restic < 0 ? one.restic : outcome.restic, one.restic],
    ["snapshots restored", outcome.saved, one.saved],
    ["left", outcome.left, left],
  ];
  if (left === "") checks.push(["restic check after the doctor", outcome.resticAfter, 0]);
  return checks.flatMap(([what, is, should]) =>
    is === should ? [] : [`${what} ${String(is)}, expected ${String(should)}`],
  );
}

/** One case on a copy of the repository. */
class DamageRun {
  readonly #workshop: Workshop;
  readonly #bench: DamageBench;
  readonly #whole: DamageBench;
  readonly #places: { readonly source: string; readonly other: string };

  constructor(
    workshop: Workshop,
    whole: DamageBench,
    places: { readonly source: string; readonly other: string },
  ) {
    this.#workshop = workshop;
    this.#whole = whole;
    this.#bench = new DamageBench(workshop.path("damaged"), whole.facts);
    this.#places = places;
  }

  /** `judge`: whether restic is asked. Where not, it says what is expected. */
  async run(
    one: DamageCase,
    judge: { readonly before: boolean; readonly after: boolean },
  ): Promise<Outcome> {
    fs.cpSync(this.#whole.folder, this.#bench.folder, { recursive: true });
    await one.damage(this.#bench);
    const restic =
      judge.before && one.restic !== NEVER_ENDS ? await this.#resticCheck() : one.restic;
    const { seen, done, left } = await this.#treat(one);
    const saved = await this.#restoreAll();
    const resticAfter = left === "" && judge.after ? await this.#resticCheck() : 0;
    fs.rmSync(this.#bench.folder, { recursive: true });
    return { seen, restic, done, saved, left, resticAfter };
  }

  async #treat(one: DamageCase): Promise<{ seen: string; done: string; left: string }> {
    const closed = await this.#whyClosed();
    const mirror = await this.#openOther(one.help ?? []);
    if (closed !== undefined && mirror === undefined) {
      return { seen: closed, done: "says that only a mirror has a copy", left: closed };
    }
    if (closed !== undefined && mirror !== undefined) await this.#mendOpening(mirror);
    const report = await this.#doctor(await this.#bench.open(), one);
    const { errors } = await verify(await this.#bench.open(), { readData: true, threads: 1 });
    const done = closed === undefined ? describe(report) : "took the file from it";
    return { seen: closed ?? kindsOf(report.before), done, left: kindsOf({ errors }) };
  }

  async #whyClosed(): Promise<string | undefined> {
    try {
      await this.#bench.open();
      return undefined;
    } catch (error) {
      if (isTsbakError(error)) return error.code;
      throw error;
    }
  }

  async #mendOpening(mirror: Repository): Promise<void> {
    const repair = await planOpening(await openBackend(this.#bench.folder), mirror);
    await repair.apply({ keepAside: this.#keepAside });
  }

  readonly #keepAside: KeepAside = async ({ kind, name }, bytes) => {
    keepCopy(this.#workshop.path("kept"), `${kind}-${name}`, bytes);
  };

  async #doctor(repository: Repository, { help = [] }: DamageCase): Promise<DoctorReport> {
    const hidden = `${this.#places.source}-elsewhere`;
    const isLive = help.includes("live files");
    if (!isLive) fs.renameSync(this.#places.source, hidden);
    try {
      return await doctor(repository, {
        keepAside: this.#keepAside,
        mayRepair: async () => true,
        cacheDirectory: help.includes("cache") ? this.#workshop.path("cache") : undefined,
        snapshotsFromCache: help.includes("cache"),
        from: await this.#openOther(help),
        threads: 1,
      });
    } finally {
      if (!isLive) fs.renameSync(hidden, this.#places.source);
    }
  }

  async #openOther(help: readonly string[]): Promise<Repository | undefined> {
    if (help.includes("mirror")) return this.#whole.open();
    if (!help.includes("other repository")) return undefined;
    return openRepository(await openBackend(this.#places.other), ALONE);
  }

  /** How many snapshots are as they were. */
  async #restoreAll(): Promise<number> {
    let saved = 0;
    const repository = await this.#bench.open().catch(() => undefined);
    for (const [id, expected] of repository ? this.#whole.facts.expected : []) {
      const target = this.#workshop.path("target");
      try {
        const snapshot = await findSnapshot(repository as Repository, id);
        await restore(repository as Repository, snapshot, target);
        const restored = target + this.#places.source;
        if (fs.existsSync(restored) && isSame(describeTree(restored), expected)) saved++;
      } catch (error) {
        if (!isTsbakError(error)) throw error;
      }
      fs.rmSync(target, { recursive: true, force: true });
    }
    return saved;
  }

  async #resticCheck(): Promise<number> {
    const on = { workshop: this.#workshop, folder: this.#bench.folder };
    const check = ["check", "--read-data", "--no-cache"];
    const { code } = await runOn(on, "restic", check, { timeout: MOST_OF_RESTIC_MS });
    // A check that dies leaves its lock.
    if (code > 1) fs.rmSync(this.#bench.path("locks"), { recursive: true, force: true });
    fs.mkdirSync(this.#bench.path("locks"), { recursive: true });
    return code === TERMINATED ? NEVER_ENDS : code;
  }
}

function kindsOf({ errors }: Pick<VerifyReport, "errors">): string {
  return [...new Set(errors.map(({ kind }) => kind))].sort().join(", ");
}

function describe({ before, treatment, onlyInCache }: DoctorReport): string {
  if (treatment === undefined) return "nothing to do";
  const found = [...treatment.blobsFound].map(
    ([source, count]) => `found ${count} blobs in ${source.replace(/^repository .*/, "it")}`,
  );
  const parts = [
    treatment.packsPlaced.length > 0 ? `put ${treatment.packsPlaced.length} packs in place` : "",
    treatment.blobsSalvaged > 0 ? `saved ${treatment.blobsSalvaged} blobs of damaged packs` : "",
    ...found,
    treatment.snapshotsMended.length > 0
      ? `${onlyInCache.length > 0 ? "brought back" : "mended"} ${treatment.snapshotsMended.length} snapshots`
      : "",
    treatment.keysMended.length > 0 ? "mended the key" : "",
    treatment.blobsLost.length > 0 ? `named ${treatment.blobsLost.length} lost blobs` : "",
  ].filter((part) => part !== "");
  const text = parts.join(", ").replace(/\b1 (lost blob|blob|snapshot|pack)s\b/g, "1 $1");
  if (text !== "") return text;
  const isOfIndex = before.errors.some(({ kind }) => !/^(snapshot|key)-/.test(kind));
  return isOfIndex ? "made the index true" : "named the file";
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, line]) => b.get(path) === line);
}
