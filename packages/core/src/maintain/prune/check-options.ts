import { TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import type { PruneOptions } from "./prune-options.ts";

/** @throws {TsbakError} `invalid-argument` for wishes that contradict each other or the repository. */
export function checkOptions({ version, id }: Repository, options: PruneOptions): void {
  const { repackSmallerThan = 0, packSize = 16 << 20, recoverNoFreeSpace = id } = options;
  let reason: string | undefined;
  if (recoverNoFreeSpace !== id) {
    reason = `the id ${recoverNoFreeSpace} is not that of the repository, which is ${id}`;
  }
  if (options.repackUncompressed === true && version < 2) {
    reason = "a repository of version 1 has nothing compressed; migrate it to version 2 first";
  } else if (options.repackUncompressed === true && options.compression === "off") {
    reason = "nothing can be compressed while compression is off; choose one of the two";
  } else if (repackSmallerThan > packSize) {
    reason = "new packs would be small as well; choose a limit below the pack size";
  } else if (options.noLock === true && options.dryRun !== true) {
    reason = "without a lock only a dry run is possible";
  }
  if (reason !== undefined) throw new TsbakError("invalid-argument", `Cannot prune: ${reason}`);
}
