import { availableParallelism } from "node:os";
import { forEachConcurrent } from "../async/map-concurrent.ts";
import type { CallOptions, FileRef } from "../backend/backend.ts";
import { isTsbakError, type TsbakError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import type { SharedBlobIndex } from "../repository/blob-index.ts";
import { moduleUrl } from "../workers/module-url.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import type { VerifyResult, VerifySetup, VerifyTask } from "./verify-protocol.ts";

/** Bytes to be read and checked: a whole pack, or a run of blobs in it. */
export interface PackJob {
  readonly pack: number;
  readonly name: string;
  readonly isWhole: boolean;
  /** First byte to be read and number of bytes; of a whole pack, the size that it should have. */
  readonly start: number;
  readonly length: number;
  /** Index entries of the blobs in it, ascending by offset. */
  readonly entries: Uint32Array;
}

/** What came of a job: findings, or why it could not be read. */
export type PackOutcome = { readonly result: VerifyResult } | { readonly error: TsbakError };

/** Read-ahead beyond what the threads work on: one pack being read, one that waits. */
const READ_AHEAD = 2;

/**
 * Read packs in this thread, check them in others, and tell what each came to, in no particular order. What
 * seems damaged is read a second time before that is believed: the fault may have been on the way.
 *
 * @throws {TsbakError} `interrupted`.
 */
export async function readPacks(
  repository: Repository,
  index: SharedBlobIndex,
  jobs: Iterable<PackJob>,
  onOutcome: (job: PackJob, outcome: PackOutcome) => void,
  options: CallOptions & { readonly threads?: number | undefined } = {},
): Promise<void> {
  const setup: VerifySetup = { key: repository.masterKey, index };
  const pool = new WorkerPool<VerifyTask, VerifyResult>(
    moduleUrl(import.meta.url, "verify-worker"),
    setup,
    options.threads ?? availableParallelism(),
  );
  const work = async (job: PackJob, signal: AbortSignal): Promise<void> =>
    onOutcome(job, await checkTwice(repository, pool, job, { signal }));
  try {
    const concurrency = pool.size + READ_AHEAD;
    await forEachConcurrent(jobs, work, { concurrency, signal: options.signal });
  } finally {
    await pool.close();
  }
}

async function checkTwice(
  repository: Repository,
  pool: WorkerPool<VerifyTask, VerifyResult>,
  job: PackJob,
  options: CallOptions,
): Promise<PackOutcome> {
  const first = await check(repository, pool, job, options);
  return isClean(first) ? first : check(repository, pool, job, options);
}

async function check(
  repository: Repository,
  pool: WorkerPool<VerifyTask, VerifyResult>,
  job: PackJob,
  options: CallOptions,
): Promise<PackOutcome> {
  const { start, entries } = job;
  const ref: FileRef = { kind: "pack", name: job.name };
  const range = job.isWhole ? undefined : { offset: start, length: job.length };
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await repository.backend.read(ref, range, options);
  } catch (error) {
    if (isTsbakError(error) && error.code !== "interrupted") return { error };
    throw error;
  }
  const name = job.isWhole ? job.name : undefined;
  return { result: await pool.run({ bytes, start, name, entries }, [bytes.buffer]) };
}

function isClean(outcome: PackOutcome): boolean {
  if ("error" in outcome) return false;
  return outcome.result.packFaults.length === 0 && outcome.result.damaged.length === 0;
}
