import type { CallOptions } from "../../backend/backend.ts";
import { TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import {
  byTime,
  findByPrefix,
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
  if (names.includes("latest")) wanted.add(latest(read, filter));
  const snapshots =
    names.length === 0
      ? read.filter(({ snapshot }) => matchesFilter(snapshot, filter))
      : read.filter(({ id }) => wanted.has(id));
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

function latest(snapshots: readonly SnapshotEntry[], filter: SnapshotFilter): string {
  const fitting = snapshots.filter(({ snapshot }) => matchesFilter(snapshot, filter));
  const newest = fitting.sort(byTime).at(-1);
  if (newest !== undefined) return newest.id;
  throw new TsbakError(
    "not-found",
    `Cannot find snapshot "latest": no snapshot fits the filter; see "tsbak snapshots"`,
  );
}
