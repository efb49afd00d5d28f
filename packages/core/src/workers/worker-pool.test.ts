import { expect, test } from "vitest";
import { WorkerPool } from "./worker-pool.ts";

type Task = { readonly add: number } | { readonly fail: string } | { readonly spin: true };

/** A worker that adds to its setup, fails on demand, or goes on until it is stopped. */
const code = `
  import { serveTasks, throwIfStopped } from "${new URL("./serve-tasks.ts", import.meta.url).href}";
  import { TsbakError } from "${new URL("../errors.ts", import.meta.url).href}";
  serveTasks(async (setup, emit) => (task) => {
    if (task.fail) throw new TsbakError(task.fail, "as asked");
    while (task.spin) throwIfStopped();
    emit(task.add);
    return { result: setup + task.add };
  });`;
const module = new URL(`data:text/javascript,${encodeURIComponent(code)}`);

function open(size: number): WorkerPool<Task, number, number> {
  return new WorkerPool<Task, number, number>(module, size);
}

test("WorkerPool runs tasks on all threads, with their setup, and passes events on", async () => {
  const events: number[] = [];
  const pool = open(2);
  const early = pool.run({ add: 1 });
  pool.begin(100, (event) => events.push(event));

  const results = await Promise.all([early, ...[2, 3, 4].map((add) => pool.run({ add }))]);

  expect(results).toEqual([101, 102, 103, 104]);
  expect(events.sort()).toEqual([1, 2, 3, 4]);
  await pool.close();
});

test("WorkerPool gives the error of a task back with its code, and goes on", async () => {
  const pool = open(1).begin(0);

  await expect(pool.run({ fail: "no-space" })).rejects.toMatchObject({
    code: "no-space",
    message: "as asked",
  });

  expect(await pool.run({ add: 1 })).toBe(1);
  await pool.close();
});

test("WorkerPool ends threads in the middle of long tasks, before they have begun, and twice", async () => {
  const pool = open(2).begin(0);
  const running = pool.run({ spin: true });
  const waiting = pool.run({ spin: true });

  await Promise.all([
    pool.close(),
    expect(running).rejects.toMatchObject({ code: "interrupted" }),
    expect(waiting).rejects.toMatchObject({ code: "interrupted" }),
  ]);
  await pool.close();
  await expect(pool.run({ add: 1 })).rejects.toMatchObject({ code: "interrupted" });

  await open(2).close();
});
