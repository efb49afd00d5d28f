import { Breath } from "../async/breath.ts";
import { throwIfAborted } from "../async/interrupted.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import { isSystemError } from "../fs/system-error.ts";
import { describeFailure } from "./describe-failure.ts";
import { metadataAt } from "./entry-table.ts";
import type { Overwrite } from "./protocol.ts";
import type { HardLink, RestorePlan, Special } from "./restore-plan.ts";
import { leaveStanding } from "./leave-standing.ts";
import type { RestoreProgress } from "./progress.ts";

/** What making them needs. */
export interface SpecialContext {
  readonly plan: RestorePlan;
  readonly progress: RestoreProgress;
  readonly overwrite: Overwrite;
  readonly signal: AbortSignal;
}

/** In milliseconds: so long whatever else is under way waits. */
const TURN_MS = 5;

/**
 * Make symlinks, devices and fifos, then the further names of everything. They come after all contents, so that none of them
 * is there while files are written.
 *
 * @throws {TsbakError} `interrupted`.
 */
export async function restoreSpecials(
  { plan, progress, overwrite, signal }: SpecialContext,
  root: RootedDirectory,
): Promise<void> {
  const breath = new Breath(TURN_MS);
  const pause = async (): Promise<void> => {
    await breath.take();
    throwIfAborted(signal);
  };
  // What was begun just now gets under way.
  await new Promise((resolve) => setImmediate(resolve));
  for (const special of plan.specialNodes) {
    await pause();
    if (leaveStanding("other", plan.specials, special.entry, { plan, root, progress, overwrite })) {
      continue;
    }
    restoreSpecial(special, plan, root, progress);
  }
  for (const link of plan.hardLinks) {
    await pause();
    const type = link.kind === "file" ? "link" : "other";
    if (leaveStanding(type, plan.links, link.entry, { plan, root, progress, overwrite })) continue;
    restoreLink(link, plan, root, progress);
  }
}

function restoreSpecial(
  special: Special,
  plan: RestorePlan,
  root: RootedDirectory,
  progress: RestoreProgress,
): void {
  const { entry, type } = special;
  const { specials, directories } = plan;
  const directory = directories.path(specials.directory(entry));
  const name = specials.name(entry);
  try {
    if (!makeSpecial(special, directory, name, root)) {
      plan.failedSpecials.add(entry);
      progress.error(plan.path(specials, entry), `a ${type} cannot be created on this system`);
      return;
    }
    const isGivenAcl = root.givesAcl && directory.length === 0 && type !== "symlink";
    const attributes = specials.attributes.get(entry) ?? (isGivenAcl ? [] : undefined);
    const metadata = { ...metadataAt(specials.numbers, entry), attributes };
    const isSymlink = type === "symlink";
    progress.refused(root.setMetadata(directory, name, metadata, { isSymlink }));
    progress.done("other", 0, () => plan.path(specials, entry));
  } catch (error) {
    plan.failedSpecials.add(entry);
    const path = plan.path(specials, entry);
    if (isDevice(type) && isForbidden(error)) progress.deviceRefused(path);
    else progress.error(path, describeFailure(error));
  }
}

function isDevice(type: Special["type"]): boolean {
  return type === "dev" || type === "chardev";
}

function isForbidden(error: unknown): boolean {
  return isSystemError(error) && error.code === "EPERM";
}

/** False for what this system has no way to make. */
function makeSpecial(
  { type, linkTarget, device }: Special,
  directory: Uint8Array,
  name: Uint8Array,
  root: RootedDirectory,
): boolean {
  if (type !== "symlink") return root.makeNode(directory, name, type, device);
  root.symlink(directory, name, linkTarget ?? new Uint8Array(0));
  return true;
}

function restoreLink(
  { entry, kind, first }: HardLink,
  plan: RestorePlan,
  root: RootedDirectory,
  progress: RestoreProgress,
): void {
  const { links, directories } = plan;
  const [table, failed] =
    kind === "file" ? [plan.files, plan.failedFiles] : [plan.specials, plan.failedSpecials];
  const path = plan.path(links, entry);
  if (failed.has(first)) {
    progress.error(path, "another name of the same file could not be restored");
    return;
  }
  try {
    root.link(
      directories.path(table.directory(first)),
      table.name(first),
      directories.path(links.directory(entry)),
      links.name(entry),
    );
    progress.done(kind === "file" ? "link" : "other", 0, () => path);
  } catch (error) {
    progress.error(path, describeFailure(error));
  }
}
