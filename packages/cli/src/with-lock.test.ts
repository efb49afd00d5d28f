import { expect, test } from "vitest";
import { createQuickly, FaultyBackend } from "@tsbak/core/testing";
import { MemoryBackend, verify } from "@tsbak/core";
import { orSayNoLock } from "./with-lock.ts";

test("whoever may not write a lock is told how to read without one", async () => {
  const store = new FaultyBackend(new MemoryBackend());
  const repository = await createQuickly(store, { password: "correct horse" });

  store.on({ method: "write", kind: "lock" }, { type: "fail", error: "denied" });
  const lock = (): Promise<unknown> =>
    orSayNoLock({}, (waiting) => repository.lock({ exclusive: false, ...waiting }));
  await expect(lock()).rejects.toMatchObject({
    code: "denied",
    message: expect.stringMatching(/; or add --no-lock, as this command only reads$/) as string,
  });

  store.heal();
  store.on({ method: "write", kind: "lock" }, { type: "fail", error: "no-space" });
  await expect(lock()).rejects.toMatchObject({
    code: "no-space",
    message: expect.not.stringContaining("--no-lock") as string,
  });

  store.heal();
  store.on({ method: "list", kind: "lock" }, { type: "fail", error: "denied" });
  await expect(lock()).rejects.toMatchObject({
    code: "denied",
    message: expect.not.stringContaining("--no-lock") as string,
  });
});

test("whoever is refused another file than the lock is not told to do without one", async () => {
  const store = new FaultyBackend(new MemoryBackend());
  const repository = await createQuickly(store, { password: "correct horse" });
  store.on({ method: "list", kind: "key" }, { type: "fail", error: "denied" });

  const verifying = orSayNoLock({}, (lock) => verify(repository, { lock, threads: 1 }));

  await expect(verifying).rejects.toMatchObject({
    code: "denied",
    message: expect.not.stringContaining("--no-lock") as string,
  });
});
