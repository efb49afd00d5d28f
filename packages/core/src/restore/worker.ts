import { loadZstd } from "../compress/zstd.ts";
import { Opener } from "../crypto/opener.ts";
import { isTsbakError } from "../errors.ts";
import { DIRECT_BLOCK, LEAST_DIRECT } from "../fs/direct-write.ts";
import { RootedDirectory } from "../fs/rooted.ts";
import { serveTasks, throwIfStopped } from "../workers/serve-tasks.ts";
import { BatchWriter } from "./batch-writer.ts";
import { BlobMemory } from "../repository/blob-memory.ts";
import type { EntryBatch } from "./entry-batch.ts";
import {
  BLOB_NUMBERS,
  USE_NUMBERS,
  WHOLE_FILE,
  type PieceTask,
  type RestoreFailure,
  type RestoreResult,
  type RestoreSetup,
  type RestoreTask,
} from "./protocol.ts";

/** Files of a pack lie in few directories, and many threads must not use up the descriptors of the process. */
const OPEN_DIRECTORIES = 64;

serveTasks<RestoreSetup, RestoreTask, RestoreResult>(async (setup) => {
  const memory = new BlobMemory(new Opener(setup.key), await loadZstd());
  const root = new RootedDirectory(setup.target, { openDirectories: OPEN_DIRECTORIES });
  return (task) => {
    const writer = new BatchWriter(root, batchOf(task), setup.sparse);
    perform(task, memory, writer);
    const { failures } = writer;
    if (task.kind !== "piece") return { result: { failures } };
    const { buffer } = task.bytes;
    return { result: { failures, memory: buffer }, transfer: [buffer] };
  };
});

function batchOf(task: RestoreTask): EntryBatch {
  return task.kind === "directories" ? task.entries : task.files;
}

/** What fails is noted by the writer. Throws `interrupted` between two entries. */
function perform(task: RestoreTask, memory: BlobMemory, writer: BatchWriter): void {
  const forEach = (run: (entry: number) => void): void =>
    writer.forEach((entry) => {
      throwIfStopped();
      run(entry);
    });
  switch (task.kind) {
    case "piece":
      writePiece(task, memory, writer);
      break;
    case "empty":
      forEach((file) => writer.writeWhole(file, new Uint8Array(0)));
      break;
    case "finish":
      forEach((file) => writer.finishParts(file));
      break;
    case "directories":
      forEach((entry) => writer.finishDirectory(entry));
  }
}

/** Every blob is opened once and written to all its places before the next one is opened. */
function writePiece(task: PieceTask, memory: BlobMemory, writer: BatchWriter): void {
  let use = 0;
  for (let blob = 0; blob < task.ids.length; blob++) {
    const end = use + (task.blobs[blob * BLOB_NUMBERS + 3] as number);
    let plain = tryOpen(task, memory, blob, shiftOf(task, use), writer.failures);
    for (; plain !== undefined && use < end; use++) {
      throwIfStopped();
      const file = task.uses[use * USE_NUMBERS] as number;
      const offset = task.uses[use * USE_NUMBERS + 1] as number;
      if (plain.length >= LEAST_DIRECT) plain = memory.move(plain, shiftOf(task, use));
      if (offset === WHOLE_FILE) writer.writeWhole(file, plain);
      else writer.writePart(file, plain, offset);
    }
    use = end;
  }
}

/** How the contents must lie in memory to be written there past the page cache. */
function shiftOf(task: PieceTask, use: number): number {
  const offset = task.uses[use * USE_NUMBERS + 1] as number;
  return offset === WHOLE_FILE ? 0 : offset % DIRECT_BLOCK;
}

function tryOpen(
  task: PieceTask,
  memory: BlobMemory,
  blob: number,
  shift: number,
  failures: RestoreFailure[],
): Uint8Array<ArrayBuffer> | undefined {
  const base = blob * BLOB_NUMBERS;
  const start = task.blobs[base] as number;
  const sealed = task.bytes.subarray(start, start + (task.blobs[base + 1] as number));
  try {
    return memory.open(sealed, task.blobs[base + 2] as number, task.ids[blob] as string, shift);
  } catch (error) {
    if (!isTsbakError(error, "corrupt")) throw error;
    failures.push({ of: "blob", at: blob, message: error.message });
    return undefined;
  }
}
