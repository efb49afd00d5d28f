import { loadZstd } from "../../compress/zstd.ts";
import { Opener } from "../../crypto/opener.ts";
import { BlobMemory } from "../../repository/blob-memory.ts";
import { SharedIndexView } from "../../repository/shared-index.ts";
import type { TaskResult } from "../../workers/serve-tasks.ts";
import { openPackSource } from "../verify/pack-source.ts";
import { Scratch } from "../verify/scratch.ts";
import { BlobMarks } from "./blob-marks.ts";
import { markPack } from "./mark-pack.ts";
import type { MarkReply, MarkSetup, MarkTask } from "./mark-protocol.ts";

/** What marks the blobs that the trees of a pack refer to. For one thread. */
export async function prepareMarking(
  setup: MarkSetup,
): Promise<(task: MarkTask) => TaskResult<MarkReply>> {
  const tools = {
    index: new SharedIndexView(setup.index),
    marks: new BlobMarks(setup.marks),
    memory: new BlobMemory(new Opener(setup.key), await loadZstd()),
  };
  const read = new Scratch();
  return (task) => {
    const source = openPackSource(task.bytes, (size) => read.atLeast(size));
    const reply = markPack(task, source, tools);
    const transfer = [reply.outside.buffer, reply.damaged.buffer];
    if ("descriptor" in task.bytes) return { result: { ...reply, memory: undefined }, transfer };
    const memory = task.bytes.memory.buffer;
    return { result: { ...reply, memory }, transfer: [...transfer, memory] };
  };
}
