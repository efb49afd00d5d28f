import { hostname, userInfo } from "node:os";
import { throwIfAborted } from "../../async/interrupted.ts";
import { bareNodeHead } from "../../format/bare-node.ts";
import type { Node } from "../../format/node.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { formatTime } from "../../format/time.ts";
import { encodeTree } from "../../format/tree.ts";
import { localNow } from "../../fs/local-time.ts";
import { toPathBytes } from "../../fs/path.ts";
import type { Repository } from "../../repository/repository.ts";
import { listSnapshots, saveSnapshot, type SnapshotEntry } from "../../repository/snapshots.ts";
import { TreeStore, type TreeStoreOptions } from "../../repository/tree-store.ts";
import { findOrphans, type OrphanOptions, type Orphans } from "./find-orphans.ts";
import { indexUnknownPacks, type UnknownPackOptions } from "./index-unknown-packs.ts";

/** How lost snapshots are looked for. */
export interface RecoverOptions extends TreeStoreOptions, OrphanOptions {
  /** Of the new snapshot; this machine's if absent. */
  readonly hostname?: string | undefined;
  readonly programVersion?: string | undefined;
  readonly onDamagedPack?: UnknownPackOptions["onDamaged"];
}

/** What was found. */
export interface RecoverSummary extends Orphans {
  /** Packs that no index named; now one does. */
  readonly newPacks: number;
  /** Undefined if there was nothing to recover. */
  readonly snapshot: SnapshotEntry | undefined;
}

/** Go's bit for a directory, and rwxr-xr-x. */
const DIRECTORY_MODE = 0x80000000 + 0o755;

/**
 * Gather the folders to which nothing refers, such as the roots of forgotten snapshots, in one new snapshot with the path `/recover` and the tag
 * `recovered`: a folder for each, named by the first digits of its id. Nothing is removed. Call it under an exclusive lock: what a
 * backup is about to store refers to nothing yet.
 */
export async function recover(
  repository: Repository,
  options: RecoverOptions = {},
): Promise<RecoverSummary> {
  // The root of a snapshot that cannot be read is as good as forgotten.
  const lenient = { signal: options.signal, onDamaged: () => undefined };
  const snapshots = await listSnapshots(repository, {}, lenient);
  const index = await repository.loadIndex(options);
  const onDamaged = options.onDamagedPack;
  const newPacks = await indexUnknownPacks(repository, index, { ...options, onDamaged });
  const used = snapshots.map(({ snapshot }) => snapshot.tree);
  const orphans = await findOrphans(repository, index, used, options);
  if (orphans.roots.length === 0) return { ...orphans, newPacks, snapshot: undefined };
  const store = new TreeStore(repository, index, options);
  const time = formatTime(localNow());
  const tree = store.save(encodeTree(rootNodes(orphans.roots, time)));
  await store.finish();
  throwIfAborted(options.signal);
  const snapshot = await saveSnapshot(repository, describeSnapshot(tree, time, options));
  return { ...orphans, newPacks, snapshot };
}

/** One directory for each root, in the order of their names. */
function rootNodes(roots: readonly string[], time: string): Node[] {
  const shortName = (id: string | undefined): string => id?.slice(0, 8) ?? "";
  const isShared = (id: string, at: number): boolean =>
    [roots[at - 1], roots[at + 1]].some((other) => shortName(other) === shortName(id));
  return roots.map((id, at) => {
    const name = toPathBytes(isShared(id, at) ? id : shortName(id));
    const head = bareNodeHead({ name, type: "dir", mode: DIRECTORY_MODE }, time);
    return { ...head, content: null, subtree: id, error: "", extra: {} };
  });
}

function describeSnapshot(tree: string, time: string, options: RecoverOptions): Snapshot {
  const user = userInfo();
  return {
    time,
    tree,
    paths: ["/recover"],
    hostname: options.hostname ?? hostname(),
    username: user.username,
    uid: Math.max(user.uid, 0),
    gid: Math.max(user.gid, 0),
    excludes: [],
    tags: ["recovered"],
    programVersion: options.programVersion ?? "tsbak",
    extra: {},
  };
}
