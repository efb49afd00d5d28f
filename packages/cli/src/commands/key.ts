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
import { noteKey, readKeyNotes } from "../key-notes.ts";
import { openNamedRepository } from "../open-repository.ts";
import { askNewPassword, type NewPasswordFlags } from "../new-password.ts";
import { formatTable } from "../table.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `key add` and `key passwd`. */
export interface NewKeyFlags extends NewPasswordFlags {
  readonly user?: string;
  readonly host?: string;
  readonly label?: string;
  /** RFC 3339. */
  readonly expires?: string;
}

interface KeyLine {
  readonly current: boolean;
  readonly id: string;
  readonly userName: string;
  readonly hostName: string;
  readonly created: string;
  readonly label?: string | undefined;
  readonly expires?: string | undefined;
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
  noteKey(context, repository, key.keyId, { label: flags.label, expires: flags.expires });
  context.output.say(`saved new key with ID ${key.keyId}`);
  return EXIT.ok;
}

/**
 * `key passwd`: the new key is stored and tested before the old one goes. It keeps the label, but not the expiry: that was the old
 * password's.
 */
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
  const before = readKeyNotes(context, repository).get(repository.keyId);
  const label = flags.label ?? before?.label;
  noteKey(context, repository, key.keyId, { label, expires: flags.expires });
  noteKey(context, repository, repository.keyId, {});
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
  noteKey(context, repository, name, {});
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
  const notes = readKeyNotes(context, repository);
  for (const id of (await repository.listNames("key", { signal })).sort()) {
    try {
      const file = await loadKeyFile(repository.backend, id, { signal });
      const created = formatLocalTime(file.created);
      const current = id === repository.keyId;
      const { label, expires: end } = notes.get(id) ?? {};
      const expires = end === undefined ? undefined : formatLocalTime(end);
      const owner = { userName: file.username, hostName: file.hostname };
      keys.push({ current, id, ...owner, created, label, expires });
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "unsupported")) throw error;
      context.output.warn(`${id.slice(0, 8)}: ${error.message}`);
    }
  }
  return keys;
}

function keyTable(keys: readonly KeyLine[]): string[] {
  // As restic's, unless there is more to tell.
  const isNoted = keys.some(({ label, expires }) => label !== undefined || expires !== undefined);
  const titles = [" ID", "User", "Host", "Created", ...(isNoted ? ["Label", "Expires"] : [])];
  const rows = keys.map(({ current, id, userName, hostName, created, label, expires }) => [
    [`${current ? "*" : " "}${id.slice(0, 8)}`],
    [printable(userName)],
    [printable(hostName)],
    [created],
    ...(isNoted ? [[printable(label ?? "")], [expires ?? ""]] : []),
  ]);
  return formatTable(
    titles.map((title) => ({ title })),
    rows,
  );
}
