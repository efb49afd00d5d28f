import { readFile } from "node:fs/promises";
import {
  CONFIG_REF,
  isTsbakError,
  openRepository,
  stateDirectory,
  TsbakError,
  type Backend,
  type EarlyWish,
  type Repository,
} from "@tsbak/core";
import { cacheSettings, tidyCaches, type CacheSettings } from "./cache-settings.ts";
import type { Context } from "./context.ts";
import { firstSetting, setting } from "./environment.ts";
import { lockSettings } from "./lock-settings.ts";
import { openStoreFor } from "./open-store.ts";
import { warnOfExpiredKey } from "./key-notes.ts";
import type { FromFlags } from "./options.ts";
import { choosePassword, openWithPassword, type PasswordWish } from "./password.ts";
import { decodeTextFile } from "./text-file.ts";

/** How a command opens its repository. */
export interface OpenOptions {
  /** False for a command that must see what is really stored. */
  readonly cache?: boolean;
  /** The command begins by taking a lock, unless flags keep it from that. */
  readonly locks?: boolean;
  /** The command goes on with all index files. */
  readonly index?: boolean;
  /** The command looks for a snapshot. */
  readonly snapshots?: boolean;
  /** The command reads all packs. */
  readonly packs?: boolean;
  /** Called when the key begins to be derived, once or for each key that is tried. */
  readonly onDerive?: () => void;
}

/**
 * Open the repository that flags and environment name, with the password that they give or a person types.
 *
 * @throws {TsbakError} `no-repository`, `wrong-password`, or `invalid-argument` if the wishes contradict each other.
 */
export async function openNamedRepository(
  context: Context,
  options: OpenOptions = {},
): Promise<Repository> {
  const { globals, environment } = context;
  const location = await findLocation(
    { repo: globals.repo, file: globals.repositoryFile },
    context,
  );
  return openAt(context, location, {
    wish: passwordWish(context),
    keyHint: globals.keyHint ?? setting(environment, "KEY_HINT"),
    cache: options.cache === false ? {} : cacheSettings(context),
    early: earlyWish(context, options),
    onDerive: options.onDerive,
  });
}

function earlyWish(
  { globals }: Context,
  { locks, index, snapshots, packs, cache }: OpenOptions,
): EarlyWish {
  return {
    locks: locks === true && globals.lock !== false,
    snapshots,
    packs,
    index,
    indexFiles: index === true && (cache === false || globals.cache === false),
  };
}

/** How the other repository is opened. */
export interface OtherOptions extends OpenOptions {
  /** True if both have the same keys: what is said of the password of one is good for the other. */
  readonly sharesPassword?: boolean;
}

/** Open the other repository of `--from-repo`. */
export async function openOtherRepository(
  context: Context,
  flags: FromFlags,
  options: OtherOptions = {},
): Promise<Repository> {
  const environment = withOldFromNames(context.environment);
  return openAt(context, await otherLocation(context, flags), {
    wish: otherPasswordWish(context, flags, options.sharesPassword),
    keyHint: flags.fromKeyHint ?? setting(environment, "FROM_KEY_HINT"),
    cache: options.cache === false ? {} : cacheSettings(context),
  });
}

/** Where the other repository is. May hold a password. */
export async function otherLocation(context: Context, flags: FromFlags): Promise<string> {
  const inner = { ...context, environment: withOldFromNames(context.environment) };
  return findLocation({ repo: flags.fromRepo, file: flags.fromRepositoryFile }, inner, "FROM_");
}

/** What was said about the password of the other repository; if nothing was and both share it, about that of the first. */
export function otherPasswordWish(
  context: Context,
  flags: FromFlags,
  sharesPassword = false,
): PasswordWish {
  const password = {
    file: flags.fromPasswordFile,
    command: flags.fromPasswordCommand,
    isEmpty: flags.fromInsecureNoPassword,
  };
  const chosen = choosePassword(password, withOldFromNames(context.environment), "FROM_");
  const isChosen = chosen.isEmpty || Object.keys(chosen).length > 1;
  if (sharesPassword && !isChosen) return passwordWish(context);
  return { ...chosen, emptyFlag: "--from-insecure-no-password" };
}

