import { randomBytes } from "node:crypto";
import { sha256Hex } from "../crypto/sha256.ts";

const PART_PREFIX = Buffer.from(".tsbak-part-");
const PART_DIGITS = 32;

/** A name for a file that is written beside the one that it will replace. No snapshot can know it beforehand. */
export function temporaryName(): Uint8Array {
  return Buffer.from(`.tsbak-${randomBytes(12).toString("hex")}`);
}

/** The name that a file of several blobs has until it is whole: always the same, so that an interrupted restore is continued. */
export function partName(name: Uint8Array): Buffer<ArrayBuffer> {
  return Buffer.concat([PART_PREFIX, Buffer.from(sha256Hex(name).slice(0, PART_DIGITS))]);
}

/** Whether a name begins as those of `partName` do: a snapshot may have such entries. */
export function isPartName(name: Uint8Array): boolean {
  // Most names tell by their first byte, and there are a million of them.
  return name[0] === PART_PREFIX[0] && PART_PREFIX.equals(name.subarray(0, PART_PREFIX.length));
}
