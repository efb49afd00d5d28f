/**
 * Keep a second place of a repository, file by file: the same keys, the same config, the same packs.
 *
 *   (1) What refers to something is written after it (packs, index, snapshots) and deleted before it, so that whatever is at the
 *       target is complete at any instant.
 *   (2) Every file that is copied is compared with its name, which is its hash.
 *   (3) What only the target has stays there unless it is to be deleted, and then only if nothing is wrong with either side.
 *   (4) The source is locked against a prune. So is the target, before it is listed and when nobody else is there: a prune that has
 *       almost ended removes packs under a shared lock. While files are deleted there it is locked exclusively.
 *
 * @module
 */
import type { Backend, CallOptions } from "../../backend/backend.ts";
import { describeFile } from "../../backend/layout.ts";
import { TsbakError } from "../../errors.ts";
import type { LockWaiting } from "../../repository/locks.ts";
import { Repository } from "../../repository/repository.ts";
import type { Retention } from "../forget/apply-retention.ts";
import { copyFiles, seedTarget } from "./copy-files.ts";
import { deleteStrays, strayFiles } from "./delete-strays.ts";
import { healFiles } from "./heal-files.ts";
import { identifyTarget, refuseStrangers, type TargetState } from "./identify-target.ts";
import { MirroredSnapshots } from "./keep-snapshots.ts";
import { findLacking } from "./lacking-packs.ts";
import { listFiles, WRITE_ORDER, type Listing } from "./listing.ts";
import { MirrorLocks } from "./mirror-locks.ts";
import { MirrorLog } from "./mirror-log.ts";
import type { MirrorEvent, MirrorReport } from "./mirror-report.ts";
import type { MirrorRun } from "./mirror-run.ts";
import { PlannedTarget } from "./planned-target.ts";
import { listFinished } from "./replace-file.ts";
import { retirePacks, type Sides } from "./retire-packs.ts";

/** How to mirror. */
export interface MirrorOptions extends CallOptions {
  /** Delete on the target what the source does not have. */
  readonly delete?: boolean | undefined;
  /**
   * What the target keeps, instead of `delete`. Snapshots that it would not keep are not copied, and those that it keeps no longer are
   * forgotten there, unless anything is wrong with either side.
   */
  readonly retention?: Retention | undefined;
  /** With `retention`: delete packs that only the target has and nothing there needs. */
  readonly prune?: boolean | undefined;
  /** Let that delete the last snapshot there. */
  readonly allowRemoveAll?: boolean | undefined;
  /** Read everything on both sides, and replace what is damaged by the other side's copy. */
  readonly heal?: boolean | undefined;
  /** Only tell what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Take no lock of the source: for one that cannot be written to. A prune there at the same time makes it fail. */
  readonly noLock?: boolean | undefined;
  /** See `LockOptions`; for both places. */
  readonly lock?: LockWaiting | undefined;
  readonly onEvent?: ((event: MirrorEvent) => void) | undefined;
}

/**
 * Bring the target up to the source, which is opened without a cache. What is wrong with single files is in the report.
 *
 * @throws {TsbakError} `already-exists` if another repository is at the target; `locked`; `corrupt` if the target's config is damaged
 * and shall not be healed; `invalid-argument` if both are the same place, or the target would lose all snapshots; `interrupted`.
 */
export async function mirror(
  source: Repository,
  target: Backend,
  options: MirrorOptions = {},
): Promise<MirrorReport> {
  if (source.backend.location === target.location) throw samePlace(target);
  if (options.retention !== undefined && options.delete === true) throw bothWays();
  const locks = new MirrorLocks(source, target, options);
  try {
    if (options.noLock !== true) await locks.lockSource();
    const report = await run(source, locks, options);
    await locks.confirm();
    return report;
  } catch (error) {
    throw locks.lossOr(error);
  } finally {
    await locks.release();
  }
}

