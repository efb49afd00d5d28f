/**
 * Shell patterns for one name, exactly as Go's `filepath.Match` on Unix: `*` any bytes, `?` one character,
 * `[a-z]` and `[^a-z]` classes, `\` takes the next character literally.
 *
 * Names and patterns come as byte strings: each character is one byte of the UTF-8. Go compares literals and lets
 * `*` stop at any byte, but `?` and classes take a whole character (an invalid byte counts as U+FFFD).
 *
 * @module
 */

/** Tells whether a whole name, as a byte string, is matched. */
export type NameTest = (name: string) => boolean;

/** A literal text, or what one character may be. */
type Element = string | CharacterClass;

interface CharacterClass {
  readonly negated: boolean;
  /** First and last code point of each range; `?` is the negation of none. */
  readonly ranges: readonly (readonly [number, number])[];
}

const ANY_CHARACTER: CharacterClass = { negated: true, ranges: [] };
const REPLACEMENT = 0xfffd;

/** The test for a pattern, or undefined if Go calls it malformed. */
export function compileGlob(pattern: string): NameTest | undefined {
  const chunks = parse(pattern);
  if (chunks === undefined) return undefined;
  return fastTest(chunks) ?? ((name) => matches(chunks, name));
}

/** The stretches between the stars; one more than there are (runs of) stars. */
function parse(pattern: string): Element[][] | undefined {
  let chunk: Element[] = [];
  const chunks = [chunk];
  for (let at = 0; at < pattern.length;) {
    const character = pattern.charAt(at);
    if (character === "*") {
      if (pattern.charAt(at - 1) !== "*" || chunk.length > 0) chunks.push((chunk = []));
      at++;
    } else if (character === "?") {
      chunk.push(ANY_CHARACTER);
      at++;
    } else if (character === "[") {
      const parsed = parseClass(pattern, at + 1);
      if (parsed === undefined) return undefined;
      chunk.push(parsed.found);
      at = parsed.end;
    } else {
      if (character === "\\" && ++at === pattern.length) return undefined;
      appendLiteral(chunk, pattern.charAt(at));
      at++;
    }
  }
  return chunks;
}

function appendLiteral(chunk: Element[], byte: string): void {
  const last = chunk.at(-1);
  if (typeof last === "string") chunk[chunk.length - 1] = last + byte;
  else chunk.push(byte);
}

interface Parsed<T> {
  readonly found: T;
  readonly end: number;
}

/** `at` is behind the opening bracket. */
function parseClass(pattern: string, at: number): Parsed<CharacterClass> | undefined {
  const negated = pattern.charAt(at) === "^";
  if (negated) at++;
  const ranges: [number, number][] = [];
  while (pattern.charAt(at) !== "]" || ranges.length === 0) {
    const low = parseClassCharacter(pattern, at);
    if (low === undefined) return undefined;
    at = low.end;
    let high = low;
    if (pattern.charAt(at) === "-") {
      const parsed = parseClassCharacter(pattern, at + 1);
      if (parsed === undefined) return undefined;
      high = parsed;
      at = high.end;
    }
    ranges.push([low.found, high.found]);
  }
  return { found: { negated, ranges }, end: at + 1 };
}

function parseClassCharacter(pattern: string, at: number): Parsed<number> | undefined {
  const character = pattern.charAt(at);
  if (character === "" || character === "-" || character === "]") return undefined;
  if (character === "\\" && ++at >= pattern.length) return undefined;
  const width = characterWidth(pattern, at);
  const found = codePoint(pattern, at, width);
  const isInvalid = found === REPLACEMENT && width === 1;
  const end = at + width;
  return isInvalid || end >= pattern.length ? undefined : { found, end };
}

/** The shapes that nearly all patterns have, without a loop of ours. */
function fastTest(chunks: readonly Element[][]): NameTest | undefined {
  const texts = chunks.map(literalOf);
  const [first, second, third] = texts;
  if (first === undefined || texts.includes(undefined)) return undefined;
  if (texts.length === 1) return (name) => name === first;
  if (second === undefined || texts.length > 3) return undefined;
  if (texts.length === 2) {
    const least = first.length + second.length;
    return (name) => name.length >= least && name.startsWith(first) && name.endsWith(second);
  }
  if (first === "" && third === "") return (name) => name.includes(second);
  return undefined;
}

function literalOf(chunk: readonly Element[]): string | undefined {
  if (chunk.length === 0) return "";
  const only = chunk[0];
  return chunk.length === 1 && typeof only === "string" ? only : undefined;
}

/** Each chunk is taken where it first fits, the last one where it ends the name. Never backtracks further. */
function matches(chunks: readonly (readonly Element[])[], name: string): boolean {
  let at = matchChunk(chunks[0] ?? [], name, 0);
  if (at < 0 || chunks.length === 1) return at === name.length;
  for (let index = 1; index < chunks.length; index++) {
    const chunk = chunks[index] ?? [];
    const isLast = index === chunks.length - 1;
    if (isLast && chunk.length === 0) return true;
    let end = -1;
    for (let start = at; start <= name.length; start++) {
      end = matchChunk(chunk, name, start);
      if (end >= 0 && (!isLast || end === name.length)) break;
      end = -1;
    }
    if (end < 0) return false;
    at = end;
  }
  return true;
}

/** Where the chunk ends if it fits at `at`, else -1. */
function matchChunk(chunk: readonly Element[], name: string, at: number): number {
  for (const element of chunk) {
    if (typeof element === "string") {
      if (!name.startsWith(element, at)) return -1;
      at += element.length;
      continue;
    }
    if (at >= name.length) return -1;
    const width = characterWidth(name, at);
    if (!isInClass(element, codePoint(name, at, width))) return -1;
    at += width;
  }
  return at;
}

function isInClass(element: CharacterClass, character: number): boolean {
  const isListed = element.ranges.some(([low, high]) => low <= character && character <= high);
  return isListed !== element.negated;
}

/** Bytes of the UTF-8 character at `at`; 1 for a byte that begins none. */
function characterWidth(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first < 0xc2 || first > 0xf4) return 1;
  const width = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (let index = 1; index < width; index++) {
    const byte = text.charCodeAt(at + index);
    if (!(byte >= 0x80 && byte < 0xc0)) return 1;
  }
  const second = text.charCodeAt(at + 1);
  // Overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629, section 4).
  const isBad =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return isBad ? 1 : width;
}

function codePoint(text: string, at: number, width: number): number {
  const first = text.charCodeAt(at);
  if (width === 1) return first < 0x80 ? first : REPLACEMENT;
  let point = first & (0x7f >> width);
  for (let index = 1; index < width; index++) {
    point = (point << 6) | (text.charCodeAt(at + index) & 0x3f);
  }
  return point;
}