/** The store of the repository that flags and environment name. */
export async function openNamedBackend(context: Context): Promise<Backend> {
  return openStoreFor(context, await namedLocation(context));
}

/** Where the repository is that flags and environment name. May hold a password. */
export async function namedLocation(context: Context): Promise<string> {
  const { repo, repositoryFile } = context.globals;
  return findLocation({ repo, file: repositoryFile }, context);
}

/** What was said about the password of the repository. */
export function passwordWish({ globals, environment }: Context): PasswordWish {
  const { passwordFile, passwordCommand, insecureNoPassword } = globals;
  return choosePassword(
    { file: passwordFile, command: passwordCommand, isEmpty: insecureNoPassword },
    environment,
  );
}

interface Opening {
  readonly wish: PasswordWish;
  readonly keyHint: string | undefined;
  readonly cache: CacheSettings;
  readonly early?: EarlyWish;
  readonly onDerive?: (() => void) | undefined;
}

async function openAt(context: Context, location: string, opening: Opening): Promise<Repository> {
  const { output, environment, signal } = context;
  const backend = await openStoreFor(context, location);
  const { keyHint, cache, early, onDerive } = opening;
  const ask = {
    terminal: { input: process.stdin, output: process.stderr },
    signal,
    beforeAsking: () => refuseMissing(backend),
    onWrong: () => output.warn("wrong password, try again"),
  };
  const repository = await openWithPassword(opening.wish, ask, (password) =>
    openRepository(backend, {
      password,
      keyHint,
      early,
      onDerive,
      ...cache,
      stateDirectory: stateDirectory(environment),
      locking: lockSettings(context),
      signal,
    }),
  );
  tidyCaches(context, cache.cacheDirectory);
  warnOfExpiredKey(context, repository);
  return repository;
}

/** Nobody should have to type a password for a place where there is nothing. */
async function refuseMissing(backend: Backend): Promise<void> {
  if (await hasConfig(backend)) return;
  throw new TsbakError(
    "no-repository",
    `Cannot open repository ${backend.location}: there is none; check the location, or run "tsbak init" to create one`,
  );
}

/** True if there is a repository. */
export async function hasConfig(backend: Backend): Promise<boolean> {
  try {
    await backend.stat(CONFIG_REF);
    return true;
  } catch (error) {
    if (isTsbakError(error, "not-found")) return false;
    throw error;
  }
}

async function findLocation(
  flags: { readonly repo?: string | undefined; readonly file?: string | undefined },
  context: Context,
  prefix = "",
): Promise<string> {
  if (flags.repo !== undefined && flags.file !== undefined) {
    throw badLocation("a location and a file with one were given; give one of them");
  }
  const names = [`${prefix}REPOSITORY`, `${prefix}REPOSITORY_FILE`] as const;
  const isGiven = flags.repo !== undefined || flags.file !== undefined;
  const found = isGiven ? undefined : firstSetting(context.environment, names);
  const file = flags.file ?? (found?.name === names[1] ? found.value : undefined);
  const location = flags.repo ?? (file === undefined ? found?.value : await readLocation(file));
  if (location) return location;
  const flag = prefix === "" ? "-r" : "--from-repo";
  throw badLocation(`nobody said where it is; use ${flag} or set TSBAK_${prefix}REPOSITORY`);
}

async function readLocation(path: string): Promise<string> {
  try {
    return decodeTextFile(await readFile(path)).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "is not there" : `cannot be read (${code})`;
    throw badLocation(`the file ${path} that should name it ${reason}; check the path`, error);
  }
}

function badLocation(reason: string, cause?: unknown): TsbakError {
  return new TsbakError("invalid-argument", `Cannot find the repository: ${reason}`, { cause });
}

/** Before version 0.14 restic named the other repository's variables with a 2 at the end. */
function withOldFromNames(environment: Context["environment"]): Context["environment"] {
  const old: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(environment)) {
    const match = /^RESTIC_([A-Z_]+)2$/.exec(name);
    if (match !== null) old[`RESTIC_FROM_${match[1]}`] = value;
  }
  return { ...old, ...environment };
}
