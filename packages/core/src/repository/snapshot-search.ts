import type { CallOptions } from "../backend/backend.ts";
import { ContentsAhead } from "./contents-ahead.ts";
import type { Repository } from "./repository.ts";
import {
  findSnapshot,
  type SnapshotEntry,
  type SnapshotFilter,
  type SnapshotSelection,
} from "./snapshots.ts";
import { TreeReader } from "./tree-reader.ts";

/** How to look. */
export interface SearchOptions extends CallOptions {
  /** All that the snapshot holds is to be restored where nothing stands: its first contents are fetched from a distant store, too. */
  readonly wantsContents?: boolean | undefined;
}

/** What was read of a snapshot before it was certain that it is the one. It is of use to who has the same index as `trees`. */
export interface ReadAhead {
  readonly trees: TreeReader;
  readonly contents: ContentsAhead | undefined;
}

/** A snapshot that is probably the one, and what is read of it ahead. */
export interface SnapshotGuess {
  readonly found: SnapshotSelection;
  readonly ahead: ReadAhead;
}

/** Read nothing more ahead, and let go of what nobody has asked for. */
export function letGo(ahead: ReadAhead | undefined): void {
  ahead?.trees.clear();
  ahead?.contents?.clear();
}

/**
 * Looks for a snapshot twice: at once, in what was listed while the key was derived, to read it and its trees ahead; and under a lock, where
 * it counts.
 */
export class SnapshotSearch {
  readonly #repository: Repository;
  readonly #text: string;
  readonly #filter: SnapshotFilter;
  readonly #known = new Map<string, SnapshotEntry>();
  #ahead: ReadAhead | undefined;
  #isStopped = false;

  /** What was found at once; undefined if nothing was. It is the right one if `find` gives it and the index has not changed since. */
  readonly guess: Promise<SnapshotGuess | undefined>;

  /** Takes what `findSnapshot` takes. The repository should load its index early. */
  constructor(
    repository: Repository,
    text: string,
    filter: SnapshotFilter,
    options: SearchOptions = {},
  ) {
    this.#repository = repository;
    this.#text = text;
    this.#filter = filter;
    this.guess = this.#lookAtOnce(options).catch(() => undefined);
    void this.#readAhead();
  }

  /** What was read ahead; undefined if nothing was. */
  get ahead(): ReadAhead | undefined {
    return this.#ahead;
  }

  /**
   * Find the snapshot, while the index is loaded, which then knows all that it needs. A failure of the index is met where it is needed.
   *
   * The index must be listed later than the snapshot (see `Repository.loadIndex`); so it is at once for one that was there when the
   * snapshots were listed early.
   *
   * @throws {TsbakError} what `findSnapshot` throws.
   */
  async find(options: CallOptions): Promise<SnapshotSelection> {
    const repository = this.#repository;
    const early = await repository.early?.snapshotFiles();
    const begin = (): Promise<unknown> => repository.loadIndex(options).catch(() => undefined);
    const loading = early === undefined ? undefined : begin();
    const onListed = early === undefined ? (): void => void begin() : undefined;
    const known = this.#known;
    const all = { ...options, onListed, known };
    const found = await findSnapshot(repository, this.#text, this.#filter, all);
    if (loading !== undefined && early?.some(({ name }) => name === found.id) !== true) {
      await loading;
      repository.dropIndex();
    }
    return found;
  }

  /** Read nothing more ahead, and let go of what nobody has asked for. */
  stop(): void {
    this.#isStopped = true;
    letGo(this.#ahead);
  }

  /** What fails is met again under the lock. */
  async #lookAtOnce({
    wantsContents,
    ...options
  }: SearchOptions): Promise<SnapshotGuess | undefined> {
    const repository = this.#repository;
    const listed = await repository.early?.snapshotFiles();
    const index = await repository.earlyIndex();
    if (listed === undefined || index === undefined) return undefined;
    const known = this.#known;
    const all = { ...options, listed, known };
    const found = await findSnapshot(repository, this.#text, this.#filter, all);
    if (this.#isStopped) return undefined;
    const { backend } = repository;
    const isDistant = backend.openFile === undefined;
    const trees = new TreeReader(repository, index, options);
    const contents =
      wantsContents === true && isDistant ? new ContentsAhead(backend, index) : undefined;
    this.#ahead = { trees, contents };
    return { found, ahead: this.#ahead };
  }

  async #readAhead(): Promise<void> {
    const { found, ahead } = (await this.guess) ?? {};
    if (found === undefined || found.subPath !== "") return;
    await ahead?.trees.readAhead(found.snapshot.tree, (nodes) => ahead.contents?.note(nodes));
  }
}
