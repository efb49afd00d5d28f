/**
 * Rehearse the worst day: restore some files, and see whether they are what was saved.
 *
 *   (1) Files are restored as `restore` does it, and read again by other code, which hashes them by the chunk.
 *   (2) Where the source is on this machine, and by size, inode, mtime and ctime was not written to since, it must have the same
 *       contents. If not, it was damaged on the disk, or what was saved was not what was there.
 *
 * @module
 */
import type { CallOptions } from "../backend/backend.ts";
import { isTsbakError } from "../errors.ts";
import { joinPath, printablePath, toPathBytes } from "../fs/path.ts";
import { statFile } from "../fs/stat.ts";
import { describeSystemError } from "../fs/system-error.ts";
import { hasContents, seemsUnchanged, type LiveEntry } from "../inspect/live-entry.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import { restore } from "../restore/restore.ts";
import { chooseFiles, type ChosenFile } from "./choose-files.ts";
import { PathSelection } from "./path-selection.ts";

/** What to restore, and where to. */
export interface DrillOptions extends CallOptions {
  /** How many files are drawn by lot. */
  readonly files: number;
  /** The same number draws the same files of the same snapshot. */
  readonly seed: number;
  /** Files that are restored in any case; a path that the snapshot does not have is a problem. */
  readonly canaries?: readonly (string | Uint8Array)[] | undefined;
  /** An empty folder, or one that is made. It is not removed. */
  readonly target: string;
  /** See `RestoreOptions`. */
  readonly mayWrite?: Promise<void> | undefined;
  readonly threads?: number | undefined;
}

/** A file that did not stand the test. */
export interface DrillProblem {
  /** In the snapshot, printable. */
  readonly path: string;
  readonly message: string;
}

/** What came of a drill, which went well if there are no problems. */
export interface DrillReport {
  /** Id of the snapshot. */
  readonly snapshot: string;
  readonly seed: number;
  /** Files that were restored, canaries among them, and bytes of their contents. */
  readonly files: number;
  readonly bytes: number;
  /** Files that were compared with their source as well. */
  readonly compared: number;
  readonly problems: readonly DrillProblem[];
}

/**
 * Restore some files of a snapshot and compare them with what was saved. What is wrong is a result.
 *
 * @throws {TsbakError} `interrupted`; `denied` if the target cannot be used; `no-space`; and what hinders to read the snapshot.
 */
export async function drill(
  repository: Repository,
  snapshot: SnapshotEntry,
  options: DrillOptions,
): Promise<DrillReport> {
  const { signal, seed, target, canaries = [], mayWrite, threads } = options;
  const problems: DrillProblem[] = [];
  const note = (path: string, message: string): unknown => problems.push({ path, message });
  const rule = { count: options.files, seed, named: canaries };
  const { files, missing } = await chooseFiles(repository, snapshot.snapshot.tree, rule, {
    signal,
  });
  for (const path of missing) note(printablePath(path), "the snapshot has no such file");
  const selection = new PathSelection(files.map(({ path }) => path));
  if (files.length > 0) {
    await restore(repository, snapshot, target, {
      include: [selection],
      mayWrite,
      threads,
      signal,
      onEvent: (notice) => {
        if (notice.kind === "error") note(notice.path, `it cannot be restored: ${notice.message}`);
      },
    });
  }
  const comparison = new Comparison(await repository.loadIndex({ signal }), options, note);
  for (const file of files) await comparison.compare(file);
  const { compared, bytes } = comparison;
  return { snapshot: snapshot.id, seed, files: files.length, bytes, compared, problems };
}

class Comparison {
  compared = 0;
  bytes = 0;
  readonly #index: BlobIndex;
  readonly #target: Uint8Array;
  readonly #signal: AbortSignal | undefined;
  readonly #note: (path: string, message: string) => unknown;

  constructor(
    index: BlobIndex,
    { target, signal }: DrillOptions,
    note: (path: string, message: string) => unknown,
  ) {
    this.#index = index;
    this.#target = toPathBytes(target);
    this.#signal = signal;
    this.#note = note;
  }

  async compare(file: ChosenFile): Promise<void> {
    const { path, node } = file;
    this.bytes += node.size;
    const restored = joinPath(this.#target, path.subarray(1));
    await this.#judge(path, "what was restored", async () => {
      return (await this.#isSame(file, restored)) ? undefined : "is not what was saved";
    });
    const live = entryAt(path);
    if (live === undefined || !seemsUnchanged(node, live)) return;
    await this.#judge(path, "the file on this machine", async () => {
      const isSame = await this.#isSame(file, path);
      const now = entryAt(path);
      if (now === undefined || !seemsUnchanged(node, now)) return undefined;
      this.compared++;
      if (isSame) return undefined;
      return "has other contents than were saved, though its size and times say that nobody has changed it";
    });
  }

  async #isSame({ node }: ChosenFile, path: Uint8Array): Promise<boolean> {
    return hasContents(this.#index, node, { path, stat: statFile(path) }, this.#signal);
  }

  async #judge(
    path: Uint8Array,
    what: string,
    judge: () => Promise<string | undefined>,
  ): Promise<void> {
    const name = printablePath(path);
    try {
      const fault = await judge();
      if (fault !== undefined) this.#note(name, `${what} ${fault}`);
    } catch (error) {
      if (isTsbakError(error, "interrupted")) throw error;
      const reason = isTsbakError(error) ? error.message : describeSystemError(error);
      this.#note(name, `${what} cannot be compared: ${reason}`);
    }
  }
}

function entryAt(path: Uint8Array): LiveEntry | undefined {
  try {
    return { path, stat: statFile(path) };
  } catch {
    return undefined;
  }
}
