import { expect, test } from "vitest";
import { sleep } from "../../async/sleep.ts";
import type { FaultyBackend } from "../../testing/faulty-backend.ts";
import { putLock } from "../../testing/lock-samples.ts";
import { all, createScene, expectClean, idOf, slowly } from "../../testing/prune-scene.ts";
import { verify } from "../verify/verify.ts";
import type { PruneOptions } from "./prune-options.ts";
import { prune } from "./prune.ts";

function locksWritten({ calls }: FaultyBackend): number {
  return calls.filter(({ method, ref }) => method === "write" && ref?.kind === "lock").length;
}

test("prune() alone takes one lock", async () => {
  const scene = await createScene();
  const { backend, pruned } = slowly(scene);

  await prune(pruned, all);

  expect(locksWritten(backend)).toBe(1);
  await expectClean(scene.testing.repository);
});

test("prune() begins again beside somebody who came in the same moment, and keeps what that one needs", async () => {
  const scene = await createScene();
  const { repository } = scene.testing;
  const { backend, pruned } = slowly(scene);
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  // The look that makes the first lock certain, after one before it is written and one meanwhile.
  backend.on({ method: "list", kind: "lock", nth: 3 }, { type: "delay", until });
  let other = "";
  const come = async (): Promise<void> => {
    other = await putLock(repository);
    go();
  };
  const leave = async (): Promise<void> => {
    await scene.testing.addSnapshot(idOf(scene.unused.forgotten));
    await repository.backend.remove({ kind: "lock", name: other });
  };
  const phases: string[] = [];
  const onEvent: PruneOptions["onEvent"] = (event) => {
    if (event.kind !== "phase") return;
    phases.push(event.phase);
    if (event.phase === "load") void (other === "" ? come() : undefined);
    if (event.phase === "wait") void leave();
  };

  const report = await prune(pruned, { ...all, onEvent });

  expect(phases.filter((phase) => phase === "load")).toHaveLength(2);
  expect(report.rescuedPacks).toBe(3);
  repository.dropIndex();
  const { errors, counts } = await verify(repository, { readData: true, threads: 1 });
  expect(errors).toEqual([]);
  expect(counts.snapshots).toBe(2);
});

test("prune() lets others in when its plan takes long", async () => {
  const scene = await createScene();
  const { repository } = scene.testing;
  const { backend, pruned } = slowly(scene);
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  backend.on({ method: "list", kind: "pack" }, { type: "delay", until });
  const visit = async (): Promise<void> => {
    for (;;) {
      // In memory nothing takes time, and none would be left for anybody else.
      await sleep(20);
      const lock = await repository.lock({ exclusive: false }).catch(() => undefined);
      if (lock === undefined) continue;
      await scene.testing.addSnapshot(idOf(scene.unused.forgotten));
      await lock.release();
      return go();
    }
  };
  const onEvent: PruneOptions["onEvent"] = (event) => {
    if (event.kind === "phase" && event.phase === "plan") void visit();
  };

  const report = await prune(pruned, { ...all, onEvent });

  // The first became a shared one; as all is needed again, that was enough.
  expect(locksWritten(backend)).toBe(2);
  expect(report.rescuedPacks).toBe(3);
  repository.dropIndex();
  expect((await verify(repository, { readData: true, threads: 1 })).errors).toEqual([]);
});
