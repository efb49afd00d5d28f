import { expect, test } from "vitest";
import { createQuickly, FaultyBackend } from "@tsbak/core/testing";
import { MemoryBackend } from "@tsbak/core";
import { orSayNoLock } from "./with-lock.ts";

test("whoever may not write a lock is told how to read without one", async () => {
  const store = new FaultyBackend(new MemoryBackend());
  const repository = await createQuickly(store, { password: "correct horse" });

  store.on({ method: "write", kind: "lock" }, { type: "fail", error: "denied" });
  await expect(orSayNoLock(repository.lock({ exclusive: false }))).rejects.toMatchObject({
    code: "denied",
    message: expect.stringMatching(/; or add --no-lock, as this command only reads$/) as string,
  });

  store.heal();
  store.on({ method: "write", kind: "lock" }, { type: "fail", error: "no-space" });
  await expect(orSayNoLock(repository.lock({ exclusive: false }))).rejects.toMatchObject({
    code: "no-space",
    message: expect.not.stringContaining("--no-lock") as string,
  });
});
