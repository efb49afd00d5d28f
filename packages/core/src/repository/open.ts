import { CONFIG_REF, type Backend, type CallOptions } from "../backend/backend.ts";
import { withCache, type CachedBackend } from "../backend/cache.ts";
import { isIrreducible, parsePolynomial } from "../chunk/polynomial.ts";
import { loadZstd } from "../compress/zstd.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import { decodeConfig, type Config } from "../format/config.ts";
import { makeFolders } from "../fs/make-folders.ts";
import { StateFolder } from "../fs/state-folder.ts";
import { EarlyReads, type EarlyWish } from "./early-reads.ts";
import { openKey } from "./keys.ts";
import type { LockSettings } from "./locks.ts";
import { RememberedKey } from "./remembered-key.ts";
import { Repository } from "./repository.ts";

/** How to open a repository. */
export interface OpenOptions extends CallOptions {
  readonly password: string;
  /** Prefix of the key file to try first. */
  readonly keyHint?: string | undefined;
  /** Base folder of the local cache, shared with restic; without it nothing is cached. */
  readonly cacheDirectory?: string | undefined;
  /** Bytes that all caches below that folder may have together; what was used longest ago goes first. No limit unless given. */
  readonly cacheLimit?: number | undefined;
  /** Base folder of what this machine remembers of repositories (`stateDirectory`); without it nothing is remembered. */
  readonly stateDirectory?: string | undefined;
  readonly locking?: Omit<LockSettings, "state"> | undefined;
  /** What the first work will ask for, which a distant store is asked for while the key is derived. Nothing unless given. */
  readonly early?: EarlyWish | undefined;
  /** Called each time before one core is busy with deriving a key, and the others and the store are not. */
  readonly onDerive?: (() => void) | undefined;
}

/**
 * Open a repository with a password.
 *
 * @throws {TsbakError} `no-repository` if there is no config, `wrong-password` if no key opens, `corrupt` if the config or a
 * key file that is tried is damaged, `unsupported` if the repository is of a version that we do not know.
 */
export async function openRepository(backend: Backend, options: OpenOptions): Promise<Repository> {
  const early = new EarlyReads(backend, options);
  try {
    return await openEarly(backend, early, options);
  } catch (error) {
    early.stop();
    throw error;
  }
}

async function openEarly(
  backend: Backend,
  early: EarlyReads,
  options: OpenOptions,
): Promise<Repository> {
  const { password, keyHint, stateDirectory, locking, signal } = options;
  // All at once: each request to a distant store takes its time. What is wrong with the config is said first.
  const reading = readConfig(backend, options);
  const onDerive = (): void => {
    early.start(options.early ?? {});
    options.onDerive?.();
  };
  // Where keys are at hand, there is nothing to be won.
  const isDistant = backend.openFile === undefined;
  const remembered = new RememberedKey(isDistant ? stateDirectory : undefined, backend.location);
  const wish = { hint: keyHint, last: remembered.name, onDerive };
  const opening = openKey(backend, password, { ...wish, signal });
  const loading = loadZstd();
  await Promise.allSettled([reading, opening, loading]);
  const sealed = await reading;
  const [key, zstd] = await Promise.all([opening, loading]);
  remembered.note(key.keyId);
  const config = openConfig(sealed, key.masterKey);
  refuseBadPolynomial(config);
  const cache = openCache(early.backend, config, options);
  const state =
    stateDirectory === undefined ? undefined : new StateFolder(stateDirectory, config.id);
  const local = { cache, state, locking, early };
  return new Repository({ backend: cache ?? early.backend, config, zstd, ...local, ...key });
}

async function readConfig(backend: Backend, options: CallOptions): Promise<Uint8Array> {
  try {
    return await backend.read(CONFIG_REF, undefined, options);
  } catch (error) {
    if (!isTsbakError(error, "not-found")) throw error;
    throw new TsbakError(
      "no-repository",
      `Cannot open repository ${backend.location}: there is none; check the location, or run "tsbak init" to create one`,
      { cause: error },
    );
  }
}

function openConfig(sealed: Uint8Array, masterKey: MasterKey): Config {
  let plain: Uint8Array;
  try {
    plain = new Opener(masterKey).open(sealed);
  } catch (error) {
    if (!isTsbakError(error, "corrupt")) throw error;
    throw new TsbakError(
      "corrupt",
      "Cannot open repository: its config is damaged; restore the config file from a copy",
      { cause: error },
    );
  }
  return decodeConfig(plain);
}

function refuseBadPolynomial(config: Config): void {
  if (isIrreducible(parsePolynomial(config.chunkerPolynomial))) return;
  throw new TsbakError(
    "corrupt",
    "Cannot open repository: its config has an invalid chunker polynomial; restore the config file from a copy",
  );
}

function openCache(
  backend: Backend,
  config: Config,
  options: OpenOptions,
): CachedBackend | undefined {
  const { cacheDirectory, cacheLimit } = options;
  if (cacheDirectory === undefined) return undefined;
  try {
    makeFolders(cacheDirectory);
  } catch {
    // A cache that cannot be had is no reason to fail.
  }
  return withCache(backend, cacheDirectory, config.id, cacheLimit);
}
