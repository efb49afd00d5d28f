import { equalBytes } from "../bytes/compare.ts";
import { encodeJson } from "../format/json.ts";
import type { ExtendedAttribute, Node } from "../format/node.ts";
import { compareTimes, parseTime } from "../format/time.ts";

const PLAIN_FIELDS = [
  ...(["type", "mode", "uid", "gid", "user", "group", "inode", "deviceId"] as const),
  ...(["size", "links", "device", "subtree", "error"] as const),
];

/** True if both are made of the same blobs. No list at all is another thing than an empty one, as for restic. */
export function hasSameContent(a: Node, b: Node): boolean {
  if (a.content === null || b.content === null) return a.content === b.content;
  const other = b.content;
  return a.content.length === other.length && a.content.every((id, at) => id === other[at]);
}

/** True if two nodes of one name agree in everything but, perhaps, their blobs and fields that only other programs know. */
export function hasSameMetadata(a: Node, b: Node): boolean {
  return (
    PLAIN_FIELDS.every((field) => a[field] === b[field]) &&
    isSameTime(a.mtime, b.mtime) &&
    isSameTime(a.atime, b.atime) &&
    isSameTime(a.ctime, b.ctime) &&
    isSameText(a.linkTarget, b.linkTarget) &&
    hasSameAttributes(a.extendedAttributes, b.extendedAttributes) &&
    encodeJson(a.genericAttributes ?? {}) === encodeJson(b.genericAttributes ?? {})
  );
}

/** True if two RFC 3339 texts name one instant, whatever their zones. */
export function isSameTime(a: string, b: string): boolean {
  return a === b || compareTimes(parseTime(a), parseTime(b)) === 0;
}

/** True if both have the same attributes in any order. No value counts as an empty one. */
export function hasSameAttributes(
  a: readonly ExtendedAttribute[],
  b: readonly ExtendedAttribute[],
): boolean {
  if (a.length !== b.length) return false;
  const values = new Map(a.map(({ name, value }) => [name, value]));
  return b.every(({ name, value }) => values.has(name) && isSameText(values.get(name), value));
}

/** True for the same bytes, or none. */
export function isSameText(
  a: Uint8Array | null | undefined,
  b: Uint8Array | null | undefined,
): boolean {
  return equalBytes(a ?? NOTHING, b ?? NOTHING);
}

const NOTHING = new Uint8Array(0);
