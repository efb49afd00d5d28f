import { isId, KIND_FOLDERS } from "@tsbak/core";

/** Folders are searched to this depth below that of packs: one folder too many, or a repository in another one. */
export const SEARCHED_DEPTH = 4;

/** True for a file that has the name of a pack and lies where no pack of that name is looked for. `folder` is below the repository. */
export function isMisplaced(folder: string, name: string): boolean {
  return isId(name) && folder !== `${KIND_FOLDERS.pack}/${name.slice(0, 2)}`;
}
