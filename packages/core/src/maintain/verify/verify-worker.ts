import { loadZstd } from "../../compress/zstd.ts";
import { loadGroupHasher } from "../../crypto/sha256-group.ts";
import { Opener } from "../../crypto/opener.ts";
import { SharedIndexView } from "../../repository/shared-index.ts";
import { serveTasks } from "../../workers/serve-tasks.ts";
import { checkPack } from "./check-pack.ts";
import { Scratch } from "./scratch.ts";
import type { VerifyReply, VerifySetup, VerifyTask } from "./verify-protocol.ts";

serveTasks<VerifySetup, VerifyTask, VerifyReply>(async (setup) => {
  const index = new SharedIndexView(setup.index);
  const tools = {
    index,
    compareNames: setup.compareNames,
    notesPacks: setup.notesPacks,
    opener: new Opener(setup.key),
    zstd: await loadZstd(),
    hasher: loadGroupHasher(),
    sealed: new Scratch(),
    stored: new Scratch(),
    plain: new Scratch(),
  };
  return (task) => {
    const result = checkPack(task, tools);
    if ("descriptor" in task.bytes) {
      return { result: { result, memory: undefined }, transfer: [result.trees.buffer] };
    }
    const memory = task.bytes.memory.buffer;
    return { result: { result, memory }, transfer: [result.trees.buffer, memory] };
  };
});
