import { statFile, type FileStat } from "../fs/stat.ts";
import { describeSystemError } from "../fs/system-error.ts";
import type { WorkerPool } from "../workers/worker-pool.ts";
import type { StoredFile } from "./file-store.ts";
import {
  createFingerprints,
  hasFingerprint,
  setFingerprint,
  type BackupEvent,
  type BackupResult,
  type BackupTask,
  type StoreCounts,
} from "./protocol.ts";

/** A file to be stored and its state. */
export interface LargeSource {
  readonly path: Uint8Array;
  readonly stat: FileStat;
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
  readonly #pool: WorkerPool<BackupTask, BackupResult, BackupEvent>;
  readonly #number: number;
  readonly #source: LargeSource;
  readonly #onCounts: (counts: StoreCounts) => void;
  #parts: Promise<BackupResult>[] = [];
  #ranges: number[] = [];
  #rangeBytes = 0;
  #end = 0;

  constructor(
    pool: WorkerPool<BackupTask, BackupResult, BackupEvent>,
    number: number,
    source: LargeSource,
    onCounts: (counts: StoreCounts) => void,
  ) {
    this.#pool = pool;
    this.#number = number;
    this.#source = source;
    this.#onCounts = onCounts;
  }

  /** Store the file; if it changed meanwhile, once more, and that is kept. */
  async store(): Promise<StoredFile> {
    const first = await this.#read();
    const before = this.#statAgain();
    if (first.error !== undefined || before === undefined || isSame(this.#source.stat, before)) {
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
    this.#parts = [];
    this.#end = 0;
    const { path } = this.#source;
    const cut = await this.#pool.run({ kind: "cut", file: this.#number, path });
    if (this.#rangeBytes > 0) this.#sendRanges();
    const parts = await Promise.all(this.#parts);
    for (const part of parts) this.#onCounts(part.counts);
    return {
      content: parts
        .flatMap((part) => part.contents)
        .filter((id) => id !== "")
        .join(","),
      size: parts.reduce((sum, part) => sum + part.sizes.reduce((a, b) => a + b, 0), 0),
      error: [cut, ...parts].flatMap((part) => part.notes).find((note) => note.error)?.error,
    };
  }

  #sendRanges(): void {
    const ranges = Float64Array.from(this.#ranges);
    this.#ranges = [];
    this.#rangeBytes = 0;
    const part = this.#pool.runFirst({ kind: "ranges", path: this.#source.path, ranges });
    // Awaited together at the end; until then a failure must not count as unhandled.
    part.catch(() => undefined);
    this.#parts.push(part);
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
