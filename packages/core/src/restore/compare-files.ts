import { forEachConcurrent } from "../async/map-concurrent.ts";
import { SHA256_SIZE } from "../crypto/sha256.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { WorkerPool } from "../workers/worker-pool.ts";
import { makeBatch } from "./entry-batch.ts";
import {
  FOUND,
  PART_NUMBERS,
  STATE_NUMBERS,
  type Compared,
  type CompareTask,
  type RestoreFailure,
  type RestoreResult,
  type RestoreTask,
} from "./protocol.ts";
import type { RestorePlan } from "./restore-plan.ts";

/** What comparing needs. */
export interface CompareContext {
  readonly plan: RestorePlan;
  readonly index: BlobIndex;
  readonly pool: WorkerPool<RestoreTask, RestoreResult>;
  readonly signal: AbortSignal | undefined;
}

/** What stands in the place of a file. */
export interface FoundFile {
  /** One of `FOUND`. */
  readonly found: number;
  /** How many names it has. */
  readonly links: number;
  /** User id of its owner. */
  readonly owner: number;
}

/** How files are compared. */
export type CompareRule = Pick<CompareTask, "overwrite" | "finishes">;

/** What is done with each result. */
export interface CompareSink {
  /** Of each blob, by its use, whether it is in its place. */
  readonly onBlob: (use: number, isThere: boolean) => void;
  /** When all blobs of a file have been told. */
  readonly onFile: (file: number, found: FoundFile) => void;
  /** When the metadata of a file could not be set. */
  readonly onFailure?: (file: number, failure: RestoreFailure) => void;
}

/** A part of a file: `first` and `end` are numbers of uses. */
interface Part {
  readonly file: number;
  readonly offset: number;
  readonly first: number;
  readonly end: number;
}

/** A file of several parts, some of which are not compared yet. */
interface OpenFile {
  remaining: number;
  found: FoundFile;
}

/** Bytes that one task reads, but for a last blob. */
const TASK_SIZE = 32 << 20;
const TASK_PARTS = 256;
const TASKS_PER_THREAD = 3;

/** Have threads read what stands in the place of files, and compare it blob by blob with what they shall be. */
export async function compareFiles(
  files: readonly number[],
  rule: CompareRule,
  context: CompareContext,
  sink: CompareSink,
): Promise<void> {
  const open = new Map<number, OpenFile>();
  const work = async (parts: readonly Part[]): Promise<void> => {
    const { compared, failures } = await context.pool.run(makeTask(parts, rule, context));
    for (const failure of failures) sink.onFailure?.((parts[failure.at] as Part).file, failure);
    if (compared !== undefined) receive(parts, compared, open, sink);
  };
  const concurrency = context.pool.size * TASKS_PER_THREAD;
  const { signal } = context;
  await forEachConcurrent(cutTasks(files, open, context), work, { concurrency, signal });
}

function* cutTasks(
  files: readonly number[],
  open: Map<number, OpenFile>,
  context: CompareContext,
): Generator<readonly Part[]> {
  let parts: Part[] = [];
  let size = 0;
  for (const file of files) {
    const own = cutParts(file, context);
    if (own.length > 1) open.set(file, { remaining: own.length, found: NOT_FOUND });
    for (const part of own) {
      parts.push(part);
      size += own.length > 1 ? TASK_SIZE : context.plan.files.size(file);
      if (size < TASK_SIZE && parts.length < TASK_PARTS) continue;
      yield parts;
      [parts, size] = [[], 0];
    }
  }
  if (parts.length > 0) yield parts;
}

const NOT_FOUND: FoundFile = { found: FOUND.nothing, links: 0, owner: 0 };

function cutParts(file: number, { plan, index }: CompareContext): Part[] {
  const { first, end } = plan.files.usesOf(file);
  if (plan.files.size(file) <= TASK_SIZE) return [{ file, offset: 0, first, end }];
  const parts: Part[] = [];
  let [start, offset, size] = [first, 0, 0];
  for (let use = first; use < end; use++) {
    size += index.plainLengthAt(plan.uses.entries[use] as number);
    if (size < TASK_SIZE && use + 1 < end) continue;
    parts.push({ file, offset, first: start, end: use + 1 });
    [start, offset, size] = [use + 1, offset + size, 0];
  }
  return parts;
}

function makeTask(
  parts: readonly Part[],
  rule: CompareRule,
  { plan, index }: CompareContext,
): CompareTask {
  const count = parts.reduce((sum, { first, end }) => sum + end - first, 0);
  const numbers = new Float64Array(parts.length * PART_NUMBERS);
  const ids = Buffer.alloc(count * SHA256_SIZE);
  const lengths = new Float64Array(count);
  let blob = 0;
  parts.forEach(({ offset, first, end }, at) => {
    numbers.set([at, offset, end - first], at * PART_NUMBERS);
    for (let use = first; use < end; use++, blob++) {
      const entry = plan.uses.entries[use] as number;
      ids.write(index.idAt(entry), blob * SHA256_SIZE, "hex");
      lengths[blob] = index.plainLengthAt(entry);
    }
  });
  const files = makeBatch(
    plan.files,
    plan.directories,
    parts.map(({ file }) => file),
  );
  return { kind: "compare", files, ...rule, parts: numbers, ids, lengths };
}

function receive(
  parts: readonly Part[],
  { states, matches }: Compared,
  open: Map<number, OpenFile>,
  sink: CompareSink,
): void {
  let blob = 0;
  parts.forEach(({ file, first, end }, at) => {
    for (let use = first; use < end; use++) sink.onBlob(use, matches[blob++] === 1);
    const [code, links, owner] = states.subarray(at * STATE_NUMBERS);
    const found = { found: code ?? 0, links: links ?? 0, owner: owner ?? 0 };
    const others = open.get(file);
    if (others === undefined) return sink.onFile(file, found);
    others.found = found;
    if (--others.remaining === 0) sink.onFile(file, found);
  });
}
