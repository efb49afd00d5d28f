import { TsbakError } from "../errors.ts";
import { isPrintable } from "./printable.ts";

/** 1 for the bytes that neither strconv.Quote nor JSON changes. */
export const PLAIN_NAME_BYTES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && !'"\\<>&'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

/** What Quote writes for a byte below 0x20 with a letter of its own, the backslash doubled by JSON. */
const LETTERS = new Map([
  [0x07, "\\\\a"],
  [0x08, "\\\\b"],
  [0x09, "\\\\t"],
  [0x0a, "\\\\n"],
  [0x0b, "\\\\v"],
  [0x0c, "\\\\f"],
  [0x0d, "\\\\r"],
]);

/**
 * The JSON text of a node's name, without the JSON quotes: Go's `strconv.Quote` without its quotes, then the JSON
 * encoding of that (format section 8). Any bytes can be a name and come back from `unquoteName`.
 */
export function quoteName(name: Uint8Array): string {
  for (let at = 0; at < name.length; at++) {
    if (PLAIN_NAME_BYTES[name[at] ?? 0] === 0) return quoteSpecialName(name);
  }
  return Buffer.from(name.buffer, name.byteOffset, name.length).toString("latin1");
}

function quoteSpecialName(name: Uint8Array): string {
  let text = "";
  for (let at = 0; at < name.length;) {
    const codePoint = codePointAt(name, at);
    if (codePoint < 0) {
      text += `\\\\x${hex(name[at] ?? 0, 2)}`;
      at++;
    } else {
      text += quoteCodePoint(codePoint);
      at += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    }
  }
  return text;
}

function quoteCodePoint(codePoint: number): string {
  if (codePoint < 0x80) return quoteAscii(codePoint);
  if (isPrintable(codePoint)) return String.fromCodePoint(codePoint);
  return codePoint < 0x10000 ? `\\\\u${hex(codePoint, 4)}` : `\\\\U${hex(codePoint, 8)}`;
}

function quoteAscii(code: number): string {
  switch (code) {
    case 0x22:
      return '\\\\\\"';
    case 0x5c:
      return "\\\\\\\\";
    case 0x26:
    case 0x3c:
    case 0x3e:
      return `\\u${hex(code, 4)}`;
    default:
      if (code < 0x20 || code === 0x7f) return LETTERS.get(code) ?? `\\\\x${hex(code, 2)}`;
      return String.fromCharCode(code);
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** The code point of the UTF-8 sequence at `at`, or -1 if the byte there does not begin a valid one. */
export function codePointAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return first;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return -1;
  let codePoint = first & (0x7f >> length);
  for (let next = at + 1; next < at + length; next++) {
    const byte = bytes[next] ?? 0;
    if ((byte & 0xc0) !== 0x80) return -1;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  if (length === 3 && (codePoint < 0x800 || (codePoint >= 0xd800 && codePoint <= 0xdfff)))
    return -1;
  if (length === 4 && (codePoint < 0x10000 || codePoint > 0x10ffff)) return -1;
  return codePoint;
}

/**
 * The raw name that a node's `name`, decoded as a JSON string, stands for, in a new array; as strict as Go's
 * `strconv.Unquote`.
 *
 * @throws {TsbakError} `corrupt` for a bare quote or newline, `\'`, and incomplete or unknown escapes.
 */
export function unquoteName(text: string): Uint8Array<ArrayBuffer> {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x80 || code === 0x5c || code === 0x22 || code === 0x0a)
      return unquoteSpecialName(text);
  }
  const name = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) name[at] = text.charCodeAt(at);
  return name;
}

const ESCAPE = /\\(?:[abfnrtv\\"]|x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/y;
const RUN = /[^\\"\n]+/y;
const CONTROLS: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  "\\": 0x5c,
  '"': 0x22,
};

function unquoteSpecialName(text: string): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < text.length;) {
    const pattern = text.charCodeAt(at) === 0x5c ? ESCAPE : RUN;
    pattern.lastIndex = at;
    const token = pattern.exec(text)?.[0];
    if (token === undefined) throw badName();
    parts.push(pattern === RUN ? Buffer.from(token) : unescape(token));
    at += token.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}

function unescape(token: string): Uint8Array {
  const control = CONTROLS[token.slice(1)];
  if (control !== undefined) return Uint8Array.of(control);
  const isOctal = token.charCodeAt(1) < 0x40;
  const value = isOctal ? parseInt(token.slice(1), 8) : parseInt(token.slice(2), 16);
  if (isOctal || token[1] === "x") {
    if (value > 0xff) throw badName();
    return Uint8Array.of(value);
  }
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) throw badName();
  return Buffer.from(String.fromCodePoint(value));
}

function badName(): TsbakError {
  return new TsbakError("corrupt", "Cannot read tree: a name is not quoted as Go quotes strings");
}
