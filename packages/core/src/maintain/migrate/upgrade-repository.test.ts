import { beforeAll, describe, expect, test } from "vitest";
import { CONFIG_REF, type Backend } from "../../backend/backend.ts";
import { MemoryBackend } from "../../backend/memory.ts";
import { equalBytes } from "../../bytes/compare.ts";
import { createQuickly } from "../../testing/create-quickly.ts";
import { openRepository } from "../../repository/open.ts";
import { restoreConfig } from "../../repository/replace-config.ts";
import { Repository } from "../../repository/repository.ts";
import { TsbakError } from "../../errors.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import { ReplacingBackend } from "../../testing/replacing-backend.ts";
import { findMigrations, upgradeRepository } from "./upgrade-repository.ts";

const password = "correct horse";
let original: Repository;
let key: Uint8Array;
let config: Uint8Array;

beforeAll(async () => {
  const backend = new MemoryBackend();
  original = await createQuickly(backend, { password, version: 1 });
  key = await backend.read({ kind: "key", name: original.keyId });
  config = await backend.read(CONFIG_REF);
});

/** Whether a store can replace files, or says so only when it is asked. */
type CanReplace = boolean | "unsupported";

/** A store with the config and the key. */
async function storeOf(canReplace: CanReplace): Promise<Backend> {
  const store: Backend = canReplace === true ? new ReplacingBackend() : new MemoryBackend();
  await store.write({ kind: "key", name: original.keyId }, key);
  await store.write(CONFIG_REF, config);
  if (canReplace !== "unsupported") return store;
  const replace: Backend["replace"] = async () => {
    throw new TsbakError("unsupported", "Cannot write the config: this server replaces nothing");
  };
  return Object.assign(store, { replace });
}

/** Upgrade through a backend; gives the copy that is kept, if any. */
async function upgrade(
  backend: Backend,
): Promise<{ copy: Uint8Array | undefined; error: unknown }> {
  let copy: Uint8Array | undefined;
  const keepCopy = (sealed: Uint8Array): void => void (copy = sealed.slice());
  const dropCopy = (): void => void (copy = undefined);
  const repository = new Repository({ ...original, masterKey: original.masterKey, backend });
  const upgrading = upgradeRepository(repository, { keepCopy, dropCopy });
  const error: unknown = await upgrading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { copy, error };
}

describe("upgradeRepository()", () => {
  test.each([true, false, "unsupported"] as const)(
    "makes version 2 of version 1 (a store that replaces: %s)",
    async (canReplace) => {
      const store = await storeOf(canReplace);

      expect(findMigrations(original).map(({ name }) => name)).toEqual(["upgrade_repo_v2"]);
      expect(await upgrade(store)).toEqual({ copy: undefined, error: undefined });

      const upgraded = await openRepository(store, { password });
      expect(upgraded.config).toEqual({ ...original.config, version: 2 });
      expect(findMigrations(upgraded)).toEqual([]);
      const again = upgradeRepository(upgraded, { keepCopy: fail, dropCopy: fail });
      await expect(again).rejects.toMatchObject({ code: "unsupported" });
    },
  );

  test("changes nothing if the copy cannot be kept, or the repository is damaged", async () => {
    const backend = new FaultyBackend(await storeOf(false));
    const repository = new Repository({ ...original, masterKey: original.masterKey, backend });
    await expect(upgradeRepository(repository, { keepCopy: fail, dropCopy: fail })).rejects.toThrow(
      "fail",
    );
    await backend.inner.write({ kind: "index", name: "3".repeat(64) }, config);

    expect(await upgrade(backend)).toMatchObject({ copy: undefined, error: { code: "corrupt" } });
    expect(backend.mutations).toBe(0);
  });

  test.each([true, false])(
    "killed at any write leaves a repository that opens, or a copy that makes it open (a store that replaces: %s)",
    async (canReplace) => {
      let crashes = 0;
      for (const applied of [true, false]) {
        for (let nth = 1, more = true; more; nth++) {
          const store = await storeOf(canReplace);
          const backend = new FaultyBackend(store);
          backend.crashAt(nth, { applied });
          const { copy } = await upgrade(backend);
          more = backend.crashed;
          if (more) crashes++;

          const left = await store.read(CONFIG_REF).catch(() => undefined);
          if (left === undefined) {
            expect(canReplace).toBe(false);
            expect(copy).toBeDefined();
            await restoreConfig(store, copy ?? config, password);
          }
          const opened = await openRepository(store, { password });
          expect(opened.config).toMatchObject({ ...original.config, version: opened.version });
        }
      }
      expect(crashes).toBe(canReplace ? 2 : 4);
    },
  );

  test("brings the old config back if the store refuses the new one", async () => {
    const backend = new FaultyBackend(await storeOf(false));
    backend.on({ method: "write", nth: 1 }, { type: "fail", error: "no-space" });

    const { error, copy } = await upgrade(backend);

    expect(String(error)).toContain("the old one is back in its place");
    expect(copy).toBeDefined();
    expect(equalBytes(await backend.inner.read(CONFIG_REF), config)).toBe(true);
  });

  test.each([true, false])(
    "takes a write whose confirmation was lost for done (a store that replaces: %s)",
    async (canReplace) => {
      const backend = new FaultyBackend(await storeOf(canReplace));
      const fault = { type: "fail", error: "unavailable", applied: true } as const;
      backend.on({ method: "write", nth: 1 }, fault);

      expect(await upgrade(backend)).toEqual({ copy: undefined, error: undefined });
    },
  );

  test("keeps the copy, and the old config, if the store fails to replace it", async () => {
    const backend = new FaultyBackend(await storeOf(true));
    backend.on({ method: "write", nth: 1 }, { type: "fail", error: "unavailable" });

    const { error, copy } = await upgrade(backend);

    expect(error).toMatchObject({ code: "unavailable" });
    expect(copy).toBeDefined();
    expect(equalBytes(await backend.inner.read(CONFIG_REF), config)).toBe(true);
    expect(backend.calls.some(({ method }) => method === "remove")).toBe(false);
  });
});

describe("restoreConfig()", () => {
  test("refuses a damaged copy, and to replace a config", async () => {
    const store = await storeOf(false);
    await expect(restoreConfig(store, config, password)).rejects.toMatchObject({
      code: "already-exists",
    });
    await store.remove(CONFIG_REF);
    const damaged = config.slice();
    damaged[20] = (damaged[20] as number) ^ 1;

    await expect(restoreConfig(store, damaged, password)).rejects.toThrow(/damaged, or of another/);
    await expect(restoreConfig(store, config, "wrong")).rejects.toMatchObject({
      code: "wrong-password",
    });
  });
});

function fail(): never {
  throw new Error("fail");
}
