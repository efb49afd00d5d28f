import { loadZstd } from "../../compress/zstd.ts";
import { Opener } from "../../crypto/opener.ts";
import { loadGroupHasher } from "../../crypto/sha256-group.ts";
import type { BlobType } from "../../format/blob-type.ts";
import { BlobEncoder } from "../../repository/blob-encoder.ts";
import { SharedIndexView } from "../../repository/shared-index.ts";
import { OpenPacks } from "../../repository/open-packs.ts";
import { PackMemoryPool } from "../../repository/pack-memory.ts";
import { serveTasks, throwIfStopped } from "../../workers/serve-tasks.ts";
import { openPackSource } from "../verify/pack-source.ts";
import { Scratch } from "../verify/scratch.ts";
import { BlobMover } from "./blob-mover.ts";
import type {
  TransferEvent,
  TransferReply,
  TransferSetup,
  TransferTask,
} from "./transfer-protocol.ts";

serveTasks<TransferSetup, TransferTask, TransferReply, TransferEvent>(async (setup, emit) => {
  const zstd = await loadZstd();
  const memory = new PackMemoryPool(setup.packMemory, throwIfStopped);
  const openPacks = (type: BlobType): OpenPacks =>
    new OpenPacks(setup.targetKey, setup.packSize, memory, setup.openPacks[type]);
  const sealed = new Scratch();
  const mover = new BlobMover({
    index: new SharedIndexView(setup.index),
    opener: new Opener(setup.sourceKey),
    zstd,
    hasher: loadGroupHasher(),
    encoder: new BlobEncoder(zstd, { ...setup, always: setup.recompress === "all" }),
    packs: { data: openPacks("data"), tree: openPacks("tree") },
    sharesKey: setup.sharesKey,
    version: setup.version,
    recompress: setup.recompress,
    stored: new Scratch(),
    plain: new Scratch(),
    onPack: (type, pack) => emit({ type, pack }),
  });
  return (task) => {
    if (task.kind === "blob") {
      mover.store(task.entry, task.plain);
      return { result: { damaged: new Uint32Array(0), memory: undefined } };
    }
    const { bytes } = task;
    const source = openPackSource(bytes, (size) => sealed.atLeast(size));
    const damaged = Uint32Array.from(mover.move(source, task.entries));
    if ("descriptor" in bytes) return { result: { damaged, memory: undefined } };
    const memoryOfTask = bytes.memory.buffer;
    return { result: { damaged, memory: memoryOfTask }, transfer: [memoryOfTask] };
  };
});
