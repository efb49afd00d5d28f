import type { Backend, CallOptions } from "../backend/backend.ts";
import { generateMasterKey, type MasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { calibrateKdf, deriveKey } from "../crypto/scrypt.ts";
import { Sealer } from "../crypto/sealer.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import {
  decodeKeyFile,
  decodeMasterKey,
  encodeKeyFile,
  encodeMasterKey,
  type KeyFile,
} from "../format/key-file.ts";
import { isTsbakError, TsbakError } from "../errors.ts";

/** Who a key is for, as noted in its file in clear. */
export interface KeyOwner {
  readonly username: string;
  readonly hostname: string;
  /** RFC 3339 time of creation. */
  readonly created: string;
}

/** The master key and the name of the key file that gave it. */
export interface OpenedKey {
  readonly keyId: string;
  readonly masterKey: MasterKey;
}

/** How to look for the key that opens. */
export interface OpenKeyOptions extends CallOptions {
  /** Prefix of the key file to try first. */
  readonly hint?: string | undefined;
  /** The key file that opened last, which need not be looked for if there is no hint. */
  readonly last?: string | undefined;
  /** Called each time before the processor is busy for a while, and the store is not. */
  readonly onDerive?: (() => void) | undefined;
}

/** restic tries no more keys than this, so neither do we. */
const MAX_KEYS = 20;
const SALT_SIZE = 64;

/**
 * Find the key file that opens with `password`: the one that opened last, or else the one named by `hint` (a prefix), then all others in
 * the order of listing, at most 20 (restic format, section 3).
 *
 * A key file that cannot be used with any password keeps nobody else out; restic stops there.
 *
 * @throws {TsbakError} `wrong-password` if none does; but if one of them cannot be used, `corrupt` or `unsupported`, and the message
 * names it.
 */
export async function openKey(
  backend: Backend,
  password: string,
  options: OpenKeyOptions = {},
): Promise<OpenedKey> {
  const damaged: string[] = [];
  let unusable: TsbakError | undefined;
  for await (const { name, bytes } of keysToTry(backend, options)) {
    try {
      const file = decodeKeyFile(bytes, titleOf(name));
      options.onDerive?.();
      const masterKey = await tryKey(file, password, name);
      if (masterKey !== undefined) return { keyId: name, masterKey };
      if (sha256Hex(bytes) !== name) damaged.push(titleOf(name));
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "unsupported")) throw error;
      unusable ??= error;
    }
  }
  throw unusable ?? noKey(backend, damaged);
}

interface StoredKey {
  readonly name: string;
  readonly bytes: Uint8Array;
}

async function* keysToTry(
  backend: Backend,
  { signal, hint, last }: OpenKeyOptions,
): AsyncGenerator<StoredKey> {
  const known = hint === undefined && last !== undefined ? last : undefined;
  if (known !== undefined) {
    const bytes = await readIfThere(backend, known, { signal });
    if (bytes !== undefined) yield { name: known, bytes };
  }
  const names: string[] = [];
  for await (const { name } of backend.list("key", { signal })) names.push(name);
  const isHinted = (name: string): boolean => hint !== undefined && name.startsWith(hint);
  const ordered = [...names.filter(isHinted), ...names.filter((name) => !isHinted(name))];
  for (const name of ordered.slice(0, MAX_KEYS)) {
    if (name !== known)
      yield { name, bytes: await backend.read({ kind: "key", name }, undefined, { signal }) };
  }
}

/** Undefined for a key that was removed, which a store may show nobody who may not list. */
async function readIfThere(
  backend: Backend,
  name: string,
  options: CallOptions,
): Promise<Uint8Array | undefined> {
  try {
    return await backend.read({ kind: "key", name }, undefined, options);
  } catch (error) {
    if (isTsbakError(error, "not-found") || isTsbakError(error, "denied")) return undefined;
    throw error;
  }
}

/** A changed byte in salt or sealed key looks like another password, so the owner of the right one must be told. */
function noKey(backend: Backend, damaged: readonly string[]): TsbakError {
  const advice =
    damaged.length === 0
      ? "check the password"
      : `${damaged.join(", ")} does not have the hash that names it and is damaged, restore it from a copy`;
  return new TsbakError(
    "wrong-password",
    `Cannot open repository ${backend.location}: wrong password or no key found; ${advice}`,
  );
}

function titleOf(name: string): string {
  return `key file ${name.slice(0, 8)}`;
}

/**
 * Read one key file. Its contents are in clear but for the sealed master key.
 *
 * @throws {TsbakError} `corrupt` or `unsupported` with a message that names it, if it cannot be used.
 */
export async function loadKeyFile(
  backend: Backend,
  name: string,
  options?: CallOptions,
): Promise<KeyFile> {
  const bytes = await backend.read({ kind: "key", name }, undefined, options);
  return decodeKeyFile(bytes, titleOf(name));
}

/** Store `masterKey` under a new password and return the name of the key file, which has been opened once as a test. */
export async function addKey(
  backend: Backend,
  password: string,
  owner: KeyOwner,
  masterKey: MasterKey = generateMasterKey(),
): Promise<OpenedKey> {
  const params = calibrateKdf();
  const salt = crypto.getRandomValues(new Uint8Array(SALT_SIZE));
  const sealer = new Sealer(await deriveKey(password, salt, params));
  const file: KeyFile = {
    ...owner,
    kdf: "scrypt",
    ...params,
    salt,
    data: sealer.seal(encodeMasterKey(masterKey)),
  };
  const bytes = encodeKeyFile(file);
  const keyId = sha256Hex(bytes);
  await backend.write({ kind: "key", name: keyId }, bytes);
  await testKey(backend, keyId, password);
  return { keyId, masterKey };
}

/** A key that cannot be opened again must not be relied on: it is removed at once. */
async function testKey(backend: Backend, keyId: string, password: string): Promise<void> {
  if ((await tryKey(await loadKeyFile(backend, keyId), password, keyId)) !== undefined) return;
  await backend.remove({ kind: "key", name: keyId });
  throw new TsbakError(
    "corrupt",
    `Cannot add key: the new key did not open again and was removed; try once more, and test this machine's memory`,
  );
}

async function tryKey(
  file: KeyFile,
  password: string,
  name: string,
): Promise<MasterKey | undefined> {
  const passwordKey = await deriveKey(password, file.salt, file);
  // Only the MAC may fail to fit: that is what another password looks like. Nonsense under the seal is damage.
  const plain = tryOpen(new Opener(passwordKey), file.data, name);
  return plain === undefined ? undefined : decodeMasterKey(plain, `master key of ${titleOf(name)}`);
}

function tryOpen(opener: Opener, sealed: Uint8Array, name: string): Uint8Array | undefined {
  try {
    return opener.tryOpen(sealed);
  } catch (error) {
    if (!isTsbakError(error, "corrupt")) throw error;
    throw new TsbakError(
      "corrupt",
      `Cannot read ${titleOf(name)}: its sealed key is damaged; restore it from a copy`,
      { cause: error },
    );
  }
}