async function run(
  source: Repository,
  locks: MirrorLocks,
  options: MirrorOptions,
): Promise<MirrorReport> {
  const isDry = options.dryRun === true;
  const { target } = locks;
  const planned = isDry ? new PlannedTarget(target, source.backend) : undefined;
  const parts: MirrorRun = {
    source,
    target: planned ?? target,
    mirror: planned === undefined ? locks.repository : sameRepository(source, planned),
    log: new MirrorLog(options.onEvent),
    isDry,
    call: { signal: locks.signal },
    concurrency: Math.max(1, Math.min(source.backend.connections, target.connections)),
  };
  const state = await identifyTarget(source, target, parts.call);
  if (state !== "same") await prepare(parts, state, options.heal === true);
  await locks.lockTarget();
  const files = await listSides(parts);
  const { retention } = options;
  const snapshots = retention && new MirroredSnapshots(parts, retention);
  parts.log.unwanted = (await snapshots?.findUnwanted()) ?? [];
  const missing = without(strayFiles(files.source, files.target), parts.log.unwanted);
  await copyFiles(parts, missing);
  planned?.bring(missing);
  await setRight(parts, files, options);
  if (snapshots !== undefined) await forget(parts, locks, snapshots, options.prune === true);
  else if (options.delete === true && parts.log.problems.length === 0) {
    await locks.excludeFromTarget();
    const now = await listAgain(parts);
    await deleteStrays(parts, now.target, now.source, options.allowRemoveAll === true);
  } else noteStrays(parts.log, files);
  return parts.log;
}

/** The repository of these keys at another place. */
function sameRepository(source: Repository, backend: Backend): Repository {
  const { config, masterKey, keyId, zstd } = source;
  return new Repository({ backend, config, masterKey, keyId, zstd });
}

function without(files: Listing, snapshots: readonly string[]): Listing {
  const left = new Map(files.snapshot);
  for (const id of snapshots) left.delete(id);
  return { ...files, snapshot: left };
}

/** Nobody is kept out if there is nothing to do. */
async function forget(
  parts: MirrorRun,
  locks: MirrorLocks,
  snapshots: MirroredSnapshots,
  mayPrune: boolean,
): Promise<void> {
  const { log } = parts;
  if (log.problems.length === 0) {
    const isIdle = (await snapshots.plan()).every(({ remove }) => remove.length === 0);
    if (!isIdle || mayPrune) await locks.excludeFromTarget();
    log.retention = await snapshots.apply();
    if (mayPrune) await retirePacks(parts, await listAgain(parts));
  }
  noteStrays(log, await listAgain(parts));
}

/** The target first: what somebody else has mirrored meanwhile is in the source's listing then. */
async function listAgain({ source, target, call }: MirrorRun): Promise<Sides> {
  const atTarget = await listFiles(target, call);
  return { target: atTarget, source: await listFiles(source.backend, call) };
}

/** What is listed before a lock of the target is held is good for nothing else. */
async function prepare(parts: MirrorRun, state: TargetState, mayHeal: boolean): Promise<void> {
  const { target } = parts;
  const files = await listSides(parts);
  if (state !== "older") refuseStrangers(target, state, files);
  if (state === "damaged-config" && !mayHeal) throw damagedConfig(target);
  await seedTarget(parts, strayFiles(files.source, files.target));
}

async function listSides({ source, target, isDry, call }: MirrorRun): Promise<Sides> {
  const atTarget = await listFiles(target, call);
  return {
    target: atTarget,
    source: await listFinished(source.backend, atTarget, !isDry, call),
  };
}

async function setRight(parts: MirrorRun, files: Sides, options: MirrorOptions): Promise<void> {
  if (options.heal === true) await healFiles(parts, files);
  else noteDifferences(parts, files);
  if (options.heal === true || options.delete === true || options.prune === true) {
    await findLacking(parts, files, options.heal === true);
  }
}

function noteDifferences({ log }: MirrorRun, { source, target }: Sides): void {
  for (const kind of WRITE_ORDER) {
    for (const [name, size] of target[kind]) {
      const other = source[kind].get(name) ?? size;
      if (other === size) continue;
      const file = { kind, name } as const;
      const message = `${describeFile(file)} has ${other} bytes in the source and ${size} in the target; run it again with --heal`;
      log.problem("differs", undefined, file, message);
    }
  }
}

function noteStrays(log: MirrorLog, { source, target }: Sides): void {
  const strays = strayFiles(target, source);
  log.onlyOnTarget = WRITE_ORDER.reduce((sum, kind) => sum + strays[kind].size, 0);
  log.snapshotsOnlyOnTarget = [...strays.snapshot.keys()];
}

function samePlace(target: Backend): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot mirror to ${target.location}: that is where the repository is; name another location with -r`,
  );
}

function bothWays(): TsbakError {
  return new TsbakError(
    "invalid-argument",
    "Cannot mirror: --delete keeps at the target what the source has, --keep-* what the policy says; use one of them",
  );
}

function damagedConfig(target: Backend): TsbakError {
  return new TsbakError(
    "corrupt",
    `Cannot mirror to ${target.location}: its config is damaged; run it again with --heal`,
  );
}
