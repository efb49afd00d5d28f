import { expect, test } from "vitest";
import { OwnThread } from "./own-thread.ts";

/** Notes what it is asked for; a task takes a turn of the event loop. */
function makeThread(log: string[]): OwnThread<string, number, string> {
  return new OwnThread(async (setup) => {
    await Promise.resolve();
    return async (task: number) => {
      log.push(`begin ${task}`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`end ${task}`);
      if (task < 0) throw new Error("no such task");
      return { result: `${setup} ${task}` };
    };
  });
}

test("OwnThread works on one task after the other", async () => {
  const log: string[] = [];
  const thread = makeThread(log).begin("did");

  expect(await Promise.all([thread.run(1), thread.run(2)])).toEqual(["did 1", "did 2"]);
  expect(log).toEqual(["begin 1", "end 1", "begin 2", "end 2"]);
  await thread.close();
});

test("OwnThread goes on after a task that fails", async () => {
  const thread = makeThread([]).begin("did");

  const results = await Promise.allSettled([thread.run(-1), thread.run(2)]);

  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  await thread.close();
});

test("OwnThread begins no task after fail, and close waits for the one in hand", async () => {
  const log: string[] = [];
  const thread = makeThread(log).begin("did");
  const first = thread.run(1);
  const second = thread.run(2);
  const settled = Promise.allSettled([first, second]);
  while (log.length === 0) await new Promise((resolve) => setImmediate(resolve));

  thread.fail(new Error("the disk is full"));
  await thread.close();

  expect(log).toEqual(["begin 1", "end 1"]);
  await expect(first).rejects.toThrow("the disk is full");
  await expect(second).rejects.toThrow("the disk is full");
  await expect(thread.run(3)).rejects.toThrow("the disk is full");
  await settled;
});
