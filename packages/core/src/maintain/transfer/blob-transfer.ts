import { availableParallelism } from "node:os";
import { forEachConcurrent } from "../../async/map-concurrent.ts";
import { interruptedError } from "../../async/interrupted.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { equalBytes } from "../../bytes/compare.ts";
import type { CompressionLevel } from "../../compress/zstd.ts";
import type { MasterKey } from "../../crypto/master-key.ts";
import type { BlobType } from "../../format/blob-type.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import { createOpenPacks, OpenPacks, type FinishedPack } from "../../repository/open-packs.ts";
import {
  createPackMemory,
  PackMemoryPool,
  PrivatePackMemory,
  type PackMemory,
} from "../../repository/pack-memory.ts";
import { PackSaver } from "../../repository/pack-saver.ts";
import type { Repository } from "../../repository/repository.ts";
import { moduleUrl } from "../../workers/module-url.ts";
import { OwnThread } from "../../workers/own-thread.ts";
import type { TaskPool } from "../../workers/task-pool.ts";
import { MemoryPool } from "../../workers/memory-pool.ts";
import { WorkerPool } from "../../workers/worker-pool.ts";
import { inHalves, wholeJobs, type JobPart } from "./halves.ts";
import { PackReader, type TransferJob } from "./pack-reader.ts";
import { prepareTransfer } from "./prepare-transfer.ts";
import type {
  Recompression,
  TransferEvent,
  TransferReply,
  TransferSetup,
  TransferTask,
} from "./transfer-protocol.ts";

/** A repository that blobs are taken from. */
export interface TransferSide {
  readonly repository: Repository;
  /** All that jobs refer to. */
  readonly index: BlobIndex;
}

/** A repository, and where new blobs are noted, which may not be the source's index. */
export interface TransferTarget {
  readonly repository: Repository;
  readonly index?: BlobIndex | undefined;
}

/** How blobs are transferred. Everything has the defaults of a backup. */
export interface TransferOptions extends CallOptions {
  /** Nothing is written before this resolves. */
  readonly mayWrite?: Promise<void> | undefined;
  /** Target size of packs in bytes. */
  readonly packSize?: number | undefined;
  readonly compression?: CompressionLevel | undefined;
  readonly extraVerify?: boolean | undefined;
  /** `none` unless given. */
  readonly recompress?: Recompression | undefined;
  /** As many as there are cores unless given. A single one is the caller's own. */
  readonly threads?: number | undefined;
}

/** What moves blobs. */
type TransferPool = TaskPool<TransferTask, TransferReply, TransferEvent>;

const TYPES: readonly BlobType[] = ["tree", "data"];
/** For so many threads one more pack may be about to be closed. */
const THREADS_PER_CLOSING = 4;
/** Memory for a pack of the usual size, in bytes. Larger ones are read with fewer at once. */
const PACK_MEMORY = 24 << 20;

/**
 * Moves blobs from packs into new packs of a repository, the same or another: each is opened and hashed before it is stored. Where both
 * have the same key, sealed blobs are taken over as they are; otherwise they are sealed anew in the form in which they are
 * stored, and compressed or decompressed only where the target's version or `recompress` asks for it.
 *
 * Order of durability: packs, then the index that names them. Several runs may follow one another. Whoever makes one closes it.
 */
export class BlobTransfer {
  readonly #pool: TransferPool;
  readonly #reader: PackReader;
  readonly #saver: PackSaver;
  readonly #packs: Readonly<Record<BlobType, OpenPacks>>;
  readonly #memory: PackMemory;
  readonly #signal: AbortSignal | undefined;
  readonly #concurrency: number;
  readonly #partsOf: (jobs: Iterable<TransferJob>) => Iterable<JobPart>;

