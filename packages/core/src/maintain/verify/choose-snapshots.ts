import type { CallOptions } from "../../backend/backend.ts";
import { TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import {
  findByPrefix,
  latestOf,
  matchesFilter,
  type SnapshotEntry,
  type SnapshotFilter,
} from "../../repository/snapshots.ts";
import { checkSnapshots } from "./check-files.ts";
import type { Findings } from "./findings.ts";

/** Which snapshots are verified. */
export interface SnapshotChoice {
  /** `latest`, ids, or the beginnings of ids; all that fit the filter if there are none. */
  readonly names?: readonly string[] | undefined;
  /** Applies to `latest`, and if nothing is named. */
  readonly filter?: SnapshotFilter | undefined;
}

/** Snapshots that can be read. */
export interface ChosenSnapshots {
  readonly snapshots: readonly SnapshotEntry[];
  /** How many others are listed. */
  readonly leftOut: number;
}

/**
 * Read the snapshots that were chosen; damaged ones are noted. Where the choice depends on what is in them, all are read.
 *
 * @throws {TsbakError} `not-found` or `invalid-argument` for a name that does not mean one snapshot.
 */
export async function chooseSnapshots(
  repository: Repository,
  listed: readonly string[],
  { names = [], filter = {} }: SnapshotChoice,
  findings: Findings,
  call: CallOptions,
): Promise<ChosenSnapshots> {
  const wanted = new Set(
    names.filter((name) => name !== "latest").map((name) => idOf(name, listed)),
  );
  const needsAll = names.length === 0 || names.includes("latest");
  const ids = needsAll ? listed : [...wanted];
  const read = await checkSnapshots(repository, ids, findings, call);
  const fitting = read.filter(({ snapshot }) => matchesFilter(snapshot, filter));
  if (names.includes("latest")) wanted.add(latestOf(fitting).id);
  const snapshots = names.length === 0 ? fitting : read.filter(({ id }) => wanted.has(id));
  const chosen = names.length === 0 ? snapshots.length : wanted.size;
  return { snapshots, leftOut: (names.length === 0 ? read : listed).length - chosen };
}

function idOf(name: string, listed: readonly string[]): string {
  if (!name.includes(":")) return findByPrefix(listed, name, "snapshot");
  throw new TsbakError(
    "invalid-argument",
    `Cannot verify ${JSON.stringify(name)}: only whole snapshots can be verified; leave out the folder`,
  );
}
