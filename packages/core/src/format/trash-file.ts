import { toBase64 } from "./base64.ts";
import { Fields } from "./fields.ts";
import { encodeExtra, parseJsonBytes, quoteJson, type JsonObject } from "./json.ts";

/**
 * A snapshot that was forgotten, as the trash keeps it. A file of our own, sealed and named like restic's unpacked files. It holds the
 * stored bytes of the snapshot's file, because only they have the name that the snapshot is known by.
 */
export interface TrashFile {
  /** Id of the snapshot, which is the SHA-256 of `file`. */
  readonly snapshot: string;
  /** RFC 3339: when it was forgotten. */
  readonly forgotten: string;
  /** RFC 3339: from when on it may be removed for good. */
  readonly until: string;
  /** The sealed bytes of the snapshot's file. */
  readonly file: Uint8Array;
  readonly extra: JsonObject;
}

/** The JSON of a file of the trash, without a newline. */
export function encodeTrashFile(trash: TrashFile): Uint8Array<ArrayBuffer> {
  const times = `"forgotten":${quoteJson(trash.forgotten)},"until":${quoteJson(trash.until)}`;
  const file = `"snapshot":"${trash.snapshot}","file":"${toBase64(trash.file)}"`;
  return new TextEncoder().encode(`{${times},${file}${encodeExtra(trash.extra)}}`);
}

/** @throws {TsbakError} `corrupt` if it is not JSON, or a field is missing or malformed. */
export function decodeTrashFile(bytes: Uint8Array): TrashFile {
  const fields = new Fields(parseJsonBytes(bytes, "trash"), "trash");
  return {
    forgotten: fields.requiredTime("forgotten"),
    until: fields.requiredTime("until"),
    snapshot: fields.requiredId("snapshot"),
    file: fields.requiredBytes("file"),
    extra: fields.rest(),
  };
}
