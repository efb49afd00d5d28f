const NAME_CHARACTER = /[A-Za-z0-9_]/;
const SPECIAL_NAME = /[*#$@!?\-0-9]/;

/** A pattern and where it stands. */
export interface PatternLine {
  readonly pattern: string;
  /** From 1. */
  readonly line: number;
}

/**
 * The patterns in a file, one a line: trimmed, without empty lines and `#` comments, with `$NAME` and `${NAME}`
 * replaced from `env` (by nothing if unset) and `$$` by a dollar. The text is UTF-8, or UTF-16 with a byte order mark.
 */
export function readPatternFile(
  bytes: Uint8Array,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  return readPatternLines(bytes, env).map(({ pattern }) => pattern);
}

/** The same with the number of each line. */
export function readPatternLines(
  bytes: Uint8Array,
  env: Readonly<Record<string, string | undefined>>,
): PatternLine[] {
  return decodeText(bytes)
    .split("\n")
    .map((text, at) => ({ pattern: text.trim(), line: at + 1 }))
    .filter(({ pattern }) => pattern !== "" && !pattern.startsWith("#"))
    .map(({ pattern, line }) => ({ pattern: expandVariables(pattern, env), line }));
}

function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return new TextDecoder().decode(bytes);
}

/** As Go's `os.Expand`, which is not the shell: a dollar before nothing that is a name stays, `${}` and `${` vanish. */
function expandVariables(text: string, env: Readonly<Record<string, string | undefined>>): string {
  let expanded = "";
  for (let at = 0; at < text.length;) {
    if (text.charAt(at) !== "$" || at + 1 === text.length) {
      expanded += text.charAt(at++);
      continue;
    }
    const { name, length } = variableAt(text, at + 1);
    if (name === "$" || length === 0) expanded += "$";
    else if (name !== "") expanded += env[name] ?? "";
    at += 1 + length;
  }
  return expanded;
}

/** The name behind a dollar and how many characters it takes with its braces; 0 if there is none. */
function variableAt(text: string, start: number): { name: string; length: number } {
  if (text.charAt(start) !== "{") {
    if (SPECIAL_NAME.test(text.charAt(start))) return { name: text.charAt(start), length: 1 };
    let end = start;
    while (NAME_CHARACTER.test(text.charAt(end))) end++;
    return { name: text.slice(start, end), length: end - start };
  }
  const close = text.indexOf("}", start);
  if (close < 0) return { name: "", length: 1 };
  return { name: text.slice(start + 1, close), length: close - start + 1 };
}
