/**
 * What is read of a repository before and beside its packs. A distant store takes its time for each request, so what need not wait
 * for another is asked for at once, and packs wait for the index and their own listing only.
 *
 * @module
 */
import type { CallOptions, FileInfo } from "../../backend/backend.ts";
import { haveSameNames } from "../../repository/load-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { surveyIndex, type IndexSurvey } from "../../repository/survey-index.ts";
import { checkKeys, checkLocks } from "./check-files.ts";
import { chooseSnapshots, type ChosenSnapshots, type SnapshotChoice } from "./choose-snapshots.ts";
import { Findings } from "./findings.ts";

/** What the index files say that were read before there was a lock. */
export interface EarlySurvey {
  readonly names: readonly string[];
  readonly survey: IndexSurvey;
}

/** Take up what was asked for while the key was derived, if it was. It counts where the same files are listed again. */
export async function surveyEarly(
  repository: Repository,
  { signal }: CallOptions,
): Promise<EarlySurvey | undefined> {
  const names = await repository.early?.indexNames();
  return names && { names, survey: await surveyIndex(repository, { names, signal }) };
}

/** How to read. */
export interface SmallFilesOptions extends CallOptions {
  /** Nobody else writes to the repository. */
  readonly isLocked: boolean;
  readonly surveyed: Promise<EarlySurvey | undefined>;
  /** Which snapshots are read; an empty choice leaves none out. */
  readonly choice: SnapshotChoice;
}

/** All files but packs, while they are read. The caller awaits both, whatever fails. */
export interface SmallFiles {
  readonly index: Promise<{ readonly survey: IndexSurvey; readonly listing: readonly FileInfo[] }>;
  readonly others: Promise<ChosenSnapshots & { readonly problems: Findings }>;
}

/** Begin to read all files but packs. */
export async function readSmallFiles(
  repository: Repository,
  { isLocked, surveyed, choice, signal }: SmallFilesOptions,
): Promise<SmallFiles> {
  const call = { signal };
  const listings = await startListing(repository, isLocked, call);
  const survey = surveyFiles(repository, listings.index, surveyed, call);
  const others = readOthers(repository, listings.snapshots, choice, call);
  // Whoever stops before these are awaited has been told of a failure.
  others.catch(() => undefined);
  return { index: withListing(survey, listings.packs), others };
}

async function withListing(
  surveying: Promise<IndexSurvey>,
  listingPacks: Promise<readonly FileInfo[]>,
): SmallFiles["index"] {
  // If one fails, none is left behind.
  await Promise.allSettled([surveying, listingPacks]);
  return { survey: await surveying, listing: await listingPacks };
}

async function surveyFiles(
  repository: Repository,
  listing: Promise<readonly string[]>,
  surveyed: Promise<EarlySurvey | undefined>,
  call: CallOptions,
): Promise<IndexSurvey> {
  await Promise.allSettled([listing, surveyed]);
  const [names, early] = [await listing, await surveyed];
  const isKnown = early !== undefined && haveSameNames(names, early.names);
  return isKnown ? early.survey : surveyIndex(repository, { ...call, names });
}

async function readOthers(
  repository: Repository,
  listing: Promise<readonly string[]>,
  choice: SnapshotChoice,
  call: CallOptions,
): SmallFiles["others"] {
  // Each on its own, so that problems come in the same order whatever is faster.
  const parts = [new Findings(), new Findings(), new Findings()] as const;
  const works = [
    listing.then((names) => chooseSnapshots(repository, names, choice, parts[0], call)),
    checkKeys(repository, parts[1], call),
    checkLocks(repository, parts[2], call),
  ] as const;
  await Promise.allSettled(works);
  const [chosen] = await Promise.all(works);
  const problems = new Findings();
  for (const part of parts) problems.add(part);
  return { ...chosen, problems };
}

interface Listings {
  readonly snapshots: Promise<readonly string[]>;
  readonly index: Promise<readonly string[]>;
  readonly packs: Promise<readonly FileInfo[]>;
}

/** Those that need others are listed before these; but under an exclusive lock nobody adds any, and what is waited for goes first. */
async function startListing(
  repository: Repository,
  isLocked: boolean,
  call: CallOptions,
): Promise<Listings> {
  const listSnapshots = (): Promise<string[]> => repository.listNames("snapshot", call);
  const before = isLocked ? undefined : await listSnapshots();
  const index = repository.listNames("index", call);
  if (!isLocked) await index;
  const packs = listPacks(repository, call);
  return { index, packs, snapshots: before ? Promise.resolve(before) : listSnapshots() };
}

async function listPacks({ backend }: Repository, call: CallOptions): Promise<FileInfo[]> {
  const files: FileInfo[] = [];
  for await (const file of backend.list("pack", call)) files.push(file);
  return files;
}
