import { availableParallelism } from "node:os";
import { moduleUrl } from "../workers/module-url.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import { interruptedError } from "../async/interrupted.ts";
import type { CompressionLevel } from "../compress/zstd.ts";
import { BlobEncoder } from "../repository/blob-encoder.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import { BlobSaver } from "../repository/blob-saver.ts";
import { ClaimTable, createClaims } from "../repository/claim-table.ts";
import { createOpenPacks, OpenPacks, type FinishedPack } from "../repository/open-packs.ts";
import { createPackMemory, PackMemoryPool, PrivatePackMemory } from "../repository/pack-memory.ts";
import { PackSaver } from "../repository/pack-saver.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeLoader } from "../repository/tree-loader.ts";
import { TreePacks } from "../repository/tree-packs.ts";
import { DirectoryStore } from "./directory-store.ts";
import { FileStore } from "./file-store.ts";
import type { BackupProgress } from "./progress.ts";
import type {
  BackupEvent,
  BackupResult,
  BackupSetup,
  BackupTask,
  ListingSetup,
} from "./protocol.ts";

/** The worker threads of a backup. */
export type BackupPool = WorkerPool<BackupTask, BackupResult, BackupEvent>;

/**
 * Start threads for one backup, as many as the machine has cores if not said, to be handed to it. They load their code at once,
 * while the caller opens the repository. The process does not end before they are closed: by the end of the backup, or, if it
 * comes to none, by whoever started them; closing them twice does no harm.
 */
export function startBackupWorkers(threads: number = availableParallelism()): BackupPool {
  return new WorkerPool(moduleUrl("backup/worker"), threads);
}

/** How contents are stored. */
export interface StoreOptions {
  readonly signal: AbortSignal;
  /** Nothing is written before this resolves. */
  readonly mayWrite: Promise<void>;
  readonly dryRun: boolean;
  readonly compression: CompressionLevel;
  readonly packSize: number;
  readonly extraVerify: boolean;
  /** Threads that have been started and wait for what they are to work with. */
  readonly pool: BackupPool;
  readonly listing: ListingSetup;
}

/** Packs that all threads fill. */
const OPEN_PACKS = 2;
/** For so many threads one more pack may be about to be closed. */
const THREADS_PER_CLOSING = 4;

/** Where a backup puts contents and trees: the worker threads, the open packs and what stores them. */
export class BackupStore {
  readonly files: FileStore;
  readonly directories: DirectoryStore;
  readonly trees: TreeLoader;
  readonly index: BlobIndex;
  readonly signal: AbortSignal;
  readonly pool: BackupPool;
  readonly #options: StoreOptions;
  readonly #packs: PackSaver;
  readonly #trees: BlobSaver;
  readonly #dataPacks: OpenPacks;
  readonly #treePacks: OpenPacks;
  readonly #progress: BackupProgress;

  /** Load the index and start the workers. */
  static async open(
    repository: Repository,
    progress: BackupProgress,
    options: StoreOptions,
  ): Promise<BackupStore> {
    const index = await repository.loadIndex({ signal: options.signal });
    return new BackupStore(repository, index, progress, options);
  }

  private constructor(
    repository: Repository,
    index: BlobIndex,
    progress: BackupProgress,
    options: StoreOptions,
  ) {
    const claims = createClaims();
    const { masterKey: key, version, config } = repository;
    const encoding = { version, ...options };
    this.#options = options;
    this.#progress = progress;
    this.index = index;
    this.signal = options.signal;
    this.#packs = new PackSaver(repository, index, {
      signal: options.signal,
      mayWrite: options.mayWrite,
      onFailure: (error) => this.pool.fail(error),
    });
    const { packSize } = options;
    const closing = Math.floor(options.pool.size / THREADS_PER_CLOSING);
    // Packs on their way to the backend before workers have to wait for memory.
    const underWay = Math.max(1, repository.backend.connections - 1);
    const packMemory = createPackMemory(OPEN_PACKS + underWay + closing, packSize);
    const openPacks = createOpenPacks();
    this.#dataPacks = new OpenPacks(key, packSize, new PackMemoryPool(packMemory), openPacks);
    const treeMemory = new PrivatePackMemory(packSize);
    this.#treePacks = new OpenPacks(key, packSize, treeMemory, createOpenPacks());
    this.#trees = new BlobSaver(
      {
        index,
        claims: new ClaimTable(claims),
        encoder: new BlobEncoder(repository.zstd, { ...encoding, mostlyShort: true }),
        packs: this.#treePacks,
      },
      (pack) => this.#save(pack, this.#treePacks),
    );
    const setup: BackupSetup = {
      key,
      version,
      chunker: config.chunker === "fastcdc" ? "fastcdc" : "rabin",
      polynomial: config.chunkerPolynomial,
      compression: options.compression,
      extraVerify: options.extraVerify,
      packSize: options.packSize,
      index: index.share(),
      claims,
      listing: options.listing,
      packMemory,
      openPacks,
    };
    this.pool = options.pool.begin(setup, (event) => this.#receive(event));
    // Tasks that wait, such as the chunks of a large file, need not be begun any more.
    const stop = (): void => this.pool.fail(interruptedError(options.signal));
    options.signal.addEventListener("abort", stop, { once: true });
    this.files = new FileStore(this.pool, {
      counts: (counts) => progress.stored(counts),
      part: (path, bytes) => progress.partDone(path, bytes),
    });
    this.trees = new TreeLoader(repository, index, options);
    const treePacks = new TreePacks(repository, index, options);
    this.directories = new DirectoryStore(this.pool, treePacks, () => this.files.room());
  }

  /** Store a tree unless the repository has it, and return its id. */
  saveTree(bytes: Uint8Array): string {
    const { id, storedLength } = this.#trees.save("tree", bytes);
    if (storedLength > 0) this.#progress.treeStored(bytes.length, storedLength);
    return id;
  }

  /** Store everything that is still in open packs, then the rest of the index. */
  async finish(): Promise<void> {
    for (const packs of [this.#dataPacks, this.#treePacks]) {
      for (const pack of packs.finish()) this.#save(pack, packs);
    }
    await this.#packs.finish();
  }

  /** After a failure: keep for the next backup what has been stored. */
  async salvage(): Promise<void> {
    if (!this.#options.dryRun) await this.#packs.salvage().catch(() => undefined);
  }

  #receive(event: BackupEvent): void {
    if (event.kind === "pack") this.#save(event.pack, this.#dataPacks);
    else this.files.addCuts(event);
  }

  #save(pack: FinishedPack, packs: OpenPacks): void {
    const release = (): void => packs.release(pack);
    if (this.#options.dryRun) release();
    else this.#packs.save(pack, release);
  }
}
