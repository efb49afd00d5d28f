import { CONFIG_REF, type Backend, type CallOptions } from "../../backend/backend.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { decodeConfig } from "../../format/config.ts";
import type { Repository } from "../../repository/repository.ts";
import { WRITE_ORDER, type Listing } from "./listing.ts";

/**
 * What is at the target: nothing, the same repository, the same with a config of an earlier version of the format, or
 * files of it without a config (a mirror was interrupted) or with a damaged one.
 */
export type TargetState = "empty" | "same" | "older" | "no-config" | "damaged-config";

/**
 * Find out whether a place is fit to be the mirror of a repository. Its config is sealed with the master key: whatever opens with
 * that, and has the same id, is the same repository.
 *
 * @throws {TsbakError} `already-exists` if another repository is there, or files of one.
 */
export async function identifyTarget(
  source: Repository,
  target: Backend,
  files: { readonly source: Listing; readonly target: Listing },
  options: CallOptions,
): Promise<TargetState> {
  const sealed = await readConfig(target, options);
  if (sealed === undefined) {
    if (WRITE_ORDER.every((kind) => files.target[kind].size === 0)) return "empty";
    if (haveCommonFile(files.source, files.target)) return "no-config";
    throw anotherRepository(target);
  }
  const plain = tryOpen(source, sealed);
  if (plain === undefined) {
    if (haveCommonFile(files.source, files.target)) return "damaged-config";
    throw anotherRepository(target);
  }
  const { id, version } = decodeConfig(plain);
  if (id !== source.id) throw anotherRepository(target);
  return version < source.version ? "older" : "same";
}

async function readConfig(backend: Backend, options: CallOptions): Promise<Uint8Array | undefined> {
  try {
    return await backend.read(CONFIG_REF, undefined, options);
  } catch (error) {
    if (isTsbakError(error, "not-found")) return undefined;
    throw error;
  }
}

/** Undefined if it is damaged, or sealed with another key. */
function tryOpen({ opener }: Repository, sealed: Uint8Array): Uint8Array | undefined {
  try {
    return opener.tryOpen(sealed);
  } catch (error) {
    if (isTsbakError(error, "corrupt")) return undefined;
    throw error;
  }
}

/** Files are named by what is in them, so no two repositories have one in common. */
function haveCommonFile(a: Listing, b: Listing): boolean {
  return WRITE_ORDER.some((kind) => {
    for (const name of b[kind].keys()) if (a[kind].has(name)) return true;
    return false;
  });
}

function anotherRepository(target: Backend): TsbakError {
  return new TsbakError(
    "already-exists",
    `Cannot mirror to ${target.location}: there is another repository, or files of one; use another location, or "tsbak copy" to add snapshots to a repository that is not the same`,
  );
}
