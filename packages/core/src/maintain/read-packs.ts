import { availableParallelism } from "node:os";
import { forEachConcurrent } from "../async/map-concurrent.ts";
import type { CallOptions, FileRef, ReadOptions } from "../backend/backend.ts";
import { isTsbakError, type TsbakError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import type { SharedBlobIndex } from "../repository/blob-index.ts";
import { moduleUrl } from "../workers/module-url.ts";
import { MemoryPool, releaseMemory } from "../workers/memory-pool.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import type { VerifyReply, VerifyResult, VerifySetup, VerifyTask } from "./verify-protocol.ts";

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

/** Packs that are read ahead of what the threads work on. */
const READ_AHEAD = 1;
/** Memory for a pack of the usual size, in bytes. Larger ones are read with fewer at once. */
const PACK_MEMORY = 24 << 20;

interface Checking {
  readonly repository: Repository;
  readonly pool: WorkerPool<VerifyTask, VerifyReply>;
  readonly memory: MemoryPool;
}

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
  const pool = new WorkerPool<VerifyTask, VerifyReply>(
    moduleUrl(import.meta.url, "verify-worker"),
    options.threads ?? availableParallelism(),
  ).begin(setup);
  const concurrency = pool.size + READ_AHEAD;
  const checking = { repository, pool, memory: new MemoryPool(concurrency * PACK_MEMORY) };
  const work = async (job: PackJob, signal: AbortSignal): Promise<void> =>
    onOutcome(job, await checkTwice(checking, job, { signal }));
  try {
    await forEachConcurrent(jobs, work, { concurrency, signal: options.signal });
  } finally {
    await pool.close();
  }
}

async function checkTwice(
  checking: Checking,
  job: PackJob,
  options: CallOptions,
): Promise<PackOutcome> {
  const first = await check(checking, job, options);
  return isClean(first) ? first : check(checking, job, options);
}

async function check(
  { repository, pool, memory }: Checking,
  job: PackJob,
  options: CallOptions,
): Promise<PackOutcome> {
  const loan = await memory.take(job.length);
  let back = loan.memory;
  try {
    const bytes = await read(repository, job, { ...options, into: loan.memory });
    if (!(bytes instanceof Uint8Array)) return bytes;
    const isOfLoan = bytes.buffer === loan.memory;
    const { start, entries } = job;
    const name = job.isWhole ? job.name : undefined;
    const reply = await pool.run({ bytes, start, name, entries }, [bytes.buffer]);
    if (isOfLoan) back = reply.memory;
    else releaseMemory(reply.memory);
    return { result: reply.result };
  } finally {
    memory.give(loan, back);
  }
}

async function read(
  repository: Repository,
  job: PackJob,
  options: ReadOptions,
): Promise<Uint8Array<ArrayBuffer> | { readonly error: TsbakError }> {
  const ref: FileRef = { kind: "pack", name: job.name };
  const range = job.isWhole ? undefined : { offset: job.start, length: job.length };
  try {
    return await repository.backend.read(ref, range, options);
  } catch (error) {
    if (isTsbakError(error) && error.code !== "interrupted") return { error };
    throw error;
  }
}

function isClean(outcome: PackOutcome): boolean {
  if ("error" in outcome) return false;
  return outcome.result.packFaults.length === 0 && outcome.result.damaged.length === 0;
}
