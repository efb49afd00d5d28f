import { CONFIG_REF, type Backend, type CallOptions } from "../../backend/backend.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { decodeConfig } from "../../format/config.ts";
import type { Repository } from "../../repository/repository.ts";
import { WRITE_ORDER, type Listing } from "./listing.ts";

/**
 * What the config at the target says: the same repository, or the same with an earlier version of the format; or there is none, or one
 * that does not open. That is another repository's, or a damaged one of ours, which `refuseStrangers` finds out.
 */
export type TargetState = "same" | "older" | "no-config" | "damaged-config";

/**
 * Find out whether a place is the mirror of a repository. Its config is sealed with the master key: whatever opens with that, and has
 * the same id, is the same repository.
 *
 * @throws {TsbakError} `already-exists` if it has another id.
 */
export async function identifyTarget(
  source: Repository,
  target: Backend,
  options: CallOptions,
): Promise<TargetState> {
  const sealed = await readConfig(target, options);
  if (sealed === undefined) return "no-config";
  const plain = tryOpen(source, sealed);
  if (plain === undefined) return "damaged-config";
  const { id, version } = decodeConfig(plain);
  if (id !== source.id) throw anotherRepository(target);
  return version < source.version ? "older" : "same";
}

/**
 * Where no config says so: be sure that what is there, if anything, is of the same repository. Files are named by what is in
 * them, so no two repositories have one in common.
 *
 * @throws {TsbakError} `already-exists` if it is not.
 */
export function refuseStrangers(
  target: Backend,
  state: TargetState,
  files: { readonly source: Listing; readonly target: Listing },
): void {
  const isEmpty = WRITE_ORDER.every((kind) => files.target[kind].size === 0);
  if (state === "no-config" && isEmpty) return;
  const isOurs = WRITE_ORDER.some((kind) =>
    [...files.target[kind].keys()].some((name) => files.source[kind].has(name)),
  );
  if (!isOurs) throw anotherRepository(target);
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

function anotherRepository(target: Backend): TsbakError {
  return new TsbakError(
    "already-exists",
    `Cannot mirror to ${target.location}: there is another repository, or files of one; use another location, or "tsbak copy" to add snapshots to a repository that is not the same`,
  );
}
