import { posix } from "node:path";

import { TsbakError } from "@tsbak/core";

/** Where in B2 a repository lies. */
export interface B2Location {
  readonly bucket: string;
  /** What the names of its files begin with: empty, or ending in a slash. */
  readonly root: string;
}

/** B2's own limit is 1024 bytes for a name; the longest that is put after it is that of a pack. */
const LONGEST_ROOT = 900;

/**
 * Read `bucket:prefix` or `bucket`. The prefix is cleaned as restic does it, so that both find the same files.
 *
 * @throws {TsbakError} `invalid-argument` for what can be no bucket or prefix.
 */
export function parseB2Location(text: string): B2Location {
  const colon = text.indexOf(":");
  const bucket = colon < 0 ? text : text.slice(0, colon);
  if (bucket === "") throw badLocation("no bucket is named; write b2:BUCKET:PREFIX");
  if (/[/.]/.test(bucket)) {
    throw badLocation(`"${bucket}" is no bucket; write a colon after its name: b2:BUCKET:PREFIX`);
  }
  if (!/^[A-Za-z0-9-]{6,63}$/.test(bucket)) {
    throw badLocation(`"${bucket}" is no bucket: 6 to 63 letters, digits and dashes are allowed`);
  }
  return { bucket, root: rootOf(colon < 0 ? "" : text.slice(colon + 1)) };
}

/** As people write it: `b2:bucket:some/prefix`. */
export function formatB2Location({ bucket, root }: B2Location): string {
  return root === "" ? `b2:${bucket}` : `b2:${bucket}:${root.slice(0, -1)}`;
}

function rootOf(prefix: string): string {
  if (/[\u0000-\u001f\u007f]/.test(prefix)) throw badLocation("its prefix is not printable");
  const clean = posix.normalize(prefix).replace(/^\/+|\/+$/g, "");
  if (clean === "" || clean === ".") return "";
  if (clean === ".." || clean.startsWith("../")) {
    throw badLocation(`its prefix "${prefix}" leads out of the bucket`);
  }
  if (Buffer.byteLength(clean) > LONGEST_ROOT) throw badLocation("its prefix is too long");
  return `${clean}/`;
}

function badLocation(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot open the repository in B2: ${reason}`);
}
