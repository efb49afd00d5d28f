import { TsbakError } from "../errors.ts";
import { Fields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { encodeExtra, parseJsonBytes, quoteJson } from "./json.ts";

/** What the `config` file says about the repository (format section 4). */
export interface Config {
  version: 1 | 2;
  /** 64 random hex digits. */
  id: string;
  /** Lower-case hex without 0x. That it is irreducible is not checked here. */
  chunkerPolynomial: string;
  /** `rabin` unless the field of our own, `tsbak_chunker`, says something else; `fastcdc` is the other one known. */
  chunker: string;
  /** Fields of other programs, kept as they are. rustic's own `chunker` and `chunk_size` are among them. */
  extra: JsonObject;
}

const CHUNKER_FIELD = "tsbak_chunker";

/** The JSON of a config, without a newline. It is sealed without compression. */
export function encodeConfig(config: Config): Uint8Array<ArrayBuffer> {
  const chunker =
    config.chunker === "rabin" ? "" : `,"${CHUNKER_FIELD}":${quoteJson(config.chunker)}`;
  const known = `"version":${config.version},"id":"${config.id}","chunker_polynomial":"${config.chunkerPolynomial}"`;
  return new TextEncoder().encode(`{${known}${chunker}${encodeExtra(config.extra)}}`);
}

/**
 * @throws {TsbakError} `unsupported` for a version other than 1 and 2.
 * @throws {TsbakError} `corrupt` if it is not JSON, or a field is missing or malformed.
 */
export function decodeConfig(bytes: Uint8Array): Config {
  const fields = new Fields(parseJsonBytes(bytes, "config"), "config");
  const version = fields.uint("version");
  if (version !== 1 && version !== 2) {
    throw new TsbakError(
      "unsupported",
      `Cannot open repository: its format version is ${version}, and only 1 and 2 are known; use a newer version of tsbak`,
    );
  }
  const id = fields.requiredId("id");
  const chunkerPolynomial = fields.requiredString("chunker_polynomial").toLowerCase();
  if (!/^[0-9a-f]{1,16}$/.test(chunkerPolynomial))
    throw fields.bad("chunker_polynomial", "a hex number of 64 bits");
  const chunker = fields.optionalString(CHUNKER_FIELD) ?? "rabin";
  return { version, id, chunkerPolynomial, chunker, extra: fields.rest() };
}
