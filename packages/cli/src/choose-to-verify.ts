import { TsbakError, type SnapshotChoice } from "@tsbak/core";
import type { Context } from "./context.ts";
import type { FilterFlags } from "./options.ts";
import { snapshotFilter } from "./snapshot-filter.ts";

/**
 * The snapshots that are to be verified; undefined for all of the repository.
 *
 * @throws {TsbakError} `invalid-argument` for a filter of snapshots that are named, as restic's check refuses it.
 */
export function chooseToVerify(
  { output, environment }: Context,
  ids: readonly string[],
  flags: FilterFlags,
): SnapshotChoice | undefined {
  const isFiltered = [flags.host, flags.tag, flags.path].some((flag) => flag !== undefined);
  if (ids.length > 0 && isFiltered && !ids.includes("latest")) {
    throw new TsbakError(
      "invalid-argument",
      "Cannot verify: snapshots are named, so that no filter applies; leave out --host, --tag and --path",
    );
  }
  const filter = snapshotFilter(flags, environment);
  const { hosts = [], tagLists = [], paths = [] } = filter;
  if (ids.length === 0 && hosts.length + tagLists.length + paths.length === 0) return undefined;
  if (ids.length === 0 && !isFiltered) {
    // Nobody who relies on a verification should overlook it.
    output.say(`only snapshots of ${hosts.join(", ")} are checked, as the environment says`);
  }
  return { names: ids, filter };
}
