import type { CallOptions } from "../../backend/backend.ts";
import { fromHex } from "../../bytes/hex.ts";
import { TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { loadSnapshot, type SnapshotEntry } from "../../repository/snapshots.ts";
import { TreeLoader } from "../../repository/tree-loader.ts";
import type { BlobMarks } from "./blob-marks.ts";
import type { IndexFiles } from "./index-files.ts";
import type { PruneOptions } from "./prune-options.ts";
import { TreeMarker, type MissingBlob } from "./tree-marker.ts";

/** Packs that are about to be removed. */
export interface Condemned {
  /** By their numbers in the index. */
  readonly packs: Set<number>;
  /** Names of packs that no index listed. */
  readonly unreferenced: Set<string>;
}

/** Snapshots that were not seen before. */
export interface NewSnapshots {
  readonly needed: readonly SnapshotEntry[];
  /** What they need stays, but some of it may be missing: another prune has not spared it. */
  readonly spared: readonly SnapshotEntry[];
}

/**
 * Finds out what appeared in the repository while a prune worked beside others, and spares what that needs.
 *
 * A backup may have found a blob in the index that nobody used when the prune looked, and rely on it. It holds a lock until its snapshot
 * is there; so under an exclusive lock all such snapshots are seen.
 */
export class LateComers {
  readonly #repository: Repository;
  readonly #files: IndexFiles;
  readonly #marks: BlobMarks;
  readonly #options: PruneOptions;
  readonly #seen = new Set<string>();

  constructor(repository: Repository, files: IndexFiles, marks: BlobMarks, options: PruneOptions) {
    this.#repository = repository;
    this.#files = files;
    this.#marks = marks;
    this.#options = options;
  }

  /**
   * The snapshots that were not seen before. To be called before the index is loaded, so that it has all
   * that they need.
   *
   * @throws {TsbakError} `corrupt` if one cannot be read: nobody knows then what it needs.
   */
  async newSnapshots(call: CallOptions): Promise<NewSnapshots> {
    const needed: SnapshotEntry[] = [];
    for (const id of await this.#repository.listNames("snapshot", call)) {
      if (this.#seen.has(id) || this.#options.ignoreSnapshots?.has(id)) continue;
      needed.push(await loadSnapshot(this.#repository, id, call));
      this.#seen.add(id);
    }
    const spared = ((await this.#options.spare?.(call)) ?? []).filter(
      ({ id }) => !this.#seen.has(id),
    );
    for (const { id } of spared) this.#seen.add(id);
    return { needed, spared };
  }

  /**
   * Look again, and take from `condemned` what is needed now, and has no copy in a pack that stays. Returns the packs that were spared.
   *
   * @throws {TsbakError} `locked` if index files are gone, which takes an exclusive lock: then the plan is worth nothing.
   * @throws {TsbakError} `corrupt` if a new snapshot cannot be read, or needs what the index does not know.
   */
  async spare(condemned: Condemned, call: CallOptions): Promise<number[]> {
    const snapshots = await this.newSnapshots(call);
    const { packs, gone } = await this.#files.loadNew(call);
    if (gone.length > 0) {
      throw new TsbakError(
        "locked",
        "Cannot finish prune: another process has rewritten the index meanwhile; nothing was removed, run it again",
      );
    }
    const { index } = this.#files;
    this.#marks.reserve(index.size);
    for (const name of condemned.unreferenced) {
      if (index.hasPack(name)) condemned.unreferenced.delete(name);
    }
    const spared: number[] = [];
    const spare = (pack: number): void => {
      if (condemned.packs.delete(pack)) spared.push(pack);
    };
    // Somebody lists it anew, so somebody may need it.
    for (const pack of packs) spare(pack);
    const marked = [
      ...(await this.#mark(snapshots.needed, call, throwIfMissing)),
      ...(await this.#mark(snapshots.spared, call, () => undefined)),
    ];
    for (const entry of marked) {
      const id = fromHex(index.idAt(entry));
      const type = index.isTreeAt(entry) ? "tree" : "data";
      const copies = index.findAll(type, id).map((copy) => index.packNumberAt(copy));
      if (copies.every((pack) => condemned.packs.has(pack))) spare(copies[0] as number);
    }
    return spared;
  }

  /** Mark what these snapshots need, and return what nobody needed before. */
  async #mark(
    snapshots: readonly SnapshotEntry[],
    call: CallOptions,
    onMissing: (missing: readonly MissingBlob[]) => void,
  ): Promise<number[]> {
    const { index } = this.#files;
    const open: number[] = [];
    const fresh: number[] = [];
    const missing: MissingBlob[] = [];
    const isComplete = !this.#hasUnreadTrees();
    const known = new Set<number>();
    const marker = new TreeMarker(index, this.#marks, {
      tree: (entry) => open.push(entry),
      knownTree: (entry) => {
        if (isComplete || known.has(entry)) return;
        known.add(entry);
        open.push(entry);
      },
      data: (entry) => fresh.push(entry),
      missing: (blob) => missing.push(blob),
    });
    for (const { snapshot } of snapshots) marker.root(snapshot.tree);
    const trees = new TreeLoader(this.#repository, index, call);
    for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
      fresh.push(entry);
      marker.mark(await trees.load(index.idAt(entry)));
      this.#marks.noteRead(entry);
    }
    onMissing(missing);
    return fresh;
  }

  /**
   * True if somebody marked trees and then could not read them: what is below a tree that is marked need not be marked then, and has to be
   * looked at again.
   */
  #hasUnreadTrees(): boolean {
    const { index } = this.#files;
    for (let entry = 0; entry < index.size; entry++) {
      if (!this.#marks.has(entry) || this.#marks.isRead(entry)) continue;
      if (index.isTreeAt(entry)) return true;
    }
    return false;
  }
}

/** Ids in an error message. */
const NAMED_BLOBS = 5;

/** @throws {TsbakError} `corrupt` if there is anything: what is lost must not become more. */
export function throwIfMissing(missing: readonly MissingBlob[]): void {
  if (missing.length === 0) return;
  const named = missing.slice(0, NAMED_BLOBS).map(({ type, id }) => `${type} ${id}`);
  const rest = missing.length - named.length;
  throw new TsbakError(
    "corrupt",
    `Cannot prune: ${missing.length} blobs that snapshots need are not in the index (${named.join(", ")}` +
      `${rest > 0 ? ` and ${rest} more` : ""}); nothing was removed, run "tsbak verify" to see what is lost`,
  );
}
