import type { CallOptions } from "../backend/backend.ts";
import { TsbakError } from "../errors.ts";
import type { Repository } from "./repository.ts";

/**
 * Remove a key file: its password opens the repository no longer. To be called under an exclusive lock.
 *
 * @throws {TsbakError} `invalid-argument` for the key with which the repository was opened: the last one could be lost so.
 */
export async function removeKey(
  repository: Repository,
  name: string,
  options?: CallOptions,
): Promise<void> {
  if (name === repository.keyId) {
    throw new TsbakError(
      "invalid-argument",
      `Cannot remove key ${name.slice(0, 8)}: it is in use; open the repository with another password`,
    );
  }
  await repository.backend.remove({ kind: "key", name }, options);
}
