/**
 * How a new repository takes the place of an old one in a local folder, such that after a crash at any instant one of them is
 * complete under the location, or `finishSwitch` puts it there:
 *
 *   (1) `repo.new` is filled.
 *   (2) It becomes `repo.complete`: what has this name is all there.
 *   (3) `repo` becomes `repo.old-ID`.
 *   (4) `repo.complete` becomes `repo`.
 *
 * @module
 */
import { realpathSync, statSync } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { TsbakError } from "@tsbak/core";
import { localError } from "./local-error.ts";

/** Where the folders of one switch are. */
export interface FolderSwitch {
  /** Where the repository is, links resolved. */
  readonly place: string;
  /** Where the new one is made. */
  readonly filling: string;
  /** True if a new one was complete and is in its place now: nothing is left to be done. */
  readonly wasFinished: boolean;
}

/**
 * Plan a switch, and take up one that was begun.
 *
 * @throws {TsbakError} `invalid-argument` if the folder cannot change its name because something is mounted there.
 */
export async function planSwitch(folder: string): Promise<FolderSwitch> {
  const place = resolved(folder);
  const wasFinished = await finishSwitch(place);
  const device = statSync(place, { throwIfNoEntry: false })?.dev;
  if (device !== undefined && device !== statSync(dirname(place)).dev) {
    throw new TsbakError(
      "invalid-argument",
      `Cannot put another repository in the place of ${place}: a file system is mounted there; name a location for the new one with --to`,
    );
  }
  return { place, filling: `${place}.new`, wasFinished };
}

/**
 * After a crash: bring a new repository that is complete to the place if that is free; else go back to filling it, since something may
 * have been added to the old one. True if it is in its place.
 */
async function finishSwitch(place: string): Promise<boolean> {
  if (!isThere(`${place}.complete`)) return false;
  const isFree = !isThere(place);
  await move(`${place}.complete`, isFree ? place : `${place}.new`);
  return isFree;
}

/**
 * Put the new repository, which is complete and of which nobody holds a lock, in the old one's place. Gives where the old one is then.
 *
 * @throws {TsbakError} if a folder cannot change its name; then the old one is in its place.
 */
export async function switchFolders(
  { place, filling }: FolderSwitch,
  oldId: string,
): Promise<string> {
  const complete = `${place}.complete`;
  const old = `${place}.old-${oldId.slice(0, 8)}`;
  if (isThere(old)) throw standsInTheWay(old);
  await move(filling, complete);
  try {
    await move(place, old);
  } catch (error) {
    await move(complete, filling);
    throw error;
  }
  await move(complete, place);
  return old;
}

async function move(from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to);
    const parent = await fs.open(dirname(to), "r");
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
  } catch (error) {
    throw localError(error, `Cannot rename ${from} to ${to}`);
  }
}

/** Where a link leads, so that the link stays. The folder itself may be gone for the moment. */
function resolved(folder: string): string {
  const path = resolve(folder);
  if (isThere(path)) return realpathSync(path);
  return isThere(dirname(path)) ? join(realpathSync(dirname(path)), basename(path)) : path;
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function standsInTheWay(path: string): TsbakError {
  return new TsbakError(
    "already-exists",
    `Cannot put the new repository in its place: ${path} is there already; move it elsewhere`,
  );
}
