import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  findMigrations,
  restoreConfig,
  StateFolder,
  stateDirectory,
  TsbakError,
  upgradeRepository,
  type Repository,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { openNamedBackend, openNamedRepository, passwordWish } from "../open-repository.ts";
import { openWithPassword } from "../password.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `migrate`. */
export interface MigrateFlags {
  readonly restoreConfig?: string;
}

const KNOWN = "upgrade_repo_v2";
const COPY = "config-before-upgrade";

/** `migrate`: list the migrations that there are for a repository, or apply those that are named. */
export async function runMigrate(
  context: Context,
  names: readonly string[],
  flags: MigrateFlags,
): Promise<ExitCode> {
  const { output } = context;
  if (flags.restoreConfig !== undefined) return putConfigBack(context, flags.restoreConfig);
  const unknown = names.find((name) => name !== KNOWN);
  if (unknown !== undefined) {
    throw badArguments(`there is no migration "${unknown}"; run "tsbak migrate" for a list`);
  }
  // What is really stored is to be verified.
  const repository = await openNamedRepository(context, { cache: false });
  const migrations = findMigrations(repository);
  if (names.length === 0) {
    output.say("available migrations:");
    for (const { name, description } of migrations) output.say(`  ${name}\t${description}`);
    if (migrations.length === 0) output.say("no migrations found");
    output.message({ message_type: "migrations", migrations });
  } else if (migrations.length === 0) {
    const reason = `repository is already upgraded to version ${repository.version}`;
    output.warn(`migration ${KNOWN} cannot be applied: ${reason}`);
  } else {
    await withLock(context, repository, { exclusive: true }, (signal) =>
      upgrade(context, repository, signal),
    );
  }
  return EXIT.ok;
}

async function upgrade(
  context: Context,
  repository: Repository,
  signal: AbortSignal,
): Promise<void> {
  const { output, environment } = context;
  const base = stateDirectory(environment);
  const state = new StateFolder(base, repository.id);
  const path = join(base, repository.id, COPY);
  output.say("checking repository integrity...");
  try {
    await upgradeRepository(repository, {
      signal,
      onVerified: () => output.say(`applying migration ${KNOWN}...`),
      keepCopy: (sealed) => {
        state.write(COPY, sealed);
        output.say(`a copy of the config is in ${path} until this is done`);
        output.flush();
      },
      dropCopy: () => state.remove(COPY),
    });
  } catch (error) {
    if (state.read(COPY) !== undefined) output.warn(`the copy of the config is in ${path}`);
    throw error;
  }
  output.say(`migration ${KNOWN}: success`);
  output.message({ message_type: "summary", applied: [KNOWN] });
}

/** For a repository that lost its config, be it because a migration was killed. */
async function putConfigBack(context: Context, file: string): Promise<ExitCode> {
  const sealed = await readCopy(file);
  const backend = await openNamedBackend(context);
  const { signal, output } = context;
  const ask = {
    terminal: { input: process.stdin, output: process.stderr },
    signal,
    beforeAsking: () => Promise.resolve(),
    onWrong: () => output.warn("wrong password, try again"),
  };
  await openWithPassword(passwordWish(context), ask, (password) =>
    restoreConfig(backend, sealed, password, { signal }),
  );
  output.say(`the config is back; run "tsbak verify"`);
  return EXIT.ok;
}

async function readCopy(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw badArguments(`the copy ${file} cannot be read (${code})`, error);
  }
}

function badArguments(reason: string, cause?: unknown): TsbakError {
  return new TsbakError("invalid-argument", `Cannot migrate: ${reason}`, { cause });
}
