import { throwIfAborted } from "../async/interrupted.ts";
import { CONFIG_REF, type Backend, type CallOptions } from "../backend/backend.ts";
import { equalBytes } from "../bytes/compare.ts";
import { Opener } from "../crypto/opener.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import { decodeConfig } from "../format/config.ts";
import { openKey } from "./keys.ts";

/**
 * Put another sealed config in the place of the one there is. A store that can replace files has one of the two at any instant.
 * On others the old one has to go first: killed between, the repository has none, and cannot be opened until `restoreConfig`
 * has put one back; whoever calls this has a copy. A failure there brings the old one back if it can.
 *
 * @throws {TsbakError} `unavailable` if the store failed; what it has is in the message.
 */
export async function replaceConfig(
  backend: Backend,
  before: Uint8Array,
  after: Uint8Array,
  options: CallOptions = {},
): Promise<void> {
  throwIfAborted(options.signal);
  // From here on nobody may interrupt.
  if (await replacedAtOnce(backend, after)) return;
  await backend.remove(CONFIG_REF);
  try {
    await backend.write(CONFIG_REF, after);
  } catch (error) {
    if (await hasConfig(backend, after)) return;
    throw await bringBack(backend, before, error);
  }
}

/** False if the store cannot do that; then it is as it was. */
async function replacedAtOnce(backend: Backend, after: Uint8Array): Promise<boolean> {
  if (backend.replace === undefined) return false;
  try {
    await backend.replace(CONFIG_REF, after);
    return true;
  } catch (error) {
    if (isTsbakError(error, "unsupported")) return false;
    if (await hasConfig(backend, after)) return true;
    throw error;
  }
}

/** Gives the error to throw. */
async function bringBack(backend: Backend, before: Uint8Array, cause: unknown): Promise<unknown> {
  await backend.write(CONFIG_REF, before).catch(() => undefined);
  const outcome = (await hasConfig(backend, before))
    ? "the old one is back in its place"
    : "the repository has none now; put the copy back";
  return new TsbakError(
    "unavailable",
    `Cannot write the new config: the store failed; ${outcome}`,
    {
      cause,
    },
  );
}

async function hasConfig(backend: Backend, bytes: Uint8Array): Promise<boolean> {
  try {
    return equalBytes(await backend.read(CONFIG_REF), bytes);
  } catch {
    return false;
  }
}

/**
 * Put a copy of the config back into a repository that has none.
 *
 * @throws {TsbakError} `already-exists` if there is a config, `wrong-password`, `corrupt` if the copy is not one of this repository.
 */
export async function restoreConfig(
  backend: Backend,
  sealed: Uint8Array,
  password: string,
  options: CallOptions = {},
): Promise<void> {
  const { masterKey } = await openKey(backend, password, options);
  try {
    decodeConfig(new Opener(masterKey).open(sealed));
  } catch (error) {
    if (!isTsbakError(error, "corrupt")) throw error;
    throw new TsbakError(
      "corrupt",
      "Cannot put the config back: the copy is damaged, or of another repository; find the right one",
      { cause: error },
    );
  }
  await backend.write(CONFIG_REF, sealed, options);
}
