import type { RootedDirectory } from "../fs/rooted.ts";
import {
  compareFiles,
  type CompareContext,
  type CompareRule,
  type FoundFile,
} from "./compare-files.ts";
import { ENTRY, ENTRY_NUMBERS, STANDING, type Standing } from "./entry-table.ts";
import type { RestoreProgress } from "./progress.ts";
import { FOUND } from "./protocol.ts";
import { temporaryName } from "./temporary-names.ts";

/** What settling needs. */
export interface SettleContext extends CompareContext {
  /** Undefined if the target is not there. */
  readonly root: RootedDirectory | undefined;
  readonly progress: RestoreProgress;
}

/**
 * A changed file of up to so many bytes is put together under a temporary name and replaces the old one at once; in a larger one
 * only what differs is written.
 */
export const LARGEST_REPLACED: number = 16 << 20;

/** With less free on the disk, in bytes, there may be no room beside the old files: then all that can be are changed where they are. */
const ENOUGH_ROOM = 1 << 30;

/**
 * Find out what files hold that stand where files are to be restored, and decide what is done about each. What of their contents is
 * right needs not be fetched.
 */
export async function settleStanding(rule: CompareRule, context: SettleContext): Promise<void> {
  const { plan, progress } = context;
  if (plan.standingFiles.length === 0) return;
  const hasRoom = (context.root?.freeSpace() ?? 0) >= ENOUGH_ROOM;
  const settling: Settling = { ...context, namesOf: linksByFile(context), hasRoom };
  await compareFiles(plan.standingFiles, rule, context, {
    onBlob: (use, isThere) => {
      plan.uses.setSatisfied(use, isThere);
      progress.lookingAt(() => plan.path(plan.files, plan.uses.files[use] as number));
    },
    onFile: (file, found) => settle(file, found, settling),
    onFailure: (file, { of, message, refused }) => {
      if (of === "refused") progress.refused(refused ?? 0);
      else progress.error(plan.path(plan.files, file), message);
    },
  });
}

interface Settling extends SettleContext {
  /** The further names of each file, as numbers in `RestorePlan.links`. */
  readonly namesOf: ReadonlyMap<number, readonly number[]>;
  /** The disk has room for new files beside the old ones. */
  readonly hasRoom: boolean;
}

function settle(file: number, found: FoundFile, context: Settling): void {
  if (found.found === FOUND.nothing) return;
  if (found.found === FOUND.kept) return leave(file, STANDING.kept, context);
  if (found.found === FOUND.finished) return leave(file, STANDING.same, context);
  const matched = countMatches(file, context);
  if (context.plan.files.temporaryNames.has(file)) return goOn(file, found, matched, context);
  const { first, end } = context.plan.files.usesOf(file);
  const isSame = found.found !== FOUND.otherSize && matched === end - first;
  if (isSame && (found.links === 1 || areAllNamesOurs(file, found, context))) {
    const standing = found.links === 1 ? STANDING.same : STANDING.shared;
    return keepContents(file, standing, context);
  }
  change(file, found, end - first - matched, context);
}

/** An interrupted restore left parts of the file. If they are our own, what is missing is added. */
function goOn(file: number, found: FoundFile, matched: number, { plan }: SettleContext): void {
  const parted = plan.partedFiles.get(file);
  const isOwn = found.links === 1 && found.owner === (process.geteuid?.() ?? found.owner);
  if (parted === undefined || !isOwn) return satisfy(file, false, plan);
  plan.files.setStanding(file, STANDING.continued);
  parted.remaining -= matched;
  if (parted.remaining === 0) plan.readyFiles.push(file);
}

/** Nothing more is done about the file. */
function leave(file: number, standing: Standing, { plan, progress }: SettleContext): void {
  satisfy(file, true, plan);
  plan.files.setStanding(file, standing);
  countUnchanged(file, plan);
  progress.unchanged("file", plan.files.size(file), () => plan.path(plan.files, file));
}

function keepContents(file: number, standing: Standing, { plan }: SettleContext): void {
  satisfy(file, true, plan);
  plan.files.setStanding(file, standing);
  plan.sameFiles.push(file);
  countUnchanged(file, plan);
}

function change(file: number, found: FoundFile, missing: number, context: Settling): void {
  const { plan } = context;
  const parted = plan.partedFiles.get(file);
  const isUpdated = parted !== undefined && canBeUpdated(file, found, context);
  plan.files.setStanding(file, isUpdated ? STANDING.updated : STANDING.replaced);
  if (parted === undefined) return satisfy(file, false, plan);
  if (!isUpdated) plan.files.temporaryNames.set(file, temporaryName());
  parted.remaining = missing;
  if (missing === 0) plan.readyFiles.push(file);
}

/**
 * Not a file that has other names, which may lie outside the target or in other snapshots' copies, nor one of somebody else, who
 * could have it open.
 */
function canBeUpdated(file: number, found: FoundFile, { plan, hasRoom }: Settling): boolean {
  if (found.links !== 1 || (hasRoom && plan.files.size(file) <= LARGEST_REPLACED)) return false;
  const self = process.geteuid?.() ?? 0;
  const owner = plan.files.numbers[file * ENTRY_NUMBERS + ENTRY.uid] as number;
  return found.owner === owner || (self !== 0 && found.owner === self);
}

/** Whether each name of a standing file is one that the restore gives to it: none lies elsewhere. */
function areAllNamesOurs(
  file: number,
  found: FoundFile,
  { plan, root, namesOf }: Settling,
): boolean {
  const { files, links, directories } = plan;
  const others = namesOf.get(file) ?? [];
  if (found.links !== others.length + 1) return false;
  const first = root?.stat(directories.path(files.directory(file)), files.name(file));
  return others.every((link) => {
    try {
      const state = root?.stat(directories.path(links.directory(link)), links.name(link));
      return state?.inode === first?.inode && state?.deviceId === first?.deviceId;
    } catch {
      // Its directory could not be made.
      return false;
    }
  });
}

function linksByFile({ plan }: SettleContext): Map<number, number[]> {
  const links = new Map<number, number[]>();
  for (const { kind, first, entry } of plan.hardLinks) {
    if (kind !== "file") continue;
    const others = links.get(first);
    if (others === undefined) links.set(first, [entry]);
    else others.push(entry);
  }
  return links;
}

function countMatches(file: number, { plan }: SettleContext): number {
  const { first, end } = plan.files.usesOf(file);
  let count = 0;
  for (let use = first; use < end; use++) if (plan.uses.isSatisfied(use)) count++;
  return count;
}

function satisfy(file: number, isSatisfied: boolean, plan: SettleContext["plan"]): void {
  const { first, end } = plan.files.usesOf(file);
  for (let use = first; use < end; use++) plan.uses.setSatisfied(use, isSatisfied);
}

function countUnchanged(file: number, plan: SettleContext["plan"]): void {
  plan.partedFiles.delete(file);
  plan.unchangedFiles++;
  plan.bytes -= plan.files.size(file);
}
