import { isId } from "../bytes/hex.ts";
import { TsbakError } from "../errors.ts";
import { fromBase64 } from "./base64.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { isTime } from "./time.ts";

const MAX_UINT64 = 2n ** 64n - 1n;

/**
 * Typed reading of a JSON object that somebody else wrote, with the tolerance of Go's decoder: keys in any letter case,
 * unknown keys, and `null` for "not there". What was never asked for is left in `rest()`.
 *
 * Every method throws `TsbakError` `corrupt`, naming file and field, if the value has another type or is out of range.
 * The plain methods give Go's zero value for a missing field; `optional...` give `undefined`; `required...` throw.
 */
export class Fields {
  readonly #what: string;
  readonly #members = new Map<string, { key: string; value: JsonValue }>();

  /** `what` is the file or record as people call it: "snapshot", "config". */
  constructor(value: JsonValue, what: string) {
    this.#what = what;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new TsbakError("corrupt", `Cannot read ${what}: it is not a JSON object`);
    }
    for (const key of Object.keys(value)) {
      this.#members.set(key.toLowerCase(), { key, value: value[key] ?? null });
    }
  }

  /** The fields that no other method has read so far, in the order of the text, keys as written. */
  rest(): JsonObject {
    const members = [...this.#members.values()].map(({ key, value }) => [key, value] as const);
    return Object.fromEntries(members);
  }

  /** True if the field is present with any value, `null` included. */
  has(name: string): boolean {
    return this.#members.has(name);
  }

  string(name: string): string {
    return this.optionalString(name) ?? "";
  }

  optionalString(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.bad(name, "a string");
  }

  requiredString(name: string): string {
    return this.optionalString(name) ?? this.#missing(name);
  }

  /** An RFC 3339 text, unchanged. */
  optionalTime(name: string): string | undefined {
    const text = this.optionalString(name);
    if (text !== undefined && !isTime(text)) throw this.bad(name, "an RFC 3339 time");
    return text;
  }

  requiredTime(name: string): string {
    return this.optionalTime(name) ?? this.#missing(name);
  }

  boolean(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value === "boolean") return value;
    throw this.bad(name, "true or false");
  }

  /** An integer from 0 to `max`. */
  uint(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(name) ?? 0;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max)
      return value;
    throw this.bad(name, `an integer from 0 to ${max}`);
  }

  uint32(name: string): number {
    return this.uint(name, 0xffff_ffff);
  }

  /** An integer of either sign that a `number` holds exactly. */
  int(name: string): number {
    const value = this.value(name) ?? 0;
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    throw this.bad(name, "an integer");
  }

  uint64(name: string): bigint {
    const value = this.value(name) ?? 0;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0)
      return BigInt(value);
    if (typeof value === "bigint" && value >= 0n && value <= MAX_UINT64) return value;
    throw this.bad(name, "an unsigned integer of 64 bits");
  }

  /** 64 hex digits, given back in lower case. */
  optionalId(name: string): string | undefined {
    const value = this.optionalString(name);
    return value === undefined ? undefined : this.#id(name, value);
  }

  requiredId(name: string): string {
    return this.optionalId(name) ?? this.#missing(name);
  }

  /** An array of ids, or `null` if it is missing or `null`. */
  ids(name: string): string[] | null {
    return this.array(name)?.map((value) => this.#id(name, value)) ?? null;
  }

  strings(name: string): string[] {
    const texts = this.array(name) ?? [];
    return texts.map((text) => {
      if (typeof text === "string") return text;
      throw this.bad(name, "an array of strings");
    });
  }

  /** Bytes from base64, in a new array. */
  optionalBytes(name: string): Uint8Array<ArrayBuffer> | undefined {
    const text = this.optionalString(name);
    if (text === undefined) return undefined;
    const bytes = fromBase64(text);
    if (bytes === undefined) throw this.bad(name, "base64");
    return bytes;
  }

  requiredBytes(name: string): Uint8Array<ArrayBuffer> {
    return this.optionalBytes(name) ?? this.#missing(name);
  }

  array(name: string): JsonValue[] | undefined {
    const value = this.value(name);
    if (value === undefined || Array.isArray(value)) return value;
    throw this.bad(name, "an array");
  }

  object(name: string): JsonObject | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    throw this.bad(name, "an object");
  }

  /** The value of any type, `undefined` if it is missing or `null`. The field no longer counts as unknown. */
  value(name: string): JsonValue | undefined {
    const member = this.#members.get(name);
    if (member === undefined) return undefined;
    this.#members.delete(name);
    return member.value ?? undefined;
  }

  /** The error for a field whose value is not `expected`. The value itself is not shown: it may be secret. */
  bad(name: string, expected: string): TsbakError {
    return new TsbakError(
      "corrupt",
      `Cannot read ${this.#what}: field "${name}" is not ${expected}`,
    );
  }

  #id(name: string, value: JsonValue): string {
    const id = typeof value === "string" ? value.toLowerCase() : "";
    if (!isId(id)) throw this.bad(name, "64 hex digits");
    return id;
  }

  #missing(name: string): never {
    throw new TsbakError("corrupt", `Cannot read ${this.#what}: field "${name}" is missing`);
  }
}
