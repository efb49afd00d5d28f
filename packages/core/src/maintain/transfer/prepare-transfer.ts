import { loadZstd } from "../../compress/zstd.ts";
import { Opener } from "../../crypto/opener.ts";
import { loadGroupHasher } from "../../crypto/sha256-group.ts";
import type { BlobType } from "../../format/blob-type.ts";
import { BlobEncoder, type EncoderOptions } from "../../repository/blob-encoder.ts";
import { OpenPacks } from "../../repository/open-packs.ts";
import { PackMemoryPool, type PackMemory } from "../../repository/pack-memory.ts";
import { SharedIndexView } from "../../repository/shared-index.ts";
import { throwIfStopped, type Emit, type TaskResult } from "../../workers/serve-tasks.ts";
import { openPackSource } from "../verify/pack-source.ts";
import { Scratch } from "../verify/scratch.ts";
import { BlobMover } from "./blob-mover.ts";
import type {
  TransferEvent,
  TransferReply,
  TransferSetup,
  TransferTask,
} from "./transfer-protocol.ts";

/** Where memory counts more than a few page faults: what is kept of each kind of room, in bytes. Long blobs take more, and give it back. */
const KEPT_IF_SMALL = 1 << 20;

/** Where the mover works in the main thread, which must not be blocked. */
export interface MainThread {
  /** Memory for packs that need not be waited for. */
  readonly memory: PackMemory;
  /** See `MoverTools`. Waits until there are not too many packs, and throws when nothing more is to be moved. */
  readonly room: () => Promise<void>;
}

/** What moves blobs out of packs. For one thread: a worker's unless `main` is given. */
export async function prepareTransfer(
  setup: TransferSetup,
  emit: Emit<TransferEvent>,
  main?: MainThread,
): Promise<(task: TransferTask) => Promise<TaskResult<TransferReply>>> {
  const zstd = await loadZstd();
  const memory = main?.memory ?? poolOf(setup);
  const openPacks = (type: BlobType): OpenPacks =>
    new OpenPacks(setup.targetKey, setup.packSize, memory, setup.openPacks[type]);
  const isSmall = main !== undefined;
  const scratch = (): Scratch => new Scratch(isSmall ? KEPT_IF_SMALL : undefined);
  const sealed = scratch();
  const mover = new BlobMover({
    index: new SharedIndexView(setup.index),
    opener: new Opener(setup.sourceKey),
    zstd,
    hasher: loadGroupHasher(),
    encoder: new BlobEncoder(zstd, { ...encoderOptions(setup), mostlyShort: isSmall }),
    packs: { data: openPacks("data"), tree: openPacks("tree") },
    sharesKey: setup.sharesKey,
    version: setup.version,
    recompress: setup.recompress,
    stored: scratch(),
    plain: scratch(),
    onPack: (type, pack) => emit({ type, pack }),
    room: main?.room ?? (() => throwIfStopped()),
  });
  return async (task) => {
    if (task.kind === "blob") {
      await mover.store(task.entry, task.plain);
      return { result: { damaged: new Uint32Array(0), memory: undefined } };
    }
    const { bytes } = task;
    const source = openPackSource(bytes, (size) => sealed.atLeast(size));
    const damaged = Uint32Array.from(await mover.move(source, task.entries));
    if ("descriptor" in bytes) return { result: { damaged, memory: undefined } };
    const memoryOfTask = bytes.memory.buffer;
    return { result: { damaged, memory: memoryOfTask }, transfer: [memoryOfTask] };
  };
}

function encoderOptions(setup: TransferSetup): EncoderOptions {
  const { recompress } = setup;
  return { ...setup, always: recompress === "all", tries: recompress === "tried" };
}

function poolOf({ packMemory }: TransferSetup): PackMemory {
  if (packMemory === undefined) throw new Error("prepareTransfer() assumes memory for packs");
  return new PackMemoryPool(packMemory, throwIfStopped);
}
