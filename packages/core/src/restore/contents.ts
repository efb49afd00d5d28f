import { throwIfAborted } from "../async/interrupted.ts";
import { releaseMemory } from "../bytes/release-memory.ts";
import { LENT_ROOM, type FileRef } from "../backend/backend.ts";
import type { BlobIndex, BlobLocation } from "../repository/blob-index.ts";
import type { ContentsAhead } from "../repository/contents-ahead.ts";
import type { Repository } from "../repository/repository.ts";
import { isTsbakError } from "../errors.ts";
import { MemoryPool, type Loan } from "../workers/memory-pool.ts";
import type { WorkerPool } from "../workers/worker-pool.ts";
import { makeBatch } from "./entry-batch.ts";
import { STANDING } from "./entry-table.ts";
import type { FileLedger } from "./file-ledger.ts";
import { PartPreparation } from "./part-preparation.ts";
import { cutPieces, type Piece, type PieceBlob } from "./pieces.ts";
import type { RestorePlan } from "./restore-plan.ts";
import type { RestoreProgress } from "./progress.ts";
import {
  BLOB_NUMBERS,
  WHOLE_FILE,
  type PieceTask,
  type RestoreResult,
  type RestoreTask,
} from "./protocol.ts";

/** Memory for a piece of the usual size, in bytes. */
const PIECE_MEMORY = 8 << 20;
/** Pieces that have been read and wait for a worker, or are worked on, beside those that the backend reads. */
const READ_AHEAD = 2;
/** Files that are created empty, or finished, by one task. */
const BATCH_FILES = 1024;
/** Tasks for files that need no pack which may wait at once. */
const READY_FILES = 64;

/** What writing contents needs. */
export interface ContentContext {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly plan: RestorePlan;
  readonly pool: WorkerPool<RestoreTask, RestoreResult>;
  readonly ledger: FileLedger;
  readonly progress: RestoreProgress;
  readonly signal: AbortSignal | undefined;
  /** Before it resolves nothing is told of packs that are missing. */
  readonly certain: Promise<void>;
  /** What was fetched before. */
  readonly ahead: ContentsAhead | undefined;
}

/** What came of a piece: the blobs that are to be had elsewhere, and the memory that its bytes were in. */
interface Written {
  readonly damaged: readonly PieceBlob[];
  readonly memory: ArrayBuffer;
}

/**
 * Writes the contents of all planned files: reads each needed range of each pack once, in the order in which files need
 * them, and gives it to a worker. What cannot be read from one copy of a blob is read from the others.
 */
