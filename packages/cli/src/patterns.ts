import { readFile } from "node:fs/promises";
import { compilePatterns, readPatternLines, TsbakError, type PatternList } from "@tsbak/core";
import type { Environment } from "./environment.ts";
import { printable } from "./format-text.ts";

/** Patterns of one kind, from the command line and from files. */
export interface PatternWish {
  readonly patterns?: readonly string[] | undefined;
  readonly files?: readonly string[] | undefined;
  /** The same without regard to upper and lower case. */
  readonly ignoringCase?: readonly string[] | undefined;
  readonly filesIgnoringCase?: readonly string[] | undefined;
}

/**
 * Up to two lists: the plain patterns, and those that ignore case. `!` in one has no effect on the other.
 *
 * @throws {TsbakError} `invalid-argument` for a malformed pattern or a file that cannot be read.
 */
export async function loadPatterns(
  wish: PatternWish,
  environment: Environment,
): Promise<PatternList[]> {
  const plain = await gather(wish.patterns, wish.files, environment);
  const ignoringCase = await gather(wish.ignoringCase, wish.filesIgnoringCase, environment);
  const lists = [compile(plain, false), compile(ignoringCase, true)];
  return lists.filter((list) => !list.isEmpty);
}

interface FoundPattern {
  readonly pattern: string;
  readonly origin: string;
}

function compile(found: readonly FoundPattern[], ignoreCase: boolean): PatternList {
  const patterns = found.map(({ pattern }) => pattern);
  const origins = found.map(({ origin }) => origin);
  return compilePatterns(patterns, { ignoreCase, origins });
}

async function gather(
  patterns: readonly string[] = [],
  files: readonly string[] = [],
  environment: Environment,
): Promise<FoundPattern[]> {
  const all = patterns.map((pattern) => ({ pattern, origin: "on the command line" }));
  for (const file of files) {
    for (const { pattern, line } of readPatternLines(await read(file), environment)) {
      all.push({ pattern, origin: `in ${printable(file)}, line ${line}` });
    }
  }
  return all;
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`;
    throw new TsbakError("invalid-argument", `Cannot read patterns from ${file}: ${reason}`, {
      cause: error,
    });
  }
}
