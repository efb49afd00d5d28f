import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  backup,
  compilePatterns,
  findSnapshot,
  MemoryBackend,
  printablePath,
  readPatternFile,
  restore,
  walkTree,
  type PatternList,
  type Repository,
} from "@tsbak/core";
import { createQuickly } from "@tsbak/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { selectedEntries } from "../packages/core/src/backup/scan.ts";
import { Selection } from "../packages/core/src/backup/select.ts";
import { planSources } from "../packages/core/src/backup/sources.ts";
import { nameSources } from "../packages/core/src/backup/stored-path.ts";
import { PATTERN_ENVIRONMENT, type PatternQuestion } from "./pattern-questions.ts";
import { makePatternTree } from "./pattern-tree.ts";
import { toPath, toRaw } from "./raw-path.ts";
import { walkTree as walkFolder } from "./walk-tree.ts";

interface PatternCase extends PatternQuestion {
  /** What restic saved or restored, folders before what they hold; null if it refused to run. */
  readonly paths: readonly string[] | null;
}

const recorded = JSON.parse(
  readFileSync(new URL("pattern-cases.json", import.meta.url), "utf8"),
) as { readonly cases: readonly PatternCase[] };

let folder: string;
let tree: string;
let repository: Repository;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsbak-patterns-"));
  tree = join(folder, "tree");
  makePatternTree(tree);
  repository = await createQuickly(new MemoryBackend(), { password: "x" });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The lists that the command makes of flags that end in `name`, or in `i` and it for those that ignore case. */
function listsOf({ flags }: PatternQuestion, name: "include" | "exclude"): PatternList[] {
  return ["", "i"].flatMap((prefix) => {
    const patterns = flags
      .filter(([flag]) => flag === prefix + name)
      .map(([, pattern]) => pattern.replaceAll("{tree}", tree));
    const files = flags.filter(([flag]) => flag === `${prefix}${name}-file`);
    const lines = files.flatMap(([, text]) =>
      readPatternFile(Buffer.from(text), PATTERN_ENVIRONMENT),
    );
    const list = compilePatterns([...patterns, ...lines], { ignoreCase: prefix === "i" });
    return list.isEmpty ? [] : [list];
  });
}

function below(path: Uint8Array): string[] {
  const above = toPath(`${toRaw(tree)}/`);
  if (Buffer.compare(path.subarray(0, above.length), above) !== 0) return [];
  return [printablePath(path.subarray(above.length))];
}

function nameOf({ command, flags }: PatternQuestion): string {
  return `${command} ${flags.map(([name, value]) => `--${name}=${JSON.stringify(value)}`).join(" ")}`;
}

const backups = recorded.cases.filter(({ command }) => command === "backup");
const restores = recorded.cases.filter(({ command }) => command === "restore");
const named = (cases: readonly PatternCase[]): [string, PatternCase][] =>
  cases.map((one) => [nameOf(one), one]);

describe("selects what restic selects", () => {
  test.each(named(backups))("%s", (_, { flags, command, paths }) => {
    const selected = (): string[] => {
      const lists = listsOf({ flags, command }, "exclude");
      const selection = new Selection({
        patternLists: lists,
        oneFileSystem: false,
        cacheDirectory: undefined,
        tagFiles: [],
        ignoreFileNames: [],
        largestSize: undefined,
      });
      const plan = planSources(nameSources([Buffer.from(tree)], {}));
      return [...selectedEntries(plan, selection)].flatMap(({ path }) => below(path));
    };

    if (paths === null) expect(selected).toThrow("Cannot use the pattern");
    else expect(selected()).toEqual(paths);
  });
});

describe("saves what restic saves, with the snapshot before as parent", () => {
  const some = backups.filter(({ paths }, number) => paths !== null && number % 20 === 0);

  test.each(named(some))("%s", async (_, one) => {
    const exclude = listsOf(one, "exclude");
    const { tree: saved } = await backup(repository, [tree], { exclude, threads: 1 });

    const paths: string[] = [];
    for await (const { path } of walkTree(repository, saved)) paths.push(...below(path));
    expect(paths).toEqual(one.paths);
  });
});

describe("restores what restic restores", () => {
  beforeAll(async () => {
    const before = process.cwd();
    process.chdir(folder);
    await backup(repository, ["tree"], { threads: 1, tags: ["whole"] });
    process.chdir(before);
  });

  test.each(named(restores))("%s", async (_, one) => {
    const target = mkdtempSync(join(folder, "target-"));
    const restored = async (): Promise<string[]> => {
      const include = listsOf(one, "include");
      const exclude = listsOf(one, "exclude");
      const snapshot = await findSnapshot(repository, "latest", { tagLists: [["whole"]] });
      await restore(repository, snapshot, target, { include, exclude, threads: 1 });
      return [...walkFolder(toRaw(target))].map(({ path }) => printablePath(toPath(path)));
    };

    if (one.paths === null) await expect(restored()).rejects.toThrow("Cannot use the pattern");
    else expect(await restored()).toEqual(one.paths);
  });
});
