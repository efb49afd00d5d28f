import { encodeJson, type JsonValue } from "@tsbak/core";

/** A value as Go's `MarshalIndent` prints it, with two blanks for each level. */
export function indentJson(value: JsonValue, indent = ""): string {
  if (typeof value !== "object" || value === null) return encodeJson(value);
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const members = Array.isArray(value)
    ? value.map((item) => indentJson(item, inner))
    : Object.entries(value).map(([key, item]) => `${encodeJson(key)}: ${indentJson(item, inner)}`);
  if (members.length === 0) return open + close;
  return `${open}\n${inner}${members.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** Bytes as a text for JSON. What is no UTF-8 becomes a lone surrogate a byte, which `encodeJson` prints as Go does. */
export function jsonText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString("utf8");
  if (!text.includes("\ufffd") || Buffer.from(text).equals(buffer)) return text;
  return splitCharacters(buffer)
    .map((part) =>
      Buffer.from(part.toString("utf8")).equals(part) ? part.toString("utf8") : "\ud800",
    )
    .join("");
}

/** The characters of a text, and as many single bytes where there is none. */
function splitCharacters(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const part = bytes.subarray(at, at + length);
    const isWhole = Buffer.from(part.toString("utf8")).equals(part);
    parts.push(isWhole ? part : part.subarray(0, 1));
    at += isWhole ? part.length : 1;
  }
  return parts;
}
