/**
 * What a backup is to save: the arguments, and files that list more.
 *
 * @module
 */
import { lstat, readdir, readFile } from "node:fs/promises";
import { compileGlob, TsbakError, type NameTest } from "@tsbak/core";
import { decodeTextFile } from "./text-file.ts";

/** Flags that name files with sources in them; `-` is standard input. */
export interface SourceFlags {
  /** A glob a line; blanks around it, empty lines and `#` comments do not count. */
  readonly filesFrom?: readonly string[];
  /** A path a line, as it is. */
  readonly filesFromVerbatim?: readonly string[];
  /** Paths of any bytes, each ended by NUL. */
  readonly filesFromRaw?: readonly string[];
}

/**
 * All sources in order. `onMissing` is told of each glob that matches nothing.
 *
 * @throws {TsbakError} `invalid-argument` if a list cannot be read, a glob is malformed, or a raw list is cut off.
 */
export async function gatherSources(
  paths: readonly string[],
  flags: SourceFlags,
  onMissing: (pattern: string) => void,
): Promise<Uint8Array[]> {
  const sources: Uint8Array[] = [];
  for (const file of flags.filesFrom ?? []) {
    for (const pattern of globLines(await readList(file))) {
      const found = await expandGlob(pattern);
      if (found.length === 0) onMissing(Buffer.from(pattern, "latin1").toString());
      sources.push(...found);
    }
  }
  for (const file of flags.filesFromVerbatim ?? []) {
    sources.push(...splitBytes(await readList(file), 0x0a).filter((line) => line.length > 0));
  }
  for (const file of flags.filesFromRaw ?? [])
    sources.push(...rawPaths(file, await readList(file)));
  sources.push(...paths.map((path) => Buffer.from(path)));
  return sources;
}

async function readList(file: string): Promise<Buffer> {
  try {
    if (file !== "-") return await readFile(file);
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw badList(
      file,
      code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`,
    );
  }
}

/** The text of a line as Latin-1 of its bytes, which is what globs are matched on. */
function globLines(bytes: Buffer): string[] {
  return decodeTextFile(bytes)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => Buffer.from(line).toString("latin1"));
}

function rawPaths(file: string, bytes: Buffer): Uint8Array[] {
  if (bytes.length === 0) return [];
  if (bytes.at(-1) !== 0)
    throw badList(file, "its last path is not ended by NUL, so it was cut off");
  const paths = splitBytes(bytes.subarray(0, -1), 0);
  if (paths.some((path) => path.length === 0)) throw badList(file, "it has an empty path");
  return paths;
}

function splitBytes(bytes: Buffer, separator: number): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let end; (end = bytes.indexOf(separator, start)) >= 0; start = end + 1) {
    parts.push(bytes.subarray(start, end));
  }
  return [...parts, bytes.subarray(start)];
}

/** The paths that a glob matches, in order of names, as Go's `filepath.Glob`. Texts are Latin-1 of bytes. */
async function expandGlob(pattern: string): Promise<Uint8Array[]> {
  let found = [pattern.startsWith("/") ? "/" : ""];
  for (const part of pattern.split("/").filter((name) => name !== "")) {
    const test = compileGlob(part);
    if (test === undefined) {
      throw new TsbakError(
        "invalid-argument",
        `Cannot read pattern "${Buffer.from(pattern, "latin1").toString()}": it is malformed; see the rules of --files-from`,
      );
    }
    const isPlain = !/[*?[\\]/.test(part);
    const next = found.map((base) =>
      isPlain ? Promise.resolve([base + part]) : matchNames(base, test),
    );
    found = (await Promise.all(next)).flat().map((path) => `${path}/`);
  }
  const paths = found.map((path) => Buffer.from(path.replace(/(.)\/$/, "$1"), "latin1"));
  const checks = await Promise.all(paths.map(exists));
  return paths.filter((_, index) => checks[index]);
}

async function matchNames(base: string, test: NameTest): Promise<string[]> {
  try {
    const folder = Buffer.from(base === "" ? "." : base, "latin1");
    const names = (await readdir(folder, { encoding: "buffer" })) as unknown as Buffer[];
    const texts = names.map((name) => name.toString("latin1"));
    return texts
      .filter(test)
      .sort()
      .map((name) => base + name);
  } catch {
    // What cannot be read matches nothing, as in Go.
    return [];
  }
}

function exists(path: Buffer): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function badList(file: string, reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot read list of sources ${file}: ${reason}`);
}
