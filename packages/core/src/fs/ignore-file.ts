/**
 * Files like `.gitignore` that say what is left out from their folder on. The rules are gitignore(5)'s:
 *
 *   (1) Of the rules in a file the last one that fits decides; a file further down decides before those above it.
 *   (2) A rule with a slash at its beginning or inside is tied to the folder of its file; any other fits names at every depth.
 *   (3) A slash at the end restricts a rule to directories; `!` takes back what was left out.
 *   (4) Below a directory that is left out nothing is looked at, so nothing there can be taken back.
 *
 * Names are byte strings (see `glob.ts`); other than in git, `?` and classes take whole characters of UTF-8.
 *
 * @module
 */
import { byteKey } from "../bytes/byte-key.ts";
import { compileGlob, type NameTest } from "./glob.ts";

/** One line of such a file. */
export interface IgnoreRule {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly isNegated: boolean;
  readonly onlyDirectories: boolean;
  /** What the names below the folder must be, one after another; `ANY_DEPTH` stands for any number of names. */
  readonly parts: readonly (NameTest | typeof ANY_DEPTH)[];
}

const ANY_DEPTH = "**";
const BYTE_ORDER_MARK = "\xef\xbb\xbf";
const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  digit: "0-9",
  lower: "a-z",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
  blank: "\\ \\\t",
  space: "\\ \t-\r",
  cntrl: "\x01-\x1f\x7f",
  punct: "!-/:-@\\[-`{-~",
  graph: "!-~",
  print: "\\ -~",
};

/** The rules of a file in their order. Lines that fit nothing, such as malformed ones, are left out, as git does. */
export function readIgnoreFile(bytes: Uint8Array): IgnoreRule[] {
  let text = byteKey(bytes);
  if (text.startsWith(BYTE_ORDER_MARK)) text = text.slice(BYTE_ORDER_MARK.length);
  return text
    .split("\n")
    .map((line, at) => parseRule(line.replace(/\r$/, ""), at + 1))
    .filter((rule) => rule !== undefined);
}

/** The rule that decides about an entry, or undefined. `names` lead to it from the folder of the file. */
export function decidingRule(
  rules: readonly IgnoreRule[],
  names: readonly string[],
  isDirectory: boolean,
): IgnoreRule | undefined {
  return rules.findLast(
    (rule) => (isDirectory || !rule.onlyDirectories) && fits(rule.parts, names),
  );
}

function parseRule(text: string, line: number): IgnoreRule | undefined {
  if (text.startsWith("#")) return undefined;
  const isNegated = text.startsWith("!");
  let glob = trimSpaces(isNegated ? text.slice(1) : text);
  const onlyDirectories = glob.endsWith("/");
  if (onlyDirectories) glob = glob.slice(0, -1);
  if (glob === "") return undefined;
  const isTied = glob.includes("/");
  const names = splitGlob(glob.startsWith("/") ? glob.slice(1) : glob);
  const parts = names.map((name) => (name === "**" && isTied ? ANY_DEPTH : compileName(name)));
  // What ends so means everything in the folder, but not the folder itself.
  if (parts.at(-1) === ANY_DEPTH) parts.push(() => true);
  if (!isTied) parts.unshift(ANY_DEPTH);
  if (!parts.every((part) => part !== undefined)) return undefined;
  return { line, text: Buffer.from(text, "latin1").toString(), isNegated, onlyDirectories, parts };
}

/** Spaces at the end do not count unless the first of them stands behind a backslash. */
function trimSpaces(text: string): string {
  let end = text.length;
  while (end > 0 && text.charAt(end - 1) === " ") end--;
  const backslashes = /\\*$/.exec(text.slice(0, end))?.[0].length ?? 0;
  return text.slice(0, backslashes % 2 === 1 && end < text.length ? end + 1 : end);
}

/** The names between slashes, also those behind a backslash; one in brackets separates nothing. */
function splitGlob(glob: string): string[] {
  const names: string[] = [];
  let start = 0;
  for (let at = 0; at < glob.length;) {
    const character = glob.charAt(at);
    const slash = /^\\?\//.exec(glob.slice(at, at + 2))?.[0];
    if (slash !== undefined) {
      names.push(glob.slice(start, at));
      start = at + slash.length;
    }
    const found = character === "[" ? rewriteClass(glob, at + 1) : undefined;
    at = found?.end ?? at + (character === "\\" ? 2 : 1);
  }
  return [...names, glob.slice(start)];
}

/** A test of one name from git's wildcards, which are written anew in those of `compileGlob`. */
function compileName(glob: string): NameTest | undefined {
  let rewritten = "";
  for (let at = 0; at < glob.length;) {
    const character = glob.charAt(at);
    if (character === "[") {
      const found = rewriteClass(glob, at + 1);
      if (found === undefined) return undefined;
      rewritten += found.text;
      at = found.end;
    } else if (character === "\\") {
      if (at + 1 === glob.length) return undefined;
      rewritten += `\\${glob.charAt(at + 1)}`;
      at += 2;
    } else {
      rewritten += character === "]" ? "\\]" : character;
      at++;
    }
  }
  return compileGlob(rewritten);
}

/** `at` is behind the opening bracket. A bracket or hyphen that comes first stands for itself, as does a hyphen that comes last. */
function rewriteClass(glob: string, at: number): { text: string; end: number } | undefined {
  const isNegated = /[!^]/.test(glob.charAt(at));
  if (isNegated) at++;
  let ranges = "";
  for (const start = at; at === start || glob.charAt(at) !== "]";) {
    if (at >= glob.length) return undefined;
    const posix = /^\[:([a-z]+):\]/.exec(glob.slice(at));
    if (posix !== null) {
      const known = POSIX_CLASSES[posix[1] ?? ""];
      if (known === undefined) return undefined;
      ranges += known;
      at += posix[0].length;
      continue;
    }
    const low = classCharacter(glob, at);
    const isRange = glob.charAt(low.end) === "-" && !/^\]?$/.test(glob.charAt(low.end + 1));
    const high = isRange ? classCharacter(glob, low.end + 1) : low;
    ranges += isRange ? `${low.text}-${high.text}` : low.text;
    at = high.end;
  }
  return { text: `[${isNegated ? "^" : ""}${ranges}]`, end: at + 1 };
}

function classCharacter(glob: string, at: number): { text: string; end: number } {
  const start = glob.charAt(at) === "\\" ? at + 1 : at;
  const lead = glob.charCodeAt(start);
  const width = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return { text: `\\${glob.slice(start, start + width)}`, end: start + width };
}

/** As a shell pattern is matched: after a mismatch it suffices to let the last `**` stand for one name more. */
function fits(parts: IgnoreRule["parts"], names: readonly string[]): boolean {
  let [part, at] = [0, 0];
  let [anyPart, anyAt] = [-1, 0];
  while (at < names.length) {
    const current = parts[part];
    if (current === ANY_DEPTH) {
      anyPart = part++;
      anyAt = at;
    } else if (current?.(names[at] ?? "") === true) {
      part++;
      at++;
    } else if (anyPart >= 0) {
      part = anyPart + 1;
      at = ++anyAt;
    } else return false;
  }
  while (parts[part] === ANY_DEPTH) part++;
  return part === parts.length;
}
