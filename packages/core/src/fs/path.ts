/**
 * Paths as bytes. A name on Linux is any bytes but `/` and NUL; text comes only from the command line and
 * goes only to messages.
 *
 * @module
 */
import { readlinkSync, statSync } from "node:fs";

const SLASH = 0x2f;
const DOT = 0x2e;

/** The bytes of a path that a person wrote: its UTF-8. */
export function toPathBytes(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** The same bytes, typed as Node's `fs` wants a path. Node takes any byte array; only its types ask for a Buffer. */
export function nodePath(path: Uint8Array): Buffer {
  return path as Buffer;
}

/** `dir` and `name` with one slash between. Nothing is cleaned; an empty `dir` gives the name alone. */
export function joinPath(dir: Uint8Array, name: Uint8Array): Uint8Array {
  if (dir.length === 0) return name;
  const slash = dir[dir.length - 1] === SLASH ? 0 : 1;
  const joined = Buffer.allocUnsafe(dir.length + slash + name.length);
  joined.set(dir, 0);
  if (slash === 1) joined[dir.length] = SLASH;
  joined.set(name, dir.length + slash);
  return joined;
}

/**
 * The shortest path that names the same file without looking at the disk, as Go's `filepath.Clean`: no `.`, no
 * inner `..`, no doubled or trailing slash; `.` for nothing.
 */
export function cleanPath(path: Uint8Array): Uint8Array {
  const rooted = path[0] === SLASH;
  const kept: Uint8Array[] = [];
  for (const part of splitPath(path)) {
    if (part.length === 1 && part[0] === DOT) continue;
    const last = kept.at(-1);
    if (!isParent(part)) kept.push(part);
    else if (last !== undefined && !isParent(last)) kept.pop();
    else if (!rooted) kept.push(part);
  }
  const body = kept.reduce<Uint8Array>((path, part) => joinPath(path, part), new Uint8Array(0));
  if (rooted) return joinPath(Buffer.of(SLASH), body);
  return body.length === 0 ? Buffer.of(DOT) : body;
}

/** The clean absolute path, as Go's `filepath.Abs`. `from` is the working directory unless given. */
export function absolutePath(path: Uint8Array, from?: Uint8Array): Uint8Array {
  return cleanPath(path[0] === SLASH ? path : joinPath(from ?? workingDirectory(), path));
}

/** The names between the slashes, without empty ones; views of `path`. */
export function splitPath(path: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < path.length;) {
    const slash = path.indexOf(SLASH, start);
    const end = slash < 0 ? path.length : slash;
    if (end > start) parts.push(path.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

/**
 * The path for a message on a terminal: control characters and bytes that are no UTF-8 as `\xNN`, so that a name
 * can neither move the cursor nor hide another line.
 */
export function printablePath(path: Uint8Array): string {
  const text = Buffer.from(path.buffer, path.byteOffset, path.length).toString("utf8");
  const isUtf8 = !text.includes("\ufffd") || Buffer.compare(Buffer.from(text), path) === 0;
  if (isUtf8) return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, quoteCharacter);
  return quoteBytes(path);
}

function isParent(part: Uint8Array): boolean {
  return part.length === 2 && part[0] === DOT && part[1] === DOT;
}

/** As Go finds it: `$PWD` where that is the place (it keeps the symlinks people came by), else the kernel's answer. */
function workingDirectory(): Uint8Array {
  const named = process.env["PWD"];
  if (named?.startsWith("/") && isSameFile(named, ".")) return toPathBytes(named);
  try {
    return readlinkSync("/proc/self/cwd", "buffer");
  } catch {
    return toPathBytes(process.cwd());
  }
}

function isSameFile(a: string, b: string): boolean {
  const options = { bigint: true, throwIfNoEntry: false } as const;
  const [first, second] = [statSync(a, options), statSync(b, options)];
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}

function quoteCharacter(character: string): string {
  const bytes = Buffer.from(character);
  return Array.from(bytes, quoteByte).join("");
}

/** Valid characters stay; each byte that belongs to none is quoted. */
function quoteBytes(path: Uint8Array): string {
  let text = "";
  for (let at = 0; at < path.length;) {
    const length = characterLength(path, at);
    if (length === 0) text += quoteByte(path[at++] ?? 0);
    else {
      text += printablePath(path.subarray(at, at + length));
      at += length;
    }
  }
  return text;
}

/** The length of the UTF-8 character at `at`, or 0 if there is none. */
function characterLength(path: Uint8Array, at: number): number {
  const first = path[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const bytes = Buffer.from(path.subarray(at, at + length));
  return bytes.equals(Buffer.from(bytes.toString("utf8"))) ? bytes.length : 0;
}

function quoteByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}
