import { TsbakError } from "../errors.ts";

/** A JSON document in memory. An integer that a `number` cannot hold exactly is a `bigint`. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;

/** A JSON object; keys keep the order of the text. */
export type JsonObject = { [key: string]: JsonValue };

/** How deep arrays and objects may nest. Files of a repository need six levels. */
export const MAX_JSON_DEPTH = 64;

// A number token of 16 digits or more. It may also hit inside a string, which costs time but no correctness.
const LONG_INTEGER = /(?:^|[:,[\s])-?\d{16}/;
const SPECIAL_IN_STRING = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;

/**
 * The value of a JSON text, with integers beyond 2^53 kept exactly. Of equal keys the last wins, as in Go.
 * `what` names the document in errors.
 *
 * @throws {TsbakError} `corrupt` if the text is not JSON, or nests deeper than `MAX_JSON_DEPTH`.
 */
export function parseJson(text: string, what = "JSON"): JsonValue {
  if (LONG_INTEGER.test(text)) return new ExactParser(text, what).document();
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // The engine's message quotes the text, which may be secret.
    throw new TsbakError("corrupt", `Cannot read ${what}: its text is not valid JSON`);
  }
  checkDepth(value, MAX_JSON_DEPTH, what);
  return value;
}

/** `parseJson` for UTF-8 bytes. Invalid bytes become U+FFFD, as in Go. */
export function parseJsonBytes(bytes: Uint8Array, what = "JSON"): JsonValue {
  return parseJson(decodeUtf8(bytes, what), what);
}

/** A value as Go's `encoding/json` prints it: no spaces, keys in the order given, strings by `quoteJson`. */
export function encodeJson(value: JsonValue): string {
  switch (typeof value) {
    case "string":
      return quoteJson(value);
    case "number":
      if (!Number.isFinite(value))
        throw new RangeError(`Cannot encode JSON: ${value} is not a JSON number`);
      return String(value);
    case "bigint":
    case "boolean":
      return String(value);
    default:
      break;
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(encodeJson).join(",")}]`;
  return `{${encodeMembers(value)}}`;
}

/** The members of an object as `encodeJson` prints them, without the braces. */
export function encodeMembers(object: JsonObject): string {
  return Object.entries(object)
    .map(([key, value]) => `${quoteJson(key)}:${encodeJson(value)}`)
    .join(",");
}

/** The members of `extra` with a comma before each: what is appended to a known object to keep unknown fields. */
export function encodeExtra(extra: JsonObject): string {
  const members = encodeMembers(extra);
  return members === "" ? "" : `,${members}`;
}

/**
 * A string as Go's `encoding/json` prints it, with the quotes: HTML characters and U+2028/9 escaped, a lone
 * surrogate as `\ufffd`, everything else above U+007E raw (format section 8).
 */
export function quoteJson(text: string): string {
  if (!SPECIAL_IN_STRING.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text) quoted += quoteCharacter(character);
  return quoted + '"';
}

function quoteCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  switch (code) {
    case 0x08:
      return "\\b";
    case 0x09:
      return "\\t";
    case 0x0a:
      return "\\n";
    case 0x0c:
      return "\\f";
    case 0x0d:
      return "\\r";
    case 0x22:
      return '\\"';
    case 0x5c:
      return "\\\\";
    case 0x26:
    case 0x3c:
    case 0x3e:
    case 0x2028:
    case 0x2029:
      return `\\u${code.toString(16).padStart(4, "0")}`;
    default:
      if (code < 0x20) return `\\u${code.toString(16).padStart(4, "0")}`;
      return code >= 0xd800 && code <= 0xdfff ? "\\ufffd" : character;
  }
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of UTF-8 bytes, with U+FFFD for invalid ones and a byte order mark kept. */
export function decodeUtf8(bytes: Uint8Array, what = "JSON"): string {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    throw new TsbakError(
      "corrupt",
      `Cannot read ${what}: ${bytes.length} bytes are too long for a text`,
      {
        cause: error,
      },
    );
  }
}

/** Throws `corrupt` if `value` nests deeper than `depth` levels, without recursing any deeper itself. */
export function checkDepth(value: JsonValue, depth: number, what: string): void {
  if (typeof value !== "object" || value === null) return;
  if (depth === 0) throw tooDeep(what);
  for (const inner of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof inner === "object") checkDepth(inner, depth - 1, what);
  }
}

function tooDeep(what: string): TsbakError {
  return new TsbakError(
    "corrupt",
    `Cannot read ${what}: its JSON nests deeper than ${MAX_JSON_DEPTH} levels`,
  );
}

/** A strict recursive parser, for the texts whose integers `JSON.parse` would round. */
class ExactParser {
  readonly #text: string;
  readonly #what: string;
  #at = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  document(): JsonValue {
    const value = this.#value(MAX_JSON_DEPTH);
    this.#skipSpace();
    if (this.#at !== this.#text.length) throw this.#invalid();
    return value;
  }

  #value(depth: number): JsonValue {
    this.#skipSpace();
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#object(depth);
      case 0x5b:
        return this.#array(depth);
      case 0x22:
        return this.#string();
      case 0x74:
        return this.#literal("true", true);
      case 0x66:
        return this.#literal("false", false);
      case 0x6e:
        return this.#literal("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    if (depth === 0) throw tooDeep(this.#what);
    const object: JsonObject = {};
    this.#at++;
    if (this.#accept(0x7d)) return object;
    do {
      this.#skipSpace();
      const key = this.#string();
      if (!this.#accept(0x3a)) throw this.#invalid();
      const value = this.#value(depth - 1);
      // A plain assignment to "__proto__" would change the prototype.
      if (key === "__proto__") {
        Object.defineProperty(object, key, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      } else {
        object[key] = value;
      }
    } while (this.#accept(0x2c));
    if (!this.#accept(0x7d)) throw this.#invalid();
    return object;
  }

  #array(depth: number): JsonValue[] {
    if (depth === 0) throw tooDeep(this.#what);
    const array: JsonValue[] = [];
    this.#at++;
    if (this.#accept(0x5d)) return array;
    do array.push(this.#value(depth - 1));
    while (this.#accept(0x2c));
    if (!this.#accept(0x5d)) throw this.#invalid();
    return array;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== 0x22) throw this.#invalid();
    let isPlain = true;
    for (let at = start + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return isPlain ? this.#text.slice(start + 1, at) : this.#unescape(start);
      }
      if (code === 0x5c) {
        isPlain = false;
        at++;
      } else if (code < 0x20) {
        break;
      }
    }
    throw this.#invalid();
  }

  #unescape(start: number): string {
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      throw this.#invalid();
    }
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#invalid();
    this.#at = NUMBER.lastIndex;
    const number = Number(match[0]);
    const isInteger = match[1] === undefined && match[2] === undefined;
    return isInteger && !Number.isSafeInteger(number) ? this.#bigInteger(match[0]) : number;
  }

  #bigInteger(digits: string): bigint {
    // The conversion takes quadratic time, and nothing stored is beyond 64 bits.
    if (digits.length > 40) throw this.#invalid();
    return BigInt(digits);
  }

  #literal<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#invalid();
    this.#at += word.length;
    return value;
  }

  #accept(code: number): boolean {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #invalid(): TsbakError {
    return new TsbakError(
      "corrupt",
      `Cannot read ${this.#what}: its text is not valid JSON at ${this.#at}`,
    );
  }
}
