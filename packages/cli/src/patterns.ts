import { readFile } from "node:fs/promises";
import { compilePatterns, readPatternFile, TsbakError, type PatternList } from "@tsbak/core";
import type { Environment } from "./environment.ts";

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
  const lists = [compilePatterns(plain), compilePatterns(ignoringCase, { ignoreCase: true })];
  return lists.filter((list) => !list.isEmpty);
}

async function gather(
  patterns: readonly string[] = [],
  files: readonly string[] = [],
  environment: Environment,
): Promise<string[]> {
  const all = [...patterns];
  for (const file of files) all.push(...readPatternFile(await read(file), environment));
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
