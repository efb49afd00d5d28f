import { throwIfAborted } from "../../async/interrupted.ts";
import { LENT_ROOM, type CallOptions, type OpenFile } from "../../backend/backend.ts";
import { releaseMemory } from "../../bytes/release-memory.ts";
import { isTsbakError, TsbakError } from "../../errors.ts";
import { loadPosix } from "../../fs/posix.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import { readBlob } from "../../repository/read-blob.ts";
import type { Repository } from "../../repository/repository.ts";
import type { MemoryPool } from "../../workers/memory-pool.ts";
import type { TaskPool } from "../../workers/task-pool.ts";
import type { TransferEvent, TransferReply, TransferTask } from "./transfer-protocol.ts";

/** Blobs to be moved out of one pack. */
export interface TransferJob {
  /** As the source's index numbers packs. */
  readonly pack: number;
  /** Index entries of the blobs, ascending by offset; at least one. */
  readonly entries: Uint32Array;
}

/** More than this is not read along between two blobs from afar, in bytes. */
const LARGEST_GAP = 256 << 10;

/** Hands packs to the threads of a transfer, and what they find damaged once more, from elsewhere. */
export class PackReader {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #pool: TaskPool<TransferTask, TransferReply, TransferEvent>;
  readonly #memory: MemoryPool;

  constructor(
    source: { readonly repository: Repository; readonly index: BlobIndex },
    pool: TaskPool<TransferTask, TransferReply, TransferEvent>,
    memory: MemoryPool,
  ) {
    this.#repository = source.repository;
    this.#index = source.index;
    this.#pool = pool;
    this.#memory = memory;
  }

  /** @throws {TsbakError} `corrupt` or `not-found` if no copy of a blob is whole; `interrupted`. */
  async move(job: TransferJob, options: CallOptions): Promise<void> {
    let left = (await this.#moveFromFile(job, options)) ?? (await this.#moveRuns(job, options));
    // The fault may have been on the way.
    if (left.length > 0) left = await this.#moveRuns({ ...job, entries: left }, options);
    for (const entry of left) await this.#moveFromElsewhere(entry, options);
  }

  /** Have a thread read the pack itself. Undefined where it cannot: then it is for the backend to say why. */
  async #moveFromFile(job: TransferJob, options: CallOptions): Promise<Uint32Array | undefined> {
    const file = await this.#openFile(job, options);
    if (file === undefined) return undefined;
    try {
      const { descriptor, size, alignment } = file;
      const { entries } = job;
      if (alignment === 1) loadPosix()?.cache?.willNeed(descriptor, 0, size);
      const bytes = { descriptor, size, alignment };
      return (await this.#pool.run({ kind: "pack", bytes, entries })).damaged;
    } finally {
      await file.close();
    }
  }

  async #openFile({ pack }: TransferJob, options: CallOptions): Promise<OpenFile | undefined> {
    const name = this.#index.packs[pack] as string;
    try {
      return await this.#repository.backend.openFile?.({ kind: "pack", name }, options);
    } catch (error) {
      if (isTsbakError(error) && error.code !== "interrupted") return undefined;
      throw error;
    }
  }

  async #moveRuns(job: TransferJob, options: CallOptions): Promise<Uint32Array> {
    const damaged: number[] = [];
    for (const entries of this.#runsOf(job.entries)) {
      throwIfAborted(options.signal);
      damaged.push(...(await this.#moveRun({ ...job, entries }, options)));
    }
    return Uint32Array.from(damaged);
  }

  *#runsOf(entries: Uint32Array): Generator<Uint32Array> {
    let first = 0;
    for (let at = 1; at < entries.length; at++) {
      const before = entries[at - 1] as number;
      const end = this.#index.offsetAt(before) + this.#index.lengthAt(before);
      if (this.#index.offsetAt(entries[at] as number) - end <= LARGEST_GAP) continue;
      yield entries.subarray(first, at);
      first = at;
    }
    if (entries.length > 0) yield entries.subarray(first);
  }

  async #moveRun({ pack, entries }: TransferJob, options: CallOptions): Promise<Uint32Array> {
    const last = entries.at(-1) as number;
    const offset = this.#index.offsetAt(entries[0] as number);
    const length = this.#index.offsetAt(last) + this.#index.lengthAt(last) - offset;
    const ref = { kind: "pack", name: this.#index.packs[pack] as string } as const;
    const loan = await this.#memory.take(length + LENT_ROOM);
    let back = loan.memory;
    try {
      const read = { ...options, into: loan.memory };
      const memory = await this.#repository.backend.read(ref, { offset, length }, read);
      const isOfLoan = memory.buffer === loan.memory;
      const bytes = { memory, start: offset };
      const reply = await this.#pool.run({ kind: "pack", bytes, entries }, [memory.buffer]);
      const { memory: returned = new ArrayBuffer(0) } = reply;
      if (isOfLoan) back = returned;
      else releaseMemory(returned);
      return reply.damaged;
    } catch (error) {
      if (isTsbakError(error, "not-found") || isTsbakError(error, "corrupt")) return entries;
      throw error;
    } finally {
      this.#memory.give(loan, back);
    }
  }

  /** Any other copy, and if there is none, the reason. */
  async #moveFromElsewhere(entry: number, options: CallOptions): Promise<void> {
    const type = this.#index.isTreeAt(entry) ? "tree" : "data";
    const id = this.#index.idAt(entry);
    try {
      const plain = await readBlob(this.#repository, this.#index, type, id, options);
      await this.#pool.run({ kind: "blob", entry, plain });
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
      const pack = this.#index.packs[this.#index.packNumberAt(entry)] as string;
      throw new TsbakError(
        error.code,
        `Cannot move ${type} blob ${id} out of pack ${pack}: no copy of it is whole; ` +
          `run "tsbak verify --read-data" to see what needs it`,
        { cause: error },
      );
    }
  }
}
