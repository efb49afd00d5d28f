/**
 * What a store must do, tried out. Each check throws `Shortcoming` for what it does not do.
 *
 * @module
 */
import { forEachConcurrent } from "../../async/map-concurrent.ts";
import { sleep } from "../../async/sleep.ts";
import type { ByteRange, FileInfo, FileRef } from "../../backend/backend.ts";
import { equalBytes } from "../../bytes/compare.ts";
import { isTsbakError } from "../../errors.ts";
import type { CheckName, CheckOutcome } from "./assessment.ts";
import type { ScratchFile, ScratchFiles } from "./scratch-files.ts";

/** What a check can be told. */
export interface CheckSettings {
  /** How long something is awaited that should be so at once, in milliseconds. */
  readonly patienceMs: number;
  /** How many files `many-files` writes. */
  readonly fileCount: number;
}

/** How a store falls short, in words for people. */
export class Shortcoming extends Error {
  readonly outcome: Exclude<CheckOutcome, "passed">;

  constructor(finding: string, outcome: Exclude<CheckOutcome, "passed"> = "failed") {
    super(finding);
    this.outcome = outcome;
  }
}

type Check = (files: ScratchFiles, settings: CheckSettings) => Promise<void>;

/** All checks in their order, and what it means for backups if one fails. */
export const CHECKS: readonly {
  readonly name: CheckName;
  readonly run: Check;
  readonly meaning: string;
}[] = [
  {
    name: "write-and-read",
    run: checkWriteAndRead,
    meaning: "what is backed up here cannot be relied on to come back",
  },
  {
    name: "visible-at-once",
    run: checkVisibility,
    meaning:
      "locks of other machines, and new packs and snapshots, may be overlooked: a prune could remove what a backup just wrote",
  },
  {
    name: "whole-or-absent",
    run: checkWholeness,
    meaning: "somebody who reads while a backup writes may take half a file for a damaged one",
  },
  {
    name: "create-only",
    run: checkCreateOnly,
    meaning:
      "a file can be replaced unnoticed: a second init would overwrite the repository's config, and all backups would be lost",
  },
  {
    name: "one-winner",
    run: checkOneWinner,
    meaning:
      "two machines that run init at the same moment may both believe that they made the repository; backups are safe, as their files are named by their contents",
  },
  {
    name: "ranges",
    run: checkRanges,
    meaning: "restores read parts of packs and would get the wrong bytes, or fail",
  },
  {
    name: "empty-file",
    run: checkEmptyFile,
    meaning: "a backup does not need empty files, but a store that loses them may lose others",
  },
  {
    name: "missing-file",
    run: checkMissingFile,
    meaning: "tsbak cannot tell an empty location from a broken one",
  },
  {
    name: "removal",
    run: checkRemoval,
    meaning:
      "locks would stay and stand in the way of prune, and prune would free no space; on a store that only appends that is intended for all but locks",
  },
  {
    name: "many-files",
    run: checkManyFiles,
    meaning: "files that a listing leaves out are taken for lost; repositories have thousands",
  },
];

async function checkWriteAndRead(files: ScratchFiles): Promise<void> {
  const file = await files.create(100_000);
  await expectContents(files, file);
  const { size } = await files.backend.stat(file.ref, { signal: files.signal });
  if (size !== 100_000)
    throw new Shortcoming(`a file of 100000 bytes is said to have ${size} bytes`);
}

async function checkVisibility(files: ScratchFiles, settings: CheckSettings): Promise<void> {
  const delays: number[] = [];
  for (let round = 0; round < 3; round++) {
    const { ref } = await files.create(1000);
    delays.push(
      await delayUntil(files, settings, "a new file is not listed", (listed) => has(listed, ref)),
    );
  }
  const longest = Math.max(...delays);
  if (longest > 0) throw new Shortcoming(`a new file is listed only after ${seconds(longest)}`);
}

/** Looks at a file again and again while it is written. */
async function checkWholeness(files: ScratchFiles): Promise<void> {
  const file = files.invent(4 << 20);
  let isWritten = false;
  const writing = files.write(file).finally(() => (isWritten = true));
  const watching = (async () => {
    while (!isWritten) {
      const size = await sizeOf(files, file.ref);
      if (size !== undefined && size !== file.bytes.length)
        throw new Shortcoming(
          `while a file of ${file.bytes.length} bytes was written, it was there with ${size}`,
        );
      await sleep(5, files.signal);
    }
  })();
  const [wrote, watched] = await Promise.allSettled([writing, watching]);
  if (wrote.status === "rejected") throw wrote.reason;
  if (watched.status === "rejected") throw watched.reason;
  await expectContents(files, file);
}

async function checkCreateOnly(files: ScratchFiles): Promise<void> {
  const file = await files.create(1000);
  if (await isCreated(files, file))
    throw new Shortcoming("writing a file that is there succeeds instead of being refused");
  await expectContents(files, file);
}

async function checkOneWinner(files: ScratchFiles): Promise<void> {
  const file = files.invent(50_000);
  const results = await Promise.all(Array.from({ length: 5 }, () => isCreated(files, file)));
  await expectContents(files, file);
  const winners = results.filter(Boolean).length;
  if (winners === 1) return;
  if (winners === 0) throw new Shortcoming("of 5 writers of one new file none succeeded");
  throw new Shortcoming(
    `of 5 writers of one file at the same time ${winners} succeeded`,
    "limited",
  );
}

