import { isId, TsbakError } from "@tsbak/core";
import type { FileInfo } from "@tsbak/core";

/** What a listing names, without strangers. */
export interface Listing {
  /** Of version 2 of the protocol. */
  readonly sized: readonly FileInfo[];
  /** Names only: of version 1. */
  readonly unsized: readonly string[];
}

/**
 * Read a listing of either version: an array of names, or of objects with `name` and `size`.
 *
 * @throws {TsbakError} `unavailable` if it is neither.
 */
export function readListing(body: Uint8Array, action: string): Listing {
  const sized: FileInfo[] = [];
  const unsized: string[] = [];
  for (const item of parseArray(body, action)) {
    if (typeof item === "string") {
      if (isId(item)) unsized.push(item);
      continue;
    }
    if (!isSized(item)) throw noListing(action);
    if (isId(item.name)) sized.push({ name: item.name, size: item.size });
  }
  return { sized, unsized };
}

function parseArray(body: Uint8Array, action: string): readonly unknown[] {
  let list: unknown;
  try {
    list = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8"));
  } catch (error) {
    throw noListing(action, error);
  }
  // rest-server up to version 0.9 has no other name for nothing.
  if (list === null) return [];
  if (!Array.isArray(list)) throw noListing(action);
  return list as readonly unknown[];
}

function isSized(item: unknown): item is FileInfo {
  if (typeof item !== "object" || item === null) return false;
  const { name, size } = item as Partial<Record<string, unknown>>;
  return typeof name === "string" && Number.isSafeInteger(size) && Number(size) >= 0;
}

function noListing(action: string, cause?: unknown): TsbakError {
  return new TsbakError(
    "unavailable",
    `${action}: the answer is no list of files; check that the location is one of a REST server for restic`,
    { cause },
  );
}
