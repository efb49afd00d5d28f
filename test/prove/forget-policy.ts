import { openBackend } from "@tsbak/backends";
import { encodeSnapshot, type JsonObject, type Repository, type Snapshot } from "@tsbak/core";
import { createQuickly } from "@tsbak/core/testing";
import { forgetSnapshots, listSnapshots } from "@tsbak/core";
import type { RunResult, Workshop } from "../peers.ts";
import { Random } from "../random.ts";
import { prove, type Findings, type ProofOptions, type Report } from "./report.ts";

/** How often to compare. */
export interface ForgetPolicyOptions extends ProofOptions {
  /** Groups of snapshots that a policy is applied to, counted over all runs. */
  readonly sets: number;
}

const OFFSETS = ["Z", "+02:00", "+01:00", "-05:00", "+05:45", "-09:30", "+14:00", "-12:00"];
/** Of the machine; with changes of clocks in the spans. */
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"];
const TAGS = ["daily", "keep", "db", "a b"];
const GROUPINGS = ["host,paths", "host", "paths", "tags", "host,tags,paths", ""];
const UNGUARDED = ["--trust-times", "--allow-shrink", "--max-forget", "100%"];
const DAY_MS = 86_400_000;

/**
 * Random sets of snapshots, of many hosts, paths, tags and zones, and random rules: what `tsbak forget --dry-run --json` says equals what
 * restic says, and so does the text of runs with one group. Our guards, which restic lacks, are switched off.
 */
export function proveForgetPolicy(options: ForgetPolicyOptions): Promise<Report> {
  return prove("forget-policy", options, async (workshop, findings) => {
    const random = new Random(options.seed ?? "1");
    const folder = workshop.path("repository");
    const password = workshop.environment().RESTIC_PASSWORD ?? "";
    const repository = await createQuickly(await openBackend(folder), { password });
    for (let run = 1; Number(findings.figures["sets compared"] ?? 0) < options.sets; run++) {
      await replaceSnapshots(repository, random);
      const args = ["-r", folder, "forget", "--dry-run", "--no-lock", ...randomRules(random)];
      await compare(workshop, findings, args, random.pick(ZONES));
      findings.count("runs");
      if (run % 20 === 0) findings.note(`${findings.figures["sets compared"]} sets`);
    }
  });
}

async function compare(
  workshop: Workshop,
  findings: Findings,
  args: readonly string[],
  zone: string,
): Promise<void> {
  const env = { TZ: zone };
  const [theirs, ours] = await Promise.all([
    workshop.run("restic", [...args, "--json"], { env }),
    workshop.run("tsbak", [...args, "--json", ...UNGUARDED], { env }),
  ]);
  const name = `${args.slice(4).join(" ")} in ${zone}`;
  const [their, our] = [groupsOf(theirs), groupsOf(ours)];
  findings.count("sets compared", Math.max(their.length, 1));
  if (theirs.code !== 0) findings.count("refused by both");
  const problems = differences(
    [`ends with ${theirs.code}`, ...their],
    [`ends with ${ours.code}`, ...our],
  );
  if (problems.length > 0) findings.judge(name, problems);
  if (their.length !== 1 || problems.length > 0) return;
  findings.count("texts compared");
  const [theirText, ourText] = [
    await workshop.run("restic", args, { env }),
    await workshop.run("tsbak", [...args, ...UNGUARDED], { env }),
  ];
  const lines = differences(linesOf(theirText), linesOf(ourText));
  if (lines.length > 0) findings.judge(`${name}, text`, lines);
}

/** The groups, whose order is random in restic, each as the text that it had. */
function groupsOf({ stdout }: RunResult): string[] {
  if (stdout === "") return [];
  const groups = JSON.parse(stdout) as unknown[];
  return groups.map((group) => JSON.stringify(group)).sort();
}

/** Ends of lines have no blanks in ours. */
function linesOf({ stdout }: RunResult): string[] {
  return stdout.split("\n").map((line) => line.trimEnd());
}

