import { SourceFile } from "../fs/source-file.ts";
import { statFile, type FileStat } from "../fs/stat.ts";
import { describeSystemError } from "../fs/system-error.ts";
import type { WorkerPool } from "../workers/worker-pool.ts";
import type { StoredFile, StoreReport } from "./file-store.ts";
import {
  createFingerprints,
  hasFingerprint,
  setFingerprint,
  type BackupEvent,
  type BackupResult,
  type BackupTask,
} from "./protocol.ts";

/** A file to be stored and its state. */
export interface LargeSource {
  readonly path: Uint8Array;
  /** Its state, as `setFingerprint` writes it. */
  readonly fingerprint: Float64Array;
}

/** What storing takes. */
export interface LargeFileParts {
  readonly pool: WorkerPool<BackupTask, BackupResult, BackupEvent>;
  readonly report: StoreReport;
}

interface Reading {
  readonly content: string;
  readonly size: number;
  readonly error: string | undefined;
}

/** Chunks of about this many bytes make one task. */
const RANGE_TASK_SIZE = 8 << 20;

/**
 * Stores one large file with all threads: one of them finds the cuts, and all take the chunks between them as soon as
 * they are known (design D5). The file's second reading comes from the page cache.
 */
export class LargeFile {
  readonly #number: number;
  readonly #source: LargeSource;
  /** To forget what was read; undefined if it cannot be opened, which the workers will report. */
  #file: SourceFile | undefined;
  readonly #parts: LargeFileParts;
  #results: Promise<BackupResult>[] = [];
  #ranges: number[] = [];
  #rangeBytes = 0;
  #end = 0;
  #reported = 0;

  /** `number` tells the cuts of this file from those of others. */
  constructor(number: number, source: LargeSource, parts: LargeFileParts) {
    this.#number = number;
    this.#source = source;
    this.#parts = parts;
  }

  /** Store the file; if it changed meanwhile, once more, and that is kept. */
  async store(): Promise<StoredFile> {
    this.#file = this.#open();
    try {
      return await this.#store();
    } finally {
      this.#file?.close();
      this.#file = undefined;
      // From now on the file counts as a whole.
      this.#report(-this.#reported);
    }
  }

  async #store(): Promise<StoredFile> {
    const first = await this.#read();
    const before = this.#statAgain();
    if (
      first.error !== undefined ||
      before === undefined ||
      hasFingerprint(this.#source.fingerprint, 0, before)
    ) {
      return { ...outcome(first), stat: undefined, unstable: false };
    }
    const second = await this.#read();
    const after = this.#statAgain();
    const unstable = after === undefined || !isSame(before, after);
    return { ...outcome(second), stat: { ...before, size: second.size }, unstable };
  }

  /** The next cuts, as the thread that looks for them reports them. */
  addCuts(ends: Float64Array): void {
    for (const end of ends) {
      this.#ranges.push(this.#end, end - this.#end);
      this.#rangeBytes += end - this.#end;
      this.#end = end;
      if (this.#rangeBytes >= RANGE_TASK_SIZE) this.#sendRanges();
    }
  }

  async #read(): Promise<Reading> {
    this.#results = [];
    this.#end = 0;
    const { path } = this.#source;
    const cut = await this.#parts.pool.run({ kind: "cut", file: this.#number, path });
    if (this.#rangeBytes > 0) this.#sendRanges();
    const results = await Promise.all(this.#results);
    for (const result of results) this.#parts.report.counts(result.counts);
    const contents = results.flatMap((result) => result.contents);
    const sizes = results.flatMap((result) => [...result.sizes]);
    return {
      content: contents.filter((id) => id !== "").join(","),
      size: sizes.reduce((sum, size) => sum + size, 0),
      error: [cut, ...results].flatMap((result) => result.notes).find((note) => note.error)?.error,
    };
  }

  #sendRanges(): void {
    const ranges = Float64Array.from(this.#ranges);
    this.#ranges = [];
    this.#rangeBytes = 0;
    const { path } = this.#source;
    const start = ranges[0] as number;
    const length = this.#end - start;
    const result = this.#parts.pool.runFirst({ kind: "ranges", path, ranges });
    // Awaited together at the end, where a failure shows; until then it must not count as unhandled.
    result.then(
      ({ sizes }) => {
        this.#report(sizes.reduce((sum, size) => sum + size, 0));
        this.#file?.forget(start, length);
      },
      () => undefined,
    );
    this.#results.push(result);
  }

  #open(): SourceFile | undefined {
    const { path, fingerprint } = this.#source;
    try {
      return new SourceFile(path, fingerprint[0]);
    } catch (error) {
      describeSystemError(error);
      return undefined;
    }
  }

  #report(bytes: number): void {
    this.#reported += bytes;
    this.#parts.report.part(this.#source.path, bytes);
  }

  /** The state now; undefined if the file is gone: what was read of it is kept. */
  #statAgain(): FileStat | undefined {
    try {
      return statFile(this.#source.path);
    } catch (error) {
      describeSystemError(error);
      return undefined;
    }
  }
}

function outcome(reading: Reading): Pick<StoredFile, "content" | "size" | "error"> {
  const { content, size, error } = reading;
  return { content: error === undefined ? content : undefined, size, error };
}

function isSame(a: FileStat, b: FileStat): boolean {
  const fingerprint = createFingerprints(1);
  setFingerprint(fingerprint, 0, a);
  return hasFingerprint(fingerprint, 0, b);
}
