import { joinNulList } from "../bytes/nul-list.ts";
import type { FileStat } from "../fs/stat.ts";
import type { WorkerPool } from "../workers/worker-pool.ts";
import { LargeFile } from "./large-file.ts";
import {
  createFingerprints,
  FINGERPRINT_NUMBERS,
  type BackupEvent,
  type BackupResult,
  type BackupTask,
  type StoreCounts,
} from "./protocol.ts";

/** How storing the contents of a file came out. */
export interface StoredFile {
  /** Ids of its blobs as JSON: `"…","…"`; undefined if the file could not be read. */
  readonly content: string | undefined;
  /** Bytes read. */
  readonly size: number;
  /** The state that was stored, where it is not the one that was given. */
  readonly stat: FileStat | undefined;
  readonly unstable: boolean;
  readonly error: string | undefined;
}

/** Who is told while files are stored. */
export interface StoreReport {
  /** What was new in a task. */
  counts(counts: StoreCounts): void;
  /** Bytes of a large file have been read; negative when they are taken back. */
  part(path: Uint8Array, bytes: number): void;
}

interface WaitingFile {
  readonly path: Uint8Array;
  readonly fingerprint: Float64Array;
  readonly done: (file: StoredFile) => void;
}

type BackupPool = WorkerPool<BackupTask, BackupResult, BackupEvent>;

/** A message to a worker costs as much as a small file, so small files travel together. */
const BATCH_FILES = 128;
const BATCH_BYTES = 4 << 20;
/** From this size on the chunks of a file are shared among all threads. */
const LARGE_SIZE = 48 << 20;

/** Gives files to the workers, small ones in batches, and brings each result to whoever asked. */
export class FileStore {
  readonly #pool: BackupPool;
  readonly #report: StoreReport;
  readonly #running = new Set<Promise<void>>();
  readonly #large = new Map<number, LargeFile>();
  #batch: WaitingFile[] = [];
  #batchBytes = 0;
  #nextLarge = 0;
  #failure: Error | undefined;

  constructor(pool: BackupPool, report: StoreReport) {
    this.#pool = pool;
    this.#report = report;
  }

  /** Store a file some time; `done` is called with the outcome. The arrays are kept. */
  store(path: Uint8Array, fingerprint: Float64Array, done: (file: StoredFile) => void): void {
    const size = fingerprint[0] ?? 0;
    if (size >= LARGE_SIZE) {
      this.#storeLarge({ path, fingerprint, done });
      return;
    }
    this.#batch.push({ path, fingerprint, done });
    this.#batchBytes += size;
    if (this.#batch.length >= BATCH_FILES || this.#batchBytes >= BATCH_BYTES) this.#sendBatch();
  }

  /** Bring the cuts that a worker found in a large file to it. */
  addCuts(event: Extract<BackupEvent, { kind: "cuts" }>): void {
    this.#large.get(event.file)?.addCuts(event.ends);
  }

  /** Wait until the workers have room for more. Rejects with the first failure there was. */
  async room(): Promise<void> {
    await this.#pool.room(this.#pool.size);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Wait for all files. */
  async finish(): Promise<void> {
    if (this.#batch.length > 0) this.#sendBatch();
    while (this.#running.size > 0) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #sendBatch(): void {
    const files = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    const stats = createFingerprints(files.length);
    files.forEach((file, at) => stats.set(file.fingerprint, at * FINGERPRINT_NUMBERS));
    const paths = joinNulList(files.map(({ path }) => path));
    this.#track(
      this.#pool
        .run({ kind: "files", paths, stats }, [paths.buffer, stats.buffer])
        .then((result) => this.#deliver(files, result)),
    );
  }

  #deliver(files: readonly WaitingFile[], result: BackupResult): void {
    this.#report.counts(result.counts);
    const notes = new Map(result.notes.map((note) => [note.at, note]));
    files.forEach((file, at) => {
      const note = notes.get(at);
      file.done({
        content: note?.error === undefined ? result.contents[at] : undefined,
        size: result.sizes[at] ?? 0,
        stat: note?.stat,
        unstable: note?.unstable ?? false,
        error: note?.error,
      });
    });
  }

  #storeLarge(waiting: WaitingFile): void {
    const number = this.#nextLarge++;
    const file = new LargeFile(number, waiting, {
      pool: this.#pool,
      report: this.#report,
    });
    this.#large.set(number, file);
    this.#track(
      file.store().then((stored) => {
        this.#large.delete(number);
        waiting.done(stored);
      }),
    );
  }

  #track(work: Promise<void>): void {
    const task = work
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }
}
