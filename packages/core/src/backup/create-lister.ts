import { compilePatterns } from "../fs/filter.ts";
import { statxMask } from "../fs/own-attributes.ts";
import { OwnerNames } from "../fs/owners.ts";
import { loadPosix } from "../fs/posix.ts";
import type { SharedIndexView } from "../repository/shared-index.ts";
import type { BlobOpener } from "../repository/read-blob.ts";
import { SharedTreeReader } from "../repository/tree-packs.ts";
import { DirectoryLister } from "./directory-lister.ts";
import { Explorer } from "./explorer.ts";
import { NodeMatcher } from "./node-matcher.ts";
import type { ListingSetup } from "./protocol.ts";
import { Selection } from "./select.ts";

/** What decides which entries are saved, made from what can be posted to a thread. */
export function createSelection(setup: ListingSetup): Selection {
  return new Selection({
    patternLists: setup.patterns
      .map(({ patterns, ...options }) => compilePatterns(patterns, options))
      .filter((list) => !list.isEmpty),
    oneFileSystem: setup.oneFileSystem,
    cacheDirectory: setup.cacheDirectory,
    tagFiles: setup.tagFiles,
    ignoreFileNames: setup.ignoreFileNames,
    largestSize: setup.largestSize,
  });
}

/** A lister for the calling thread. */
export function createLister(index: SharedIndexView, setup: ListingSetup): DirectoryLister {
  return new DirectoryLister({
    index,
    selection: createSelection(setup),
    metadata: { ...setup, owners: new OwnerNames() },
    ignoreInode: setup.ignoreInode,
    ignoreCtime: setup.ignoreCtime,
    reportItems: setup.reportItems,
  });
}

/** What a worker thread looks at directories with. */
export function createExplorer(
  index: SharedIndexView,
  setup: ListingSetup,
  opener: BlobOpener,
): Explorer {
  return new Explorer({
    lister: createLister(index, setup),
    matcher: new NodeMatcher({ ...setup, index, owners: new OwnerNames() }),
    states: setup.reportItems ? undefined : loadPosix()?.entryStates(statxMask(setup)),
    trees: new SharedTreeReader(index, opener),
    selection: createSelection(setup),
  });
}
