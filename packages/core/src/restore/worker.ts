import { loadZstd } from "../compress/zstd.ts";
import { Opener } from "../crypto/opener.ts";
import { loadGroupHasher } from "../crypto/sha256-group.ts";
import { DIRECT_BLOCK } from "../fs/direct-write.ts";
import { RootedDirectory } from "../fs/rooted.ts";
import { serveTasks, throwIfStopped } from "../workers/serve-tasks.ts";
import { BatchWriter } from "./batch-writer.ts";
import { BlobGroups, moveOpened, type SealedBlob } from "../repository/blob-group.ts";
import type { EntryBatch } from "./entry-batch.ts";
import { FileComparer } from "./file-comparer.ts";
import { makeMetadataSetter } from "./metadata-setter.ts";
import {
  BLOB_NUMBERS,
  USE_NUMBERS,
  WHOLE_FILE,
  type CompareTask,
  type PieceTask,
  type RestoreResult,
  type RestoreSetup,
  type RestoreTask,
} from "./protocol.ts";

serveTasks<RestoreSetup, RestoreTask, RestoreResult>(async (setup) => {
  const hasher = loadGroupHasher();
  const groups = new BlobGroups(new Opener(setup.key), await loadZstd(), hasher);
  const metadata = makeMetadataSetter(setup.attributes);
  const { target, makesMissing, openDirectories } = setup;
  const root = new RootedDirectory(target, { makesMissing, openDirectories, metadata });
  const comparer = new FileComparer(root, hasher);
  return (task) => {
    const writer = new BatchWriter(root, batchOf(task), setup.sparse);
    if (task.kind === "compare") {
      const compared = comparer.compare(task, writer);
      return { result: { failures: writer.failures, compared } };
    }
    perform(task, groups, writer);
    const { failures } = writer;
    if (task.kind !== "piece") return { result: { failures } };
    const { buffer } = task.bytes;
    return { result: { failures, memory: buffer }, transfer: [buffer] };
  };
});

type WriteTask = Exclude<RestoreTask, CompareTask>;

function batchOf(task: RestoreTask): EntryBatch {
  return task.kind === "directories" ? task.entries : task.files;
}

/** What fails is noted by the writer. Throws `interrupted` between two entries. */
function perform(task: WriteTask, groups: BlobGroups, writer: BatchWriter): void {
  const forEach = (run: (entry: number) => void): void =>
    writer.forEach((entry) => {
      throwIfStopped();
      run(entry);
    });
  switch (task.kind) {
    case "piece":
      writePiece(task, groups, writer);
      break;
    case "empty":
      forEach((file) => writer.writeWhole(file, new Uint8Array(0)));
      break;
    case "prepare":
      forEach((file) => writer.prepareParts(file, task.kept));
      break;
    case "finish":
      forEach((file) => writer.finishParts(file));
      break;
    case "directories":
      forEach((entry) => writer.finishDirectory(entry));
  }
}

/** Every blob is opened once and written to all its places. */
function writePiece(task: PieceTask, groups: BlobGroups, writer: BatchWriter): void {
  let use = 0;
  groups.open(sealedBlobs(task), (opened, blob) => {
    const end = use + (task.blobs[blob * BLOB_NUMBERS + 3] as number);
    if (opened instanceof Uint8Array) {
      let plain = opened;
      for (let at = use; at < end; at++) {
        throwIfStopped();
        plain = moveOpened(plain, shiftOf(task, at));
        const file = task.uses[at * USE_NUMBERS] as number;
        const offset = task.uses[at * USE_NUMBERS + 1] as number;
        if (offset === WHOLE_FILE) writer.writeWhole(file, plain);
        else writer.writePart(file, plain, offset);
      }
    } else {
      writer.failures.push({ of: "blob", at: blob, message: opened.message });
    }
    use = end;
  });
}

function sealedBlobs(task: PieceTask): SealedBlob[] {
  let use = 0;
  return task.ids.map((id, at) => {
    const base = at * BLOB_NUMBERS;
    const start = task.blobs[base] as number;
    const sealed = task.bytes.subarray(start, start + (task.blobs[base + 1] as number));
    const shift = shiftOf(task, use);
    use += task.blobs[base + 3] as number;
    return { sealed, uncompressedLength: task.blobs[base + 2] as number, id, shift };
  });
}

/** How the contents must lie in memory to be written there past the page cache. */
function shiftOf(task: PieceTask, use: number): number {
  const offset = task.uses[use * USE_NUMBERS + 1] as number;
  return offset === WHOLE_FILE ? 0 : offset % DIRECT_BLOCK;
}
