import { TsbakError } from "../errors.ts";
import { toBase64 } from "./base64.ts";
import { Fields } from "./fields.ts";
import { parseJsonBytes, quoteJson } from "./json.ts";

/** A key file: the master key sealed under a password, and how to get from the password to the key (format section 3). */
export interface KeyFile {
  /** RFC 3339. */
  created: string;
  username: string;
  hostname: string;
  /** Always `scrypt` today. */
  kdf: string;
  N: number;
  r: number;
  p: number;
  /** 64 bytes. */
  salt: Uint8Array;
  /** The sealed text of `encodeMasterKey`. */
  data: Uint8Array;
}

/** The keys of a repository: AES-256 key of 32 bytes, Poly1305-AES `k` and `r` of 16 bytes. `r` may be unclamped. */
export interface MasterKeyParts {
  encrypt: Uint8Array;
  macK: Uint8Array;
  macR: Uint8Array;
}

const SALT_SIZE = 64;
const MIN_SEALED_SIZE = 32;
// restic calibrates to 60 MiB; a hostile file must not take all memory before the password is even tried.
const MAX_KDF_MEMORY = 2 ** 30;

/** The JSON of a key file, without a newline. It is stored as it is. */
export function encodeKeyFile(key: KeyFile): Uint8Array<ArrayBuffer> {
  const who = `"created":${quoteJson(key.created)},"username":${quoteJson(key.username)},"hostname":${quoteJson(key.hostname)}`;
  const kdf = `"kdf":${quoteJson(key.kdf)},"N":${key.N},"r":${key.r},"p":${key.p}`;
  const sealed = `"salt":"${toBase64(key.salt)}","data":"${toBase64(key.data)}"`;
  return new TextEncoder().encode(`{${who},${kdf},${sealed}}`);
}

/**
 * `what` is the file as messages call it.
 *
 * @throws {TsbakError} `unsupported` for another key derivation, or parameters that need more than 1 GiB.
 * @throws {TsbakError} `corrupt` if it is not JSON, or a field is missing, malformed or out of range.
 */
export function decodeKeyFile(bytes: Uint8Array, what = "key file"): KeyFile {
  const fields = new Fields(parseJsonBytes(bytes, what), what);
  const kdf = fields.requiredString("kdf");
  if (kdf !== "scrypt") {
    throw new TsbakError(
      "unsupported",
      `Cannot read ${what}: only the key derivation "scrypt" is known`,
    );
  }
  const parameters = { N: fields.uint("n"), r: fields.uint("r"), p: fields.uint("p") };
  checkScrypt(fields, parameters, what);
  const salt = fields.requiredBytes("salt");
  if (salt.length !== SALT_SIZE) throw fields.bad("salt", `${SALT_SIZE} bytes`);
  const data = fields.requiredBytes("data");
  if (data.length < MIN_SEALED_SIZE) throw fields.bad("data", `at least ${MIN_SEALED_SIZE} bytes`);
  return {
    created: fields.string("created"),
    username: fields.string("username"),
    hostname: fields.string("hostname"),
    kdf,
    ...parameters,
    salt,
    data,
  };
}

function checkScrypt(
  fields: Fields,
  { N, r, p }: { N: number; r: number; p: number },
  what: string,
): void {
  if (N < 2 || N > 2 ** 40 || !Number.isInteger(Math.log2(N)))
    throw fields.bad("N", "a power of two above 1");
  if (r < 1) throw fields.bad("r", "a positive integer");
  if (p < 1 || r * p >= 2 ** 30) throw fields.bad("p", "a positive integer with r * p below 2^30");
  if (128 * N * r > MAX_KDF_MEMORY || 128 * p * r > MAX_KDF_MEMORY) {
    throw new TsbakError(
      "unsupported",
      `Cannot read ${what}: its scrypt parameters need more than 1 GiB of memory`,
    );
  }
}

/** The JSON that a key file seals. The result is secret. */
export function encodeMasterKey(key: MasterKeyParts): Uint8Array<ArrayBuffer> {
  const mac = `{"k":"${toBase64(key.macK)}","r":"${toBase64(key.macR)}"}`;
  return new TextEncoder().encode(`{"mac":${mac},"encrypt":"${toBase64(key.encrypt)}"}`);
}

/**
 * `what` is what messages call it.
 *
 * @throws {TsbakError} `corrupt` if it is not JSON, or a key is missing or of another size.
 */
export function decodeMasterKey(bytes: Uint8Array, what = "master key"): MasterKeyParts {
  const fields = new Fields(parseJsonBytes(bytes, what), what);
  const mac = new Fields(fields.object("mac") ?? {}, what);
  return {
    encrypt: keyOf(fields, "encrypt", 32),
    macK: keyOf(mac, "k", 16),
    macR: keyOf(mac, "r", 16),
  };
}

function keyOf(fields: Fields, name: string, size: number): Uint8Array<ArrayBuffer> {
  const key = fields.requiredBytes(name);
  if (key.length !== size) throw fields.bad(name, `${size} bytes`);
  return key;
}