function differences(their: readonly string[], our: readonly string[]): string[] {
  const length = Math.max(their.length, our.length);
  return Array.from({ length }, (_, at) => at)
    .filter((at) => their[at] !== our[at])
    .map((at) => `restic: ${shortened(their[at])} tsbak: ${shortened(our[at])}`);
}

function shortened(text: string | undefined): string {
  return text === undefined ? "nothing" : text.slice(0, 20_000);
}

async function replaceSnapshots(repository: Repository, random: Random): Promise<void> {
  const old = await listSnapshots(repository);
  await forgetSnapshots(
    repository,
    old.map(({ id }) => id),
    { graceMs: 0 },
  );
  const hosts = random.between(1, 12);
  const seen = new Set<number>();
  for (let host = 0; host < hosts; host++) {
    const span = random.pick([1, 10, 100, 1000, 4000]) * DAY_MS;
    const newest =
      Date.now() + (random.chance(0.2) ? random.int(30 * DAY_MS) : -random.int(400 * DAY_MS));
    for (let count = random.between(1, 40); count > 0; count--) {
      const ms = newest - random.int(span);
      // Of two of the same instant restic takes any.
      if (seen.has(ms)) continue;
      seen.add(ms);
      await repository.saveFile(
        "snapshot",
        encodeSnapshot(randomSnapshot(random, ms, `host-${host}`)),
      );
    }
  }
}

function randomSnapshot(random: Random, ms: number, hostname: string): Snapshot {
  const paths = random.pick([
    ["/home"],
    ["/home"],
    ["/home", "/etc"],
    ["/etc", "/home"],
    ["/srv <&>"],
  ]);
  return {
    time: timeText(random, ms),
    tree: "ab".repeat(32),
    paths: [...paths],
    hostname,
    username: "root",
    uid: 0,
    gid: 0,
    excludes: random.chance(0.1) ? ["*.tmp"] : [],
    tags: TAGS.filter(() => random.chance(0.2)),
    programVersion: "restic 0.19.1",
    extra: {} satisfies JsonObject,
  };
}

/** The instant as some place on earth notes it. */
function timeText(random: Random, ms: number): string {
  const offset = random.pick(OFFSETS);
  const [, sign = "+", hours = "0", minutes = "0"] = /^([+-])(\d\d):(\d\d)$/.exec(offset) ?? [];
  const ahead = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  const fraction = random.pick(["", ".5", ".123456789", ".000000001"]);
  return `${new Date(ms + ahead).toISOString().slice(0, 19)}${fraction}${offset}`;
}

function randomRules(random: Random): string[] {
  const rules: string[] = [];
  const count = (): string =>
    random.chance(0.1) ? "unlimited" : String(random.pick([0, 1, 2, 3, 5, 8, 20]));
  const span = (): string => {
    const parts = ["y", "m", "d", "h"].map((unit) =>
      random.chance(0.4) ? `${random.int(unit === "y" ? 4 : 40)}${unit}` : "",
    );
    return parts.join("") || "1m";
  };
  for (const name of ["last", "hourly", "daily", "weekly", "monthly", "yearly"]) {
    if (random.chance(0.35)) rules.push(`--keep-${name}`, count());
  }
  for (const name of ["", "-hourly", "-daily", "-weekly", "-monthly", "-yearly"]) {
    if (random.chance(0.15)) rules.push(`--keep-within${name}`, span());
  }
  if (random.chance(0.2)) rules.push("--keep-tag", random.pick(["keep", "keep,db", "", "none"]));
  if (rules.length === 0) rules.push("--keep-last", "1");
  if (random.chance(0.5)) rules.push("--group-by", random.pick(GROUPINGS));
  if (random.chance(0.3)) rules.push("--host", "host-0");
  if (random.chance(0.1)) rules.push("--tag", "keep");
  return rules;
}
