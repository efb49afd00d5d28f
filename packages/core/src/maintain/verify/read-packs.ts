import { availableParallelism } from "node:os";
import { forEachConcurrent } from "../../async/map-concurrent.ts";
import { throwIfAborted } from "../../async/interrupted.ts";
import {
  LENT_ROOM,
  type CallOptions,
  type FileRef,
  type OpenFile,
  type ReadOptions,
} from "../../backend/backend.ts";
import { releaseMemory } from "../../bytes/release-memory.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import { loadPosix } from "../../fs/posix.ts";
import type { Repository } from "../../repository/repository.ts";
import { moduleUrl } from "../../workers/module-url.ts";
import { MemoryPool } from "../../workers/memory-pool.ts";
import { WorkerPool } from "../../workers/worker-pool.ts";
import type { PackBytes, VerifyReply, VerifyResult, VerifyTask } from "./verify-protocol.ts";

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

/** Packs that are in memory beside those that the backend reads, or beside those that the threads work on. */
const READ_AHEAD = 1;
/** Open files that wait for each thread, beside the one that it works on. */
const OPEN_AHEAD = 1;
/** Memory for a pack of the usual size, in bytes. Larger ones are read with fewer at once. */
const PACK_MEMORY = 18 << 20;

/** Threads that check packs. `readPacks` assumes that they have begun, with a `VerifySetup`. */
export type VerifyPool = WorkerPool<VerifyTask, VerifyReply>;

interface Checking {
  readonly repository: Repository;
  readonly pool: VerifyPool;
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
  pool: VerifyPool,
  jobs: Iterable<PackJob>,
  onOutcome: (job: PackJob, outcome: PackOutcome) => void,
  options: CallOptions = {},
): Promise<void> {
  const { connections, openFile } = repository.backend;
  // What threads read themselves is in no memory of ours. What comes from elsewhere keeps the backend busy.
  const held = READ_AHEAD + (openFile ? pool.size : Math.max(pool.size, connections));
  const memory = new MemoryPool(held * PACK_MEMORY);
  const checking = { repository, pool, memory };
  const work = async (job: PackJob, signal: AbortSignal): Promise<void> =>
    onOutcome(job, await checkTwice(checking, job, { signal }));
  const concurrency = Math.max(pool.size * (1 + OPEN_AHEAD), held);
  await forEachConcurrent(jobs, work, { concurrency, signal: options.signal });
}

/**
 * Start threads for one verification, as many as the machine has cores if not said, to be handed to it. They load their code at
 * once, while the caller opens the repository. The process does not end before they are closed: by the end of the verification, or,
 * if it comes to none, by whoever started them; closing them twice does no harm.
 */
export function startVerifyWorkers(threads: number = availableParallelism()): VerifyPool {
  return new WorkerPool(moduleUrl("maintain/verify/verify-worker"), threads);
}

async function checkTwice(
  checking: Checking,
  job: PackJob,
  options: CallOptions,
): Promise<PackOutcome> {
  const first = (await checkFile(checking, job, options)) ?? (await check(checking, job, options));
  return isClean(first) ? first : check(checking, job, options);
}

/** Have a thread read the pack itself. Undefined where it cannot: then it is for the backend to say why. */
async function checkFile(
  { repository, pool }: Checking,
  job: PackJob,
  options: CallOptions,
): Promise<PackOutcome | undefined> {
  const file = await openFile(repository, job, options);
  if (file === undefined) return undefined;
  try {
    const { descriptor, size, alignment } = file;
    if (alignment === 1) loadPosix()?.cache?.willNeed(descriptor, job.start, job.length);
    return { result: (await pool.run(taskOf(job, { descriptor, size, alignment }))).result };
  } catch (error) {
    throwIfAborted(options.signal);
    if (isTsbakError(error, "interrupted")) throw error;
    return undefined;
  } finally {
    await file.close();
  }
}

async function openFile(
  { backend }: Repository,
  { name }: PackJob,
  options: CallOptions,
): Promise<OpenFile | undefined> {
  try {
    return await backend.openFile?.({ kind: "pack", name }, options);
  } catch (error) {
    if (isTsbakError(error) && error.code !== "interrupted") return undefined;
    throw error;
  }
}

function taskOf({ isWhole, name, entries }: PackJob, bytes: PackBytes): VerifyTask {
  return { bytes, name: isWhole ? name : undefined, entries };
}

async function check(
  { repository, pool, memory }: Checking,
  job: PackJob,
  options: CallOptions,
): Promise<PackOutcome> {
  const loan = await memory.take(job.length + LENT_ROOM);
  let back = loan.memory;
  try {
    const bytes = await read(repository, job, { ...options, into: loan.memory });
    if (!(bytes instanceof Uint8Array)) return bytes;
    const isOfLoan = bytes.buffer === loan.memory;
    const task = taskOf(job, { memory: bytes, start: job.start });
    const reply = await pool.run(task, [bytes.buffer]);
    const { memory: returned = new ArrayBuffer(0) } = reply;
    if (isOfLoan) back = returned;
    else releaseMemory(returned);
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