export class ContentWriter {
  readonly #context: ContentContext;
  readonly #parts: PartPreparation;
  readonly #memory: MemoryPool;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(context: ContentContext) {
    this.#context = context;
    const { connections } = context.repository.backend;
    this.#memory = new MemoryPool((connections + READ_AHEAD) * PIECE_MEMORY);
    this.#parts = new PartPreparation(context);
  }

  /**
   * @throws {TsbakError} What no other file can escape: `no-space`, `unavailable`, `interrupted`. Files are then left in
   * parts; `FileLedger.removeUnfinished` takes them away.
   */
  async write(): Promise<void> {
    const { plan, index, ahead } = this.#context;
    const empty = plan.emptyFiles.filter((file) => isWritten(plan.files.standing(file)));
    this.#inBatches(empty, (files) => this.#createEmpty(files));
    this.#inBatches(plan.sameFiles, (files) => this.#finishBatch(files));
    for (const file of plan.readyFiles) {
      await this.#context.pool.room(READY_FILES);
      this.#start(this.#finishReady(file));
    }
    for (const pack of plan.uses.packs) {
      const partOf = (offset: number): unknown => ahead?.partAt(pack, offset);
      for (const piece of cutPieces(index, plan.uses, pack, partOf)) {
        const loan = await this.#memory.take(piece.length + LENT_ROOM);
        if (this.#failure !== undefined) break;
        this.#start(this.#writePiece(piece, loan));
      }
      this.#finishFiles(BATCH_FILES);
      if (this.#failure !== undefined) break;
    }
    await this.#drain();
    this.#finishFiles(1);
    await this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #start(work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #inBatches(files: readonly number[], run: (batch: number[]) => Promise<void>): void {
    for (let at = 0; at < files.length; at += BATCH_FILES) {
      this.#start(run(files.slice(at, at + BATCH_FILES)));
    }
  }

  async #createEmpty(files: number[]): Promise<void> {
    const { plan, pool, ledger } = this.#context;
    const batch = makeBatch(plan.files, plan.directories, files);
    const { failures } = await pool.run({ kind: "empty", files: batch });
    for (const failure of failures) ledger.receive(failure, files[failure.at] as number);
    for (const file of files) ledger.finish(file);
  }

  /** Finish the files whose parts are all there, if there are `least` of them. */
  #finishFiles(least: number): void {
    const { ledger } = this.#context;
    if (ledger.complete.length < least) return;
    this.#inBatches(ledger.complete.splice(0), (files) => this.#finishBatch(files));
  }

  async #finishBatch(files: number[]): Promise<void> {
    const { plan, pool, ledger } = this.#context;
    const batch = makeBatch(plan.files, plan.directories, files);
    const { failures } = await pool.run({ kind: "finish", files: batch });
    for (const failure of failures) ledger.receive(failure, files[failure.at] as number);
    for (const file of files) ledger.finish(file);
  }

  async #finishReady(file: number): Promise<void> {
    await this.#parts.prepare(file);
    if (this.#context.plan.failedFiles.has(file)) return;
    this.#context.ledger.complete.push(file);
    this.#finishFiles(BATCH_FILES);
  }

  async #writePiece(piece: Piece, loan: Loan): Promise<void> {
    throwIfAborted(this.#context.signal);
    const damaged = await this.#tryPiece(piece, loan, this.#context.ahead);
    for (const blob of damaged) await this.#rescue(piece.pack, blob);
  }

  /** Read and write a piece. Returns the blobs that this copy does not have, whose uses have not been written. */
  async #tryPiece(piece: Piece, loan: Loan, ahead?: ContentsAhead): Promise<readonly PieceBlob[]> {
    let back = loan.memory;
    try {
      const { signal } = this.#context;
      const early = await ahead?.read(piece.pack, piece, { into: loan.memory, signal });
      const bytes = early ?? (await this.#read(piece, loan.memory));
      if (bytes === undefined) return piece.blobs;
      const isOfLoan = bytes.buffer === loan.memory;
      const { damaged, memory } = await this.#write(piece, bytes);
      if (isOfLoan) back = memory;
      else releaseMemory(memory);
      return damaged;
    } finally {
      this.#memory.give(loan, back);
    }
  }

  async #write(piece: Piece, bytes: Uint8Array<ArrayBuffer>): Promise<Written> {
    const { ledger, plan, pool } = this.#context;
    await this.#parts.prepareFor(piece.blobs);
    const { task, files } = makeTask(piece, bytes, plan);
    const { failures, memory = new ArrayBuffer(0) } = await pool.run(task, [bytes.buffer]);
    const damaged = new Set<number>();
    for (const failure of failures) {
      if (failure.of === "blob") damaged.add(failure.at);
      else ledger.receive(failure, files[failure.at] as number);
    }
    piece.blobs.forEach((blob, at) => {
      if (!damaged.has(at)) ledger.written(blob);
    });
    return { damaged: piece.blobs.filter((_, at) => damaged.has(at)), memory };
  }

  /** The bytes of a piece; undefined if the pack is missing or too short. */
  async #read(piece: Piece, into: ArrayBuffer): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { repository, signal } = this.#context;
    const ref: FileRef = { kind: "pack", name: piece.pack };
    try {
      return await repository.backend.read(ref, piece, { signal, into });
    } catch (error) {
      if (!isTsbakError(error, "not-found") && !isTsbakError(error, "corrupt")) throw error;
      return undefined;
    }
  }

  /** Try all copies of a blob one by one; what was read before is read again, for the fault may have been on the way. */
  async #rescue(pack: string, blob: PieceBlob): Promise<void> {
    const { index, ledger, certain } = this.#context;
    await certain;
    for (const place of copiesOf(index, blob.id, pack)) {
      const piece = { ...place, blobs: [{ ...blob, ...place }] };
      const damaged = await this.#tryPiece(
        piece,
        await this.#memory.take(place.length + LENT_ROOM),
      );
      if (damaged.length === 0) return;
    }
    ledger.failUses(
      blob,
      `blob ${blob.id.slice(0, 8)} of its contents is damaged or missing in pack ${pack.slice(0, 8)}`,
    );
  }
}

function isWritten(standing: number): boolean {
  return standing === STANDING.fresh || standing === STANDING.replaced;
}

/** Copies in other packs first. */
function copiesOf(index: BlobIndex, id: string, pack: string): BlobLocation[] {
  const places = index.locate("data", id);
  return [
    ...places.filter((place) => place.pack !== pack),
    ...places.filter((place) => place.pack === pack),
  ];
}

function makeTask(
  piece: Piece,
  bytes: Uint8Array<ArrayBuffer>,
  plan: RestorePlan,
): { readonly task: PieceTask; readonly files: readonly number[] } {
  const { uses, partedFiles } = plan;
  const local = new Map<number, number>();
  const blobs = new Float64Array(piece.blobs.length * BLOB_NUMBERS);
  const useNumbers: number[] = [];
  piece.blobs.forEach((blob, at) => {
    const numbers = [blob.offset - piece.offset, blob.length, blob.uncompressedLength];
    blobs.set([...numbers, blob.uses.length], at * BLOB_NUMBERS);
    for (const use of blob.uses) {
      const file = uses.files[use] as number;
      let number = local.get(file);
      if (number === undefined) local.set(file, (number = local.size));
      const offset = partedFiles.has(file) ? (uses.offsets[use] as number) : WHOLE_FILE;
      useNumbers.push(number, offset);
    }
  });
  const files = [...local.keys()];
  const task: PieceTask = {
    kind: "piece",
    bytes,
    ids: piece.blobs.map((blob) => blob.id),
    blobs,
    uses: new Float64Array(useNumbers),
    files: makeBatch(plan.files, plan.directories, files),
  };
  return { task, files };
}
