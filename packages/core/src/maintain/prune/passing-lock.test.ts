import { expect, test } from "vitest";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import { Repository, type RepositoryParts } from "../../repository/repository.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { putLock } from "../../testing/lock-samples.ts";
import { TestingRepository } from "../../testing/sample-repository.ts";
import { PassingLock } from "./passing-lock.ts";

/** A repository, its backend, and the same as somebody else sees it. */
async function createScene() {
  const { repository } = await TestingRepository.create();
  const { config, masterKey, keyId, zstd, locking } = repository;
  const parts: Omit<RepositoryParts, "backend"> = { config, masterKey, keyId, zstd, locking };
  const backend = new FaultyBackend(repository.backend);
  return { backend, ours: new Repository({ ...parts, backend }), others: repository };
}

/** What was done to locks, as often as it succeeded. */
function doneToLocks({ calls }: FaultyBackend): readonly string[] {
  return calls
    .filter(({ method, outcome }) => method !== "list" && method !== "read" && outcome === "done")
    .map(({ method }) => method);
}

/** True if it can be had, which it then is no more. */
async function canLock(repository: Repository, exclusive: boolean): Promise<boolean> {
  try {
    await (await repository.lock({ exclusive })).release();
    return true;
  } catch (error) {
    if (isTsbakError(error, "locked")) return false;
    throw error;
  }
}

test("PassingLock lets others in when it has passed on, and nobody alone, and leaves no lock", async () => {
  const { ours, others, backend } = await createScene();
  const lock = new PassingLock(ours, await ours.lock({ exclusive: true, settleLater: true }));
  expect(await canLock(others, false)).toBe(false);

  lock.pass();

  expect(await lock.keep()).toBe(false);
  expect(await canLock(others, false)).toBe(true);
  expect(await canLock(others, true)).toBe(false);
  // The new one is written before the old one goes.
  expect(doneToLocks(backend)).toEqual(["write", "write", "remove"]);
  await lock.confirm();
  await lock.release();
  expect(await others.listNames("lock")).toEqual([]);
  expect(lock.lost.aborted).toBe(false);
});

test("PassingLock stays exclusive when it is kept in time", async () => {
  const { ours, others } = await createScene();
  const lock = new PassingLock(ours, await ours.lock({ exclusive: true }));
  lock.passAfter(60_000);

  expect(await lock.keep()).toBe(true);

  expect(await canLock(others, false)).toBe(false);
  await lock.release();
  expect(await canLock(others, true)).toBe(true);
});

test("PassingLock is lost when it cannot pass on, and still leaves no lock", async () => {
  const { ours, others, backend } = await createScene();
  const lock = new PassingLock(ours, await ours.lock({ exclusive: true }));
  backend.on({ method: "write", kind: "lock" }, { type: "fail", error: "denied" });

  lock.pass();
  await lock.keep();

  expect((lock.lost.reason as TsbakError).code).toBe("denied");
  await expect(lock.confirm()).rejects.toMatchObject({ code: "denied" });
  await lock.release();
  expect(await others.listNames("lock")).toEqual([]);
});

test("PassingLock says when somebody else was faster", async () => {
  const { ours, others, backend } = await createScene();
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  // The look that makes it certain, after one before it is written and one meanwhile.
  backend.on({ method: "list", kind: "lock", nth: 3 }, { type: "delay", until });
  const lock = new PassingLock(ours, await ours.lock({ exclusive: true, settleLater: true }));
  await putLock(others);
  expect(lock.isBeaten).toBe(false);

  go();

  await expect(lock.settled).rejects.toMatchObject({ code: "locked" });
  expect(lock.isBeaten).toBe(true);
  expect((lock.lost.reason as TsbakError).code).toBe("locked");
  await lock.release();
  expect(await others.listNames("lock")).toHaveLength(1);
});
