import type { TreePacks } from "../repository/tree-packs.ts";
import { isTsbakError } from "../errors.ts";
import type { WorkerPool } from "../workers/worker-pool.ts";
import type { DirectoryPlace } from "./directory-place.ts";
import type { Listing } from "./listing.ts";
import type { BackupEvent, BackupResult, BackupTask, ParentSubtree } from "./protocol.ts";

/** How a directory is looked at. */
export interface ListOptions {
  /** Its tree in the parent snapshot. */
  readonly subtree: string | undefined;
  /** It was looked at before, and now all entries are needed. */
  readonly again: boolean;
}

/** Only what travels. */
function clonePlace({
  path,
  absolutePath,
  device,
  sourceDevice,
  depth,
}: DirectoryPlace): DirectoryPlace {
  return { path, absolutePath, device, sourceDevice, depth };
}

interface WaitingDirectory {
  readonly place: DirectoryPlace;
  readonly options: ListOptions;
  readonly done: (listing: Listing) => void;
}

/** A message costs as much as a look at a small directory, so several travel together. */
const BATCH_DIRECTORIES = 8;
/** Entries that a thread looks at before it answers: 20 ms or so. */
const BUDGET = 4096;
/** The same while there are too few directories for all threads. */
const FIRST_BUDGET = 256;

/** Gives directories to the workers to be looked at, the last found first, and brings each listing to whoever asked. */
export class DirectoryStore {
  readonly #pool: WorkerPool<BackupTask, BackupResult, BackupEvent>;
  readonly #trees: TreePacks;
  readonly #room: () => Promise<void>;
  readonly #waiting: WaitingDirectory[] = [];
  readonly #running = new Set<Promise<void>>();
  #failure: Error | undefined;

  /** `room` resolves when the workers can take more files: a listing brings more of them. */
  constructor(
    pool: WorkerPool<BackupTask, BackupResult, BackupEvent>,
    trees: TreePacks,
    room: () => Promise<void>,
  ) {
    this.#pool = pool;
    this.#trees = trees;
    this.#room = room;
  }

  /** Look at a directory some time, while `run` is running or will run again. */
  list(place: DirectoryPlace, options: ListOptions, done: (listing: Listing) => void): void {
    this.#waiting.push({ place, options, done });
  }

  /** True if directories are waiting to be looked at. */
  get isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Look at all directories, and at those that are found in them. Rejects with the first failure. */
  async run(): Promise<void> {
    const most = 2 * this.#pool.size;
    while (this.#waiting.length > 0 || this.#running.size > 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#waiting.length === 0 || this.#running.size >= most) {
        await Promise.race(this.#running);
        continue;
      }
      await this.#room();
      this.#send();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #send(): void {
    // Few at the beginning and the end, so that all threads have some.
    const share = Math.ceil(this.#waiting.length / (2 * this.#pool.size));
    const batch = this.#waiting.splice(-Math.min(BATCH_DIRECTORIES, share));
    const task = this.#list(batch)
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async #list(batch: readonly WaitingDirectory[]): Promise<void> {
    const directories = await Promise.all(
      batch.map(async ({ place, options }) => ({
        place: clonePlace(place),
        before: await this.#parentOf(options.subtree),
        mayOmit: !options.again,
      })),
    );
    const budget = this.#waiting.length < this.#pool.size ? FIRST_BUDGET : BUDGET;
    const result = await this.#pool.runFirst({ kind: "list", directories, budget });
    batch.forEach(({ done }, at) => done(result.listings[at] as Listing));
  }

  /** Damage in the parent snapshot only means that files are read again. */
  async #parentOf(id: string | undefined): Promise<ParentSubtree | undefined> {
    if (id === undefined) return undefined;
    try {
      const pack = await this.#trees.packOf(id);
      return pack && { id, pack };
    } catch (error) {
      if (isTsbakError(error, "corrupt") || isTsbakError(error, "not-found")) return undefined;
      throw error;
    }
  }
}
