import { loadZstd } from "../compress/zstd.ts";
import { Opener } from "../crypto/opener.ts";
import { SharedIndexView } from "../repository/blob-index.ts";
import { serveTasks } from "../workers/serve-tasks.ts";
import { checkPack, Scratch } from "./check-pack.ts";
import type { VerifyResult, VerifySetup, VerifyTask } from "./verify-protocol.ts";

serveTasks<VerifySetup, VerifyTask, VerifyResult>(async (setup) => {
  const index = new SharedIndexView(setup.index);
  const tools = {
    index,
    opener: new Opener(setup.key),
    zstd: await loadZstd(),
    plain: new Scratch(),
  };
  return (task) => {
    const result = checkPack(task, tools);
    // Given back at once where Node can, from 22 on: else garbage of many packs waits for a collection.
    task.bytes.buffer.transfer?.(0);
    return { result, transfer: [result.trees.buffer] };
  };
});
