import { loadZstd } from "../compress/zstd.ts";
import { Opener } from "../crypto/opener.ts";
import { SharedIndexView } from "../repository/blob-index.ts";
import { serveTasks } from "../workers/serve-tasks.ts";
import { checkPack, Scratch } from "./check-pack.ts";
import type { VerifyReply, VerifySetup, VerifyTask } from "./verify-protocol.ts";

serveTasks<VerifySetup, VerifyTask, VerifyReply>(async (setup) => {
  const index = new SharedIndexView(setup.index);
  const tools = {
    index,
    opener: new Opener(setup.key),
    zstd: await loadZstd(),
    plain: new Scratch(),
  };
  return (task) => {
    const result = checkPack(task, tools);
    const memory = task.bytes.buffer;
    return { result: { result, memory }, transfer: [result.trees.buffer, memory] };
  };
});
