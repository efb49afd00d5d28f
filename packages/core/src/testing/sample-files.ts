import { createHash, randomBytes } from "node:crypto";

import { CONFIG_REF } from "../backend/backend.ts";
import type { Backend, FileInfo, FileKind, FileRef } from "../backend/backend.ts";

/** All kinds of files that a backend keeps. */
export const KINDS: readonly FileKind[] = [
  "config",
  "key",
  "lock",
  "snapshot",
  "index",
  "pack",
  "trash",
];

/** A reference that no other file has, but for the one that the config has. */
export function someRef(kind: FileKind): FileRef {
  if (kind === "config") return CONFIG_REF;
  return { kind, name: createHash("sha256").update(randomBytes(16)).digest("hex") };
}

/** Bytes that are the same for the same length. */
export function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + length) & 255;
  return bytes;
}

/** All files of a kind, in the order of the listing, without the time when they were written. */
export async function listAll(
  backend: Backend,
  kind: FileKind,
  signal?: AbortSignal,
): Promise<FileInfo[]> {
  const files: FileInfo[] = [];
  for await (const file of backend.list(kind, { signal }))
    files.push({ name: file.name, size: file.size });
  return files;
}

/** Faster by far, for large arrays, than `expect().toEqual()`. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
