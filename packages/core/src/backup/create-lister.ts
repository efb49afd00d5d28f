import { compilePatterns } from "../fs/filter.ts";
import { OwnerNames } from "../fs/owners.ts";
import type { SharedIndexView } from "../repository/blob-index.ts";
import { DirectoryLister } from "./directory-lister.ts";
import type { ListingSetup } from "./protocol.ts";
import { Selection } from "./select.ts";

/** What decides which entries are saved, made from what can be posted to a thread. */
export function createSelection(setup: ListingSetup): Selection {
  return new Selection({
    patternLists: setup.patterns
      .map(({ patterns, ignoreCase }) => compilePatterns(patterns, { ignoreCase }))
      .filter((list) => !list.isEmpty),
    oneFileSystem: setup.oneFileSystem,
    cacheDirectory: setup.cacheDirectory,
  });
}

/** A lister for the calling thread. */
export function createLister(index: SharedIndexView, setup: ListingSetup): DirectoryLister {
  return new DirectoryLister({
    index,
    selection: createSelection(setup),
    metadata: { withAtime: setup.withAtime, owners: new OwnerNames() },
    ignoreInode: setup.ignoreInode,
    ignoreCtime: setup.ignoreCtime,
    reportItems: setup.reportItems,
  });
}
