/**
 * Asks restic what each of the pattern questions selects, and writes its answers to `pattern-cases.json`:
 * `node --conditions=@tsbak/source test/make-pattern-cases.ts`.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { openBackend } from "@tsbak/backends";
import { listSnapshots, openRepository, printablePath, walkTree } from "@tsbak/core";
import { PATTERN_ENVIRONMENT, PATTERN_QUESTIONS, type PatternFlags } from "./pattern-questions.ts";
import { makePatternTree } from "./pattern-tree.ts";
import { Workshop } from "./peers.ts";
import { toPath, toRaw } from "./raw-path.ts";
import { walkTree as walkFolder } from "./walk-tree.ts";

const shop = new Workshop();
const tree = shop.path("tree");
const repository = shop.path("repo");
const env = { RESTIC_REPOSITORY: repository, ...PATTERN_ENVIRONMENT };
const password = shop.environment()["RESTIC_PASSWORD"] ?? "";

/** Paths below the tree in a form that people can read; null if restic refused to run. */
type Answer = readonly string[] | null;

async function backUpWith(flags: readonly string[], number: number): Promise<void> {
  const args = ["backup", "--no-scan", "--force", "--tag", String(number), ...flags, tree];
  await shop.runRestic("", args, { env });
}

/** What each backup saved, by its number. */
async function savedPaths(): Promise<Map<number, Answer>> {
  const opened = await openRepository(await openBackend(repository), { password });
  const above = toPath(`${toRaw(tree)}/`);
  const saved = new Map<number, Answer>();
  for (const { snapshot } of await listSnapshots(opened)) {
    const paths: string[] = [];
    for await (const { path } of walkTree(opened, snapshot.tree)) {
      if (Buffer.compare(path.subarray(0, above.length), above) === 0) {
        paths.push(printablePath(path.subarray(above.length)));
      }
    }
    saved.set(Number(snapshot.tags[0]), paths);
  }
  return saved;
}

async function restoredWith(flags: readonly string[], number: number): Promise<Answer> {
  const target = shop.path(`target-${number}`);
  mkdirSync(target);
  const args = ["restore", "latest", "--tag", "whole", "--target", target, ...flags];
  const run = await shop.runRestic("", args, { env });
  if (run.code !== 0) return null;
  return [...walkFolder(toRaw(target))].map(({ path }) => printablePath(toPath(path)));
}

function toArguments(flags: PatternFlags, number: number): string[] {
  return flags.flatMap(([name, value], at) => {
    if (!name.endsWith("-file")) return [`--${name}=${value.replaceAll("{tree}", tree)}`];
    const file = shop.path(`patterns-${number}-${at}`);
    writeFileSync(file, value);
    return [`--${name}=${file}`];
  });
}

makePatternTree(tree);
await shop.must("restic", ["init"], { env });
const whole = ["backup", "--no-scan", "--tag", "whole", "tree"];
await shop.must("restic", whole, { env, cwd: shop.folder });
const all = await restoredWith([], -1);
const restored = new Map<number, Answer>();
const waiting = [...PATTERN_QUESTIONS.entries()];

async function ask(): Promise<void> {
  for (let next; (next = waiting.shift()) !== undefined;) {
    const [number, { command, flags }] = next;
    const args = toArguments(flags, number);
    if (command === "backup") await backUpWith(args, number);
    else restored.set(number, await restoredWith(args, number));
  }
}

await Promise.all([ask(), ask(), ask()]);
const saved = await savedPaths();
const lines = PATTERN_QUESTIONS.map(({ command, flags }, number) => {
  const paths = (command === "backup" ? saved : restored).get(number) ?? null;
  return JSON.stringify({ command, flags, paths });
});
const text = `{"restic":"0.19.1",\n"all":${JSON.stringify(all)},\n"cases":[\n${lines.join(",\n")}\n]}\n`;
writeFileSync(new URL("pattern-cases.json", import.meta.url), text);
shop.close();
