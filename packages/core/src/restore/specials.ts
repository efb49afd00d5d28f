import type { RootedDirectory } from "../fs/rooted.ts";
import { describeFailure } from "./describe-failure.ts";
import { metadataAt } from "./entry-table.ts";
import type { RestorePlan, Special } from "./plan.ts";
import type { RestoreProgress } from "./progress.ts";

/**
 * Make symlinks, devices and fifos, then the further names of files. They come after all contents, so that none of them
 * is there while files are written.
 */
export function restoreSpecials(
  plan: RestorePlan,
  root: RootedDirectory,
  progress: RestoreProgress,
): void {
  for (const special of plan.specialNodes) restoreSpecial(special, plan, root, progress);
  for (const { entry, file } of plan.hardLinks) restoreLink(entry, file, plan, root, progress);
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
      progress.error(plan.path(specials, entry), `a ${type} cannot be created on this system`);
      return;
    }
    const isGivenAcl = root.givesAcl && directory.length === 0 && type !== "symlink";
    const attributes = specials.attributes.get(entry) ?? (isGivenAcl ? [] : undefined);
    const metadata = { ...metadataAt(specials.numbers, entry), attributes };
    const isSymlink = type === "symlink";
    if (!root.setMetadata(directory, name, metadata, { isSymlink })) progress.attributesRefused();
    progress.done("other", 0, () => plan.path(specials, entry));
  } catch (error) {
    progress.error(plan.path(specials, entry), describeFailure(error));
  }
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
  entry: number,
  file: number,
  plan: RestorePlan,
  root: RootedDirectory,
  progress: RestoreProgress,
): void {
  const { links, files, directories } = plan;
  const path = plan.path(links, entry);
  if (plan.failedFiles.has(file)) {
    progress.error(path, "another name of the same file could not be restored");
    return;
  }
  try {
    root.link(
      directories.path(files.directory(file)),
      files.name(file),
      directories.path(links.directory(entry)),
      links.name(entry),
    );
    progress.done("file", 0, () => path);
  } catch (error) {
    progress.error(path, describeFailure(error));
  }
}
