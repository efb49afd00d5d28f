/**
 * The import rules of docs/architecture.md, as a function over source text.
 *
 *   (1) Inside core an import only goes down the list of layers; folders of one layer do not import each other.
 *   (2) core imports no other package of ours, backends only core, the command only core and backends.
 *   (3) An import from npm is declared by the package that has it; but whoever uses `testing` brings the test runner.
 *   (4) Only the listed places of core touch the disk or start programs, and none opens a network connection.
 *   (5) No file is longer than 350 lines or has a name that would fit anything.
 *
 * Tests are held to (2) only: a test may build what it needs from any layer.
 *
 * @module
 */
import { dirname, join } from "node:path/posix";
import ts from "typescript";

/** From the top down. A folder of core's `src` that is not here breaks rule (1). */
const LAYERS: readonly (readonly string[])[] = [
  ["index", "testing"],
  ["drill"],
  ["backup", "restore", "maintain", "inspect"],
  ["repository"],
  ["backend", "fs", "workers"],
  ["archive", "chunk", "compress", "crypto", "format"],
  ["bytes", "async"],
  ["errors"],
];

const SCOPE: Readonly<Record<string, readonly string[]>> = {
  core: [],
  backends: ["@tsbak/core"],
  cli: ["@tsbak/core", "@tsbak/backends"],
};

/** Places in core that may use the disk, each with its reason. */
const DISK: readonly string[] = [
  "fs/", // reads sources and writes what is restored
  "workers/", // read files themselves, so that bytes do not travel
  "backend/cache", // the local copy of index, snapshots and trees
  "chunk/", // loads the kernel's WebAssembly
  "testing/", // makes trees to work on
];

const DISK_MODULES = /^node:(fs|fs\/promises|child_process)$/;
const NETWORK_MODULES = /^node:(net|tls|http|https|http2|dgram)$/;
const VAGUE_NAME = /^(types|common|misc|.*\b(utils?|helpers?|managers?|handlers?|services?)\b.*)$/;
const LONGEST_FILE = 350;

/** What the rules look at: the text of each file below `packages`, by its path from there (`core/src/bytes/hex.ts`). */
export type Sources = ReadonlyMap<string, string>;

/** The names that each package's package.json declares, by the folder of the package. */
export type Dependencies = ReadonlyMap<string, ReadonlySet<string>>;

/** One line for each breach, as `path: what is wrong`, in the order of `sources`. */
export function findBreaches(sources: Sources, dependencies: Dependencies): string[] {
  const breaches: string[] = [];
  for (const [path, text] of sources) {
    for (const breach of breachesOfFile(path, text, dependencies))
      breaches.push(`${path}: ${breach}`);
  }
  return breaches;
}

function* breachesOfFile(
  path: string,
  text: string,
  dependencies: Dependencies,
): Generator<string> {
  const isTest = /\.test\.ts$/.test(path);
  for (const target of importsOf(text)) {
    const foreign = [...breachesOfPackage(path, target)];
    yield* foreign;
    if (isTest) continue;
    if (foreign.length === 0) yield* breachesOfDependency(path, target, dependencies);
    if (path.startsWith("core/")) yield* breachesInCore(path, target);
  }
  if (!isTest) yield* breachesOfShape(path, text);
}

/** Rule (2). */
function* breachesOfPackage(path: string, target: string): Generator<string> {
  const own = firstPart(path);
  if (target.startsWith(".")) {
    if (firstPart(join(dirname(path), target)) !== own)
      yield `imports "${target}" of another package by its path`;
    return;
  }
  const name = packageName(target);
  if (!name.startsWith("@tsbak/") && name !== "tsbak") return;
  if (!SCOPE[own]?.includes(name)) yield `imports ${name}, which ${own} does not stand on`;
}

/** Rule (3). */
function* breachesOfDependency(
  path: string,
  target: string,
  dependencies: Dependencies,
): Generator<string> {
  if (target.startsWith(".") || target.startsWith("node:")) return;
  if (target === "vitest" && path.includes("/testing/")) return;
  const declared = dependencies.get(firstPart(path));
  if (!declared?.has(packageName(target)))
    yield `imports ${target}, which its package.json does not declare`;
}

/** Rules (1) and (4). */
function* breachesInCore(path: string, target: string): Generator<string> {
  const inside = path.slice("core/src/".length);
  if (NETWORK_MODULES.test(target)) yield `imports ${target}: core has no network code`;
  if (DISK_MODULES.test(target) && !DISK.some((place) => inside.startsWith(place)))
    yield `imports ${target}: only ${DISK.join(", ")} may`;
  if (!target.startsWith(".")) return;

  const from = folderOf(inside);
  const to = folderOf(join(dirname(inside), target));
  if (from === to) return;
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  if (fromLayer < 0) yield `is in "${from}", which is in no layer`;
  else if (toLayer < 0) yield `imports "${target}", which is in no layer`;
  else if (toLayer === fromLayer && toLayer > 0) yield `imports "${target}" of the same layer`;
  else if (toLayer < fromLayer) yield `imports "${target}" of a higher layer`;
}

/** Rule (5). */
function* breachesOfShape(path: string, text: string): Generator<string> {
  const lines = text.trimEnd().split("\n").length;
  if (lines > LONGEST_FILE) yield `has ${lines} lines, more than ${LONGEST_FILE}`;
  for (const part of path.replace(/\.ts$/, "").split("/"))
    if (VAGUE_NAME.test(part)) yield `is named "${part}", which would fit anything`;
}

/** Everything that `text` imports, re-exports, imports lazily or names as a file beside itself. */
function importsOf(text: string): string[] {
  const imports = ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
  const urls = text.matchAll(/new URL\(\s*["'`](\.[^"'`]*\.[jt]s)["'`]\s*,\s*import\.meta\.url/g);
  return [...imports, ...Array.from(urls, (match) => match[1] ?? "")];
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}

/** `bytes` of `bytes/hex.ts`, `errors` of `errors.ts`. */
function folderOf(path: string): string {
  return firstPart(path).replace(/\.[jt]s$/, "");
}

function firstPart(path: string): string {
  return path.split("/")[0] ?? path;
}

function packageName(target: string): string {
  return target.split("/", target.startsWith("@") ? 2 : 1).join("/");
}
