import { lstatSync, readFileSync } from "node:fs";
import { byteKey } from "../bytes/byte-key.ts";
import { decidingRule, readIgnoreFile, type IgnoreRule } from "./ignore-file.ts";
import { joinPath, nodePath, printablePath, splitPath, toPathBytes } from "./path.ts";
import { describeSystemError } from "./system-error.ts";

/** A file of rules. */
export interface IgnoreFile {
  readonly path: Uint8Array;
  readonly rules: readonly IgnoreRule[];
  /** Set if it cannot be read. */
  readonly problem: string | undefined;
}

/** A rule that decides about an entry, and the file that it stands in. */
export interface IgnoreDecision {
  readonly path: Uint8Array;
  readonly rule: IgnoreRule;
}

/** The files of one folder, which lies `depth` folders below the source. */
interface Level {
  readonly depth: number;
  readonly files: readonly IgnoreFile[];
}

/** Enough for the depth of a tree and some siblings; only speed depends on it. */
const MOST_FOLDERS = 1000;
const SLASH = 0x2f;

/** Finds files of rules, from the folder of a source down. */
export class IgnoreFiles {
  readonly #names: readonly Uint8Array[];
  readonly #known = new Map<string, readonly IgnoreFile[]>();

  /** Of several in one folder the rules of later names decide before those of earlier ones. */
  constructor(names: readonly string[]) {
    this.#names = names.map(toPathBytes);
  }

  /** The rules for the entries of a folder `depth` folders below its source; `warn` is told of those in it that cannot be read. */
  rulesIn(path: Uint8Array, depth: number, warn: (message: string) => void): FolderRules {
    const levels: Level[] = [];
    for (let at = 0; at <= depth; at++) {
      const files = this.#filesIn(folderAbove(path, depth - at));
      if (files.some(({ rules }) => rules.length > 0)) levels.push({ depth: at, files });
      for (const { problem } of at === depth ? files : []) if (problem !== undefined) warn(problem);
    }
    const names = splitPath(path).map(byteKey);
    return new FolderRules(levels, depth === 0 ? [] : names.slice(-depth));
  }

  #filesIn(folder: Uint8Array): readonly IgnoreFile[] {
    const key = byteKey(folder);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const files = this.#names.map((name) => readFile(joinPath(folder, name)));
    const found = files.filter((file) => file !== undefined);
    if (this.#known.size >= MOST_FOLDERS) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }
}

/** The rules that apply to the entries of one folder. */
export class FolderRules {
  readonly #levels: readonly Level[];
  readonly #names: readonly string[];

  /** `names` lead from the source to the folder. */
  constructor(levels: readonly Level[], names: readonly string[]) {
    this.#levels = levels;
    this.#names = names;
  }

  get isEmpty(): boolean {
    return this.#levels.length === 0;
  }

  /** The rule that decides about an entry, if one does. */
  decide(name: string, isDirectory: boolean): IgnoreDecision | undefined {
    for (const { depth, files } of this.#levels.toReversed()) {
      const names = [...this.#names.slice(depth), name];
      for (const { path, rules } of files.toReversed()) {
        const rule = decidingRule(rules, names, isDirectory);
        if (rule !== undefined) return { path, rule };
      }
    }
    return undefined;
  }
}

/** Undefined if there is none. A symlink is none, as for git. */
function readFile(path: Uint8Array): IgnoreFile | undefined {
  try {
    const stat = lstatSync(nodePath(path), { throwIfNoEntry: false });
    if (stat?.isFile() !== true) return undefined;
    return { path, rules: readIgnoreFile(readFileSync(nodePath(path))), problem: undefined };
  } catch (error) {
    const problem = `could not read ${printablePath(path)}: ${describeSystemError(error)}`;
    return { path, rules: [], problem };
  }
}

function folderAbove(path: Uint8Array, ups: number): Uint8Array {
  let end = path.length;
  for (let up = 0; up < ups; up++) end = path.lastIndexOf(SLASH, end - 1);
  if (end < 0) return toPathBytes(".");
  return path.subarray(0, Math.max(end, 1));
}
