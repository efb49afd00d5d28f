import {
  addKey,
  currentOwner,
  findByPrefix,
  isTsbakError,
  loadKeyFile,
  removeKey,
  type OpenedKey,
  type Repository,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatLocalTime, printable } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { askNewPassword, type NewPasswordFlags } from "../new-password.ts";
import { formatTable } from "../table.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `key add` and `key passwd`. */
export interface NewKeyFlags extends NewPasswordFlags {
  readonly user?: string;
  readonly host?: string;
}

interface KeyLine {
  readonly current: boolean;
  readonly id: string;
  readonly userName: string;
  readonly hostName: string;
  readonly created: string;
}

/** `key list`. */
export async function runKeyList(context: Context): Promise<ExitCode> {
  const repository = await openNamedRepository(context);
  const keys = await withLock(context, repository, { readOnly: true }, (signal) =>
    loadKeys(context, repository, signal),
  );
  const { output } = context;
  if (output.json) output.print(JSON.stringify(keys));
  else for (const line of keyTable(keys)) output.print(line);
  return EXIT.ok;
}

/** `key add`. */
export async function runKeyAdd(
  context: Context,
  _args: readonly string[],
  flags: NewKeyFlags,
): Promise<ExitCode> {
  const repository = await openNamedRepository(context);
  const password = await askNewPassword(context, flags);
  const key = await withLock(context, repository, {}, () => saveKey(repository, password, flags));
  context.output.say(`saved new key with ID ${key.keyId}`);
  return EXIT.ok;
}

/** `key passwd`: the new key is stored and tested before the old one goes. */
export async function runKeyPasswd(
  context: Context,
  _args: readonly string[],
  flags: NewKeyFlags,
): Promise<ExitCode> {
  const repository = await openNamedRepository(context);
  const password = await askNewPassword(context, flags);
  const key = await withLock(context, repository, { exclusive: true }, async () => {
    const added = await saveKey(repository, password, flags);
    await repository.backend.remove({ kind: "key", name: repository.keyId });
    return added;
  });
  context.output.say(`saved new key as ${key.keyId}`);
  return EXIT.ok;
}

/** `key remove`. */
export async function runKeyRemove(context: Context, args: readonly string[]): Promise<ExitCode> {
  const repository = await openNamedRepository(context);
  const name = await withLock(context, repository, { exclusive: true }, async (signal) => {
    const names = await repository.listNames("key", { signal });
    const found = findByPrefix(names, args[0] ?? "", "key");
    await removeKey(repository, found, { signal });
    return found;
  });
  context.output.say(`removed key ${name}`);
  return EXIT.ok;
}

function saveKey(repository: Repository, password: string, flags: NewKeyFlags): Promise<OpenedKey> {
  const owner = currentOwner();
  return addKey(
    repository.backend,
    password,
    {
      created: owner.created,
      username: flags.user ?? owner.username,
      hostname: flags.host ?? owner.hostname,
    },
    repository.masterKey,
  );
}

/** A key file that cannot be read is told and left out: the others must still be listed. */
async function loadKeys(
  context: Context,
  repository: Repository,
  signal: AbortSignal,
): Promise<KeyLine[]> {
  const keys: KeyLine[] = [];
  for (const id of (await repository.listNames("key", { signal })).sort()) {
    try {
      const file = await loadKeyFile(repository.backend, id, { signal });
      const created = formatLocalTime(file.created);
      const current = id === repository.keyId;
      keys.push({ current, id, userName: file.username, hostName: file.hostname, created });
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "unsupported")) throw error;
      context.output.warn(`${id.slice(0, 8)}: ${error.message}`);
    }
  }
  return keys;
}

function keyTable(keys: readonly KeyLine[]): string[] {
  const columns = [" ID", "User", "Host", "Created"].map((title) => ({ title }));
  const rows = keys.map(({ current, id, userName, hostName, created }) => [
    [`${current ? "*" : " "}${id.slice(0, 8)}`],
    [printable(userName)],
    [printable(hostName)],
    [created],
  ]);
  return formatTable(columns, rows);
}