  constructor(source: TransferSide, target: TransferTarget, options: TransferOptions = {}) {
    const { packSize = 16 << 20, threads = availableParallelism(), signal, mayWrite } = options;
    this.#signal = signal;
    const { connections, openFile } = source.repository.backend;
    // What is on this machine can well be read twice.
    const seats = openFile === undefined ? 2 : 1;
    this.#partsOf = seats === 2 ? wholeJobs : (jobs) => inHalves(jobs, source.index, 2 * packSize);
    const slots = slotCount(target.repository, threads, seats);
    const packMemory = threads === 1 ? undefined : createPackMemory(slots, packSize);
    const memory =
      packMemory === undefined ? new PrivatePackMemory(packSize) : new PackMemoryPool(packMemory);
    this.#memory = memory;
    const openPacks = { data: createOpenPacks(seats), tree: createOpenPacks(seats) };
    this.#packs = openAll(target.repository.masterKey, packSize, memory, openPacks);
    const pool = packMemory === undefined ? this.#ownThread(target, memory) : startThreads(threads);
    this.#pool = pool;
    this.#saver = new PackSaver(target.repository, target.index, {
      signal,
      mayWrite,
      onFailure: (error) => pool.fail(error),
    });
    const shared = { packSize, packMemory, openPacks };
    pool.begin({ ...describeWork(source, target, options), ...shared }, ({ type, pack }) =>
      this.#save(type, pack),
    );
    // Threads that wait for memory need not wait any longer.
    const stop = (): void => signal && pool.fail(interruptedError(signal));
    signal?.addEventListener("abort", stop, { once: true });
    // What threads read themselves is in no memory of ours.
    const held = 1 + (openFile ? threads : Math.max(threads, connections));
    this.#concurrency = Math.max(held, 2 * threads);
    this.#reader = new PackReader(source, pool, new MemoryPool(held * PACK_MEMORY));
  }

  /**
   * Move the blobs of all jobs; `onDone` is called for each when its blobs are in packs, which need not be stored yet. What is damaged is read
   * once more, and then from any other copy.
   *
   * @throws {TsbakError} `corrupt` or `not-found` if no copy of a blob is whole, `interrupted`, or what the target's backend throws.
   */
  async run(
    jobs: Iterable<TransferJob>,
    onDone: (job: TransferJob) => void = () => undefined,
  ): Promise<void> {
    await forEachConcurrent(
      this.#partsOf(jobs),
      async ({ whole, part, left }, signal) => {
        await this.#reader.move(part, { signal });
        if (--left.parts === 0) onDone(whole);
      },
      { concurrency: this.#concurrency, signal: this.#signal },
    );
  }

  /** Close the packs that are open, so that their memory serves packs of the other type. Not during a run. */
  closePacks(): void {
    for (const type of TYPES) {
      for (const pack of this.#packs[type].finish()) this.#save(type, pack);
    }
  }

  /** Store everything that was moved, and name all of it in the index. More may be moved afterwards. */
  async finish(): Promise<void> {
    this.closePacks();
    await this.#saver.atMost(0);
    // The text of an index file takes as much as a pack.
    this.#memory.trim?.();
    await this.#saver.finish();
  }

  /** After a failure: name in the index what is durable, so that nobody has to store it again. */
  async salvage(): Promise<void> {
    await this.#saver.salvage().catch(() => undefined);
  }

  /** End the threads. May be repeated. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  /** A pack is on its way before the next is begun, as long as that does not take the time of a line. */
  #ownThread({ repository }: TransferTarget, memory: PackMemory): TransferPool {
    const { connections, openFile } = repository.backend;
    const underWay = openFile === undefined ? Math.max(1, connections - 1) : 0;
    const room = async (): Promise<void> => {
      await this.#saver.atMost(underWay);
      thread.throwIfFailed();
    };
    const thread = new OwnThread<TransferSetup, TransferTask, TransferReply, TransferEvent>(
      (setup, emit) => prepareTransfer(setup, emit, { memory, room }),
    );
    return thread;
  }

  #save(type: BlobType, pack: FinishedPack): void {
    this.#saver.save(pack, () => this.#packs[type].release(pack));
  }
}

function startThreads(threads: number): TransferPool {
  return new WorkerPool(moduleUrl("maintain/transfer/transfer-worker"), threads);
}

function describeWork(
  source: TransferSide,
  target: TransferTarget,
  options: TransferOptions,
): Omit<TransferSetup, "packSize" | "packMemory" | "openPacks"> {
  return {
    sourceKey: source.repository.masterKey,
    targetKey: target.repository.masterKey,
    sharesKey: isSameKey(source.repository.masterKey, target.repository.masterKey),
    index: source.index.share(),
    version: target.repository.version,
    compression: options.compression ?? "auto",
    extraVerify: options.extraVerify ?? true,
    recompress: options.recompress ?? "none",
  };
}

/** Open packs of both types, those on their way to the backend, and those about to be closed. What nobody fills costs nothing. */
function slotCount({ backend }: Repository, threads: number, seats: 1 | 2): number {
  const underWay = Math.max(1, backend.connections - 1);
  return TYPES.length * seats + underWay + Math.floor(threads / THREADS_PER_CLOSING);
}

function openAll(
  key: MasterKey,
  packSize: number,
  memory: PackMemory,
  shared: Readonly<Record<BlobType, SharedArrayBuffer>>,
): Record<BlobType, OpenPacks> {
  return {
    data: new OpenPacks(key, packSize, memory, shared.data),
    tree: new OpenPacks(key, packSize, memory, shared.tree),
  };
}

function isSameKey(a: MasterKey, b: MasterKey): boolean {
  return (
    equalBytes(a.encrypt, b.encrypt) && equalBytes(a.macK, b.macK) && equalBytes(a.macR, b.macR)
  );
}
