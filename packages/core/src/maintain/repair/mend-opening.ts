import { CONFIG_REF, type Backend, type CallOptions, type FileRef } from "../../backend/backend.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { decodeKeyFile } from "../../format/key-file.ts";
import { Repository } from "../../repository/repository.ts";
import { withExclusiveLock, type ExclusiveOptions } from "./exclusive-lock.ts";
import { mirroredFiles } from "./raw-source.ts";
import type { KeepAside } from "./repair-packs.ts";

/** Files of each kind that are tried until one proves that two repositories have the same keys. */
const TRIED_FILES = 10;

/** What keeps a repository from being opened, and can be taken from its mirror. */
export interface OpeningRepair {
  /** The config, and keys; none if nothing is wrong with them. */
  readonly files: readonly FileRef[];
  /** Put them in place under an exclusive lock. Of damaged files a copy is kept before. */
  apply(options: ExclusiveOptions & { readonly keepAside: KeepAside }): Promise<void>;
}

/**
 * Look for what is wrong with the config and the keys of a repository that does not open, with a mirror at hand: a repository of the same
 * keys. A key that only the mirror has may have been removed here on purpose: it is taken only if no sound one is left.
 *
 * @throws {TsbakError} `invalid-argument` if the other repository is no mirror.
 */
export async function planOpening(
  backend: Backend,
  mirror: Repository,
  call: CallOptions = {},
): Promise<OpeningRepair> {
  // The same keys and config, so that it can be locked and read before it can be opened.
  const repository = new Repository({ ...mirror, cache: undefined, backend });
  const hasConfig = await opens(repository, CONFIG_REF, call);
  if (!hasConfig && !(await hasSameKeys(repository, call))) throw noMirror(mirror);
  const files = [
    ...(hasConfig ? [] : [CONFIG_REF]),
    ...(await keysToMend(repository, mirror, call)),
  ];
  return {
    files,
    apply: ({ keepAside, ...options }) =>
      withExclusiveLock(repository, options, async (held) => {
        for (const ref of files) await replace(repository, mirror, ref, keepAside, held);
      }),
  };
}

async function hasSameKeys(repository: Repository, call: CallOptions): Promise<boolean> {
  for (const kind of ["snapshot", "index"] as const) {
    const names = await repository.listNames(kind, call);
    for (const name of names.slice(0, TRIED_FILES)) {
      if (await opens(repository, { kind, name }, call)) return true;
    }
  }
  return false;
}

/** True if the file is there and was sealed with the key of the repository. */
async function opens(
  { backend, opener }: Repository,
  ref: FileRef,
  call: CallOptions,
): Promise<boolean> {
  try {
    opener.open(await backend.read(ref, undefined, call));
    return true;
  } catch (error) {
    if (isTsbakError(error, "corrupt") || isTsbakError(error, "not-found")) return false;
    throw error;
  }
}

async function keysToMend(
  repository: Repository,
  mirror: Repository,
  call: CallOptions,
): Promise<FileRef[]> {
  const ours = await repository.listNames("key", call);
  const sound = new Set<string>();
  for (const name of ours) if (await isSoundKey(repository.backend, name, call)) sound.add(name);
  const theirs = await mirror.listNames("key", call);
  const isWanted = (name: string): boolean => sound.size === 0 || ours.includes(name);
  return theirs
    .filter((name) => !sound.has(name) && isWanted(name))
    .map((name) => ({ kind: "key", name }));
}

async function isSoundKey(backend: Backend, name: string, call: CallOptions): Promise<boolean> {
  try {
    const bytes = await backend.read({ kind: "key", name }, undefined, call);
    decodeKeyFile(bytes);
    return sha256Hex(bytes) === name;
  } catch (error) {
    if (isTsbakError(error, "corrupt") || isTsbakError(error, "unsupported")) return false;
    throw error;
  }
}

async function replace(
  { backend }: Repository,
  mirror: Repository,
  ref: FileRef,
  keepAside: KeepAside,
  call: CallOptions,
): Promise<void> {
  const copy =
    ref.kind === "config"
      ? await mirror.backend.read(ref, undefined, call)
      : await mirroredFiles(mirror).read(ref, call);
  // Damaged there as well.
  if (copy === undefined) return;
  try {
    await keepAside(ref, await backend.read(ref, undefined, call));
  } catch (error) {
    if (!isTsbakError(error, "not-found")) throw error;
  }
  await backend.remove(ref, call);
  await backend.write(ref, copy, call);
}

function noMirror({ backend }: Repository): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot repair the config: ${backend.location} has other keys and is no mirror of this repository; name one that was copied file by file`,
  );
}