async function checkRanges(files: ScratchFiles): Promise<void> {
  const { ref, bytes } = await files.create(100_000);
  const { length } = bytes;
  const edges: readonly (readonly [offset: number, length: number])[] = [
    [0, 1],
    [0, length],
    [length - 1, 1],
    [1, length - 1],
    [65_535, 2],
    [4096, 4096],
  ];
  for (const [offset, count] of edges) {
    const range = { offset, length: count };
    const part = await files.backend.read(ref, range, { signal: files.signal });
    if (!equalBytes(part, bytes.subarray(offset, offset + count)))
      throw new Shortcoming(`${describeRange(range)} of ${length} are not what was written`);
  }
  for (const range of [
    { offset: length - 1, length: 2 },
    { offset: length, length: 1 },
    { offset: length + 1000, length: 10 },
  ])
    await expectNoRange(files, ref, range);
}

async function expectNoRange(files: ScratchFiles, ref: FileRef, range: ByteRange): Promise<void> {
  try {
    await files.backend.read(ref, range, { signal: files.signal });
  } catch (error) {
    if (isTsbakError(error, "corrupt")) return;
    throw error;
  }
  throw new Shortcoming(`${describeRange(range)} can be read, which lie beyond the end`);
}

async function checkEmptyFile(files: ScratchFiles): Promise<void> {
  const file = await files.create(0);
  await expectContents(files, file);
  if ((await sizeOf(files, file.ref)) !== 0)
    throw new Shortcoming("an empty file is not there, or not empty");
  await files.remove(file.ref);
}

async function checkMissingFile(files: ScratchFiles): Promise<void> {
  const { ref } = files.invent(100);
  if ((await sizeOf(files, ref)) !== undefined)
    throw new Shortcoming("a file that was never written has a size");
  await expectMissing(files, ref, "a file that was never written can be read");
}

async function checkRemoval(files: ScratchFiles, settings: CheckSettings): Promise<void> {
  const file = await files.create(1000);
  // What was never listed could not be seen to vanish.
  await delayUntil(files, settings, "a new file is not listed", (listed) => has(listed, file.ref));
  await files.remove(file.ref);
  await expectMissing(files, file.ref, "a file can be read after it was removed");
  const delay = await delayUntil(
    files,
    settings,
    "a removed file is still listed",
    (listed) => !has(listed, file.ref),
  );
  if (delay > 0)
    throw new Shortcoming(`a removed file is listed for another ${seconds(delay)}`, "limited");
  // What is gone already is removed once more after a confirmation was lost.
  await files.remove(file.ref);
  await files.write(file);
  await expectContents(files, file);
}

async function checkManyFiles(files: ScratchFiles, settings: CheckSettings): Promise<void> {
  const options = { concurrency: files.backend.connections, signal: files.signal };
  const many = Array.from({ length: settings.fileCount }, (_, at) => files.invent(32 + (at % 16)));
  await forEachConcurrent(many, (file) => files.write(file), options);
  const listed = await files.list();
  const sizes = new Map(listed.map(({ name, size }) => [name, size]));
  if (sizes.size !== listed.length)
    throw new Shortcoming(
      `${listed.length - sizes.size} of ${listed.length} names are listed twice`,
    );
  const missing = many.filter(({ ref }) => !sizes.has(ref.name)).length;
  if (missing > 0) throw new Shortcoming(`${missing} of ${many.length} files are not listed`);
  const wrong = many.filter(({ ref, bytes }) => sizes.get(ref.name) !== bytes.length).length;
  if (wrong > 0)
    throw new Shortcoming(`${wrong} of ${many.length} files are listed with a wrong size`);
  await forEachConcurrent(many, ({ ref }) => files.remove(ref), options);
}

/** False if the store refuses because the file is there. */
async function isCreated(files: ScratchFiles, file: ScratchFile): Promise<boolean> {
  try {
    await files.write(file);
    return true;
  } catch (error) {
    if (isTsbakError(error, "already-exists")) return false;
    throw error;
  }
}

async function expectContents(files: ScratchFiles, { ref, bytes }: ScratchFile): Promise<void> {
  let stored: Uint8Array;
  try {
    stored = await files.backend.read(ref, undefined, { signal: files.signal });
  } catch (error) {
    if (!isTsbakError(error, "not-found")) throw error;
    throw new Shortcoming("a file is not there right after it was written");
  }
  if (!equalBytes(stored, bytes))
    throw new Shortcoming(
      `of ${bytes.length} bytes written, ${stored.length} came back that are not the same`,
    );
}

async function expectMissing(files: ScratchFiles, ref: FileRef, finding: string): Promise<void> {
  try {
    await files.backend.read(ref, undefined, { signal: files.signal });
  } catch (error) {
    if (isTsbakError(error, "not-found")) return;
    throw error;
  }
  throw new Shortcoming(finding);
}

async function sizeOf(files: ScratchFiles, ref: FileRef): Promise<number | undefined> {
  try {
    return (await files.backend.stat(ref, { signal: files.signal })).size;
  } catch (error) {
    if (isTsbakError(error, "not-found")) return undefined;
    throw error;
  }
}

/** How many milliseconds it takes until the first listing pleases; 0 if the first one does. */
async function delayUntil(
  files: ScratchFiles,
  { patienceMs }: CheckSettings,
  finding: string,
  pleases: (listed: readonly FileInfo[]) => boolean,
): Promise<number> {
  const started = performance.now();
  if (pleases(await files.list())) return 0;
  do {
    await sleep(Math.min(50, patienceMs / 10), files.signal);
    if (pleases(await files.list())) return performance.now() - started;
  } while (performance.now() - started < patienceMs);
  throw new Shortcoming(`${finding}, even after ${seconds(patienceMs)}`);
}

function has(listed: readonly FileInfo[], ref: FileRef): boolean {
  return listed.some(({ name }) => name === ref.name);
}

function describeRange({ offset, length }: ByteRange): string {
  return `bytes ${offset} to ${offset + length - 1}`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
