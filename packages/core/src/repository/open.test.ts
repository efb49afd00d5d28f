import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { CONFIG_REF } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { createRepository, currentOwner } from "./create.ts";
import { addKey } from "./keys.ts";
import { openRepository } from "./open.ts";
import type { Repository } from "./repository.ts";

const password = "only for tests";
let backend: MemoryBackend;

beforeEach(async () => {
  backend = new MemoryBackend();
  await createRepository(backend, { password });
});

function open(): Promise<Repository> {
  return openRepository(backend, { password });
}

async function keyName(): Promise<string> {
  for await (const { name } of backend.list("key")) return name;
  throw new Error("no key");
}

/** Store the only key file in another form, under the hash of what it was or of what it becomes. */
async function changeKey(
  change: (text: string) => string,
  rename: "renamed" | "same name",
): Promise<string> {
  const old = await keyName();
  const text = Buffer.from(await backend.read({ kind: "key", name: old })).toString("latin1");
  const changed = Buffer.from(change(text), "latin1");
  await backend.remove({ kind: "key", name: old });
  const name = rename === "renamed" ? sha256Hex(changed) : old;
  await backend.write({ kind: "key", name }, Uint8Array.from(changed));
  return name.slice(0, 8);
}

describe("openRepository()", () => {
  test.each(["/proc/tsbak/cache", "/proc"])(
    "opens without a cache where the folder %s cannot be one",
    async (cacheDirectory) => {
      const repository = await openRepository(backend, { password, cacheDirectory });

      expect(await repository.backend.read(CONFIG_REF)).toEqual(await backend.read(CONFIG_REF));
    },
  );

  test("says when a key begins to be derived, each time", async () => {
    await addKey(backend, "another password", currentOwner());
    const derived: string[] = [];

    await openRepository(backend, { password, onDerive: () => derived.push("key") });
    const first = derived.length;
    const wrong = { password: "wrong", onDerive: () => derived.push("wrong") };
    await expect(openRepository(backend, wrong)).rejects.toMatchObject({ code: "wrong-password" });

    expect(first).toBeGreaterThanOrEqual(1);
    expect(derived.filter((what) => what === "wrong")).toHaveLength(2);
  });

  test("makes the folder of the cache with those above it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsbak-open-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const cacheDirectory = join(folder, "a", "b");

    const { id } = await openRepository(backend, { password, cacheDirectory });

    expect(readdirSync(cacheDirectory).sort()).toEqual([id, "CACHEDIR.TAG"].sort());
  });

  test.each([3, 40, -5])("names the config if byte %i of it was changed", async (at) => {
    const sealed = (await backend.read(CONFIG_REF)).slice();
    const index = at < 0 ? sealed.length + at : at;
    sealed[index] = (sealed[index] ?? 0) ^ 1;
    await backend.remove(CONFIG_REF);
    await backend.write(CONFIG_REF, sealed);

    await expect(open()).rejects.toMatchObject({
      code: "corrupt",
      message: "Cannot open repository: its config is damaged; restore the config file from a copy",
    });
  });

  test.each([
    ["is cut short", (text: string) => text.slice(0, -9)],
    ["lacks its salt", (text: string) => text.replace('"salt"', '"sald"')],
    ["has too few bytes of salt", (text: string) => text.replace(/"salt":"..../, '"salt":"')],
  ])("names the key file that %s", async (_, change) => {
    const name = await changeKey(change, "renamed");

    await expect(open()).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining(`key file ${name}`) as string,
    });
  });

  test("names a key file whose sealed key cannot be one under any password", async () => {
    const zero = "A".repeat(22);
    const name = await changeKey(
      (text) => text.replace(/"data":".{22}/, `"data":"${zero}`),
      "renamed",
    );

    await expect(open()).rejects.toMatchObject({
      code: "corrupt",
      message: `Cannot read key file ${name}: its sealed key is damaged; restore it from a copy`,
    });
  });

  test("says that a key file is damaged where that looks like a wrong password", async () => {
    const change = (text: string): string =>
      text.replace(/"salt":"(.)/, (_, first) => `"salt":"${first === "A" ? "B" : "A"}`);
    const name = await changeKey(change, "same name");

    await expect(open()).rejects.toMatchObject({
      code: "wrong-password",
      message: expect.stringContaining(`key file ${name} does not have the hash`) as string,
    });
  });

  test.each(["", "{", '{"kdf":"argon2"}'])(
    "opens though another key file, which is tried before, is %j",
    async (text) => {
      const good = await keyName();
      const name = sha256Hex(Buffer.from(text));
      await backend.write({ kind: "key", name }, new TextEncoder().encode(text));

      const { keyId } = await openRepository(backend, { password, keyHint: name });

      expect(keyId).toBe(good);
      await expect(openRepository(backend, { password: "another", keyHint: name })).rejects.toThrow(
        name.slice(0, 8),
      );
    },
  );

  test("says only that the password is wrong if nothing is damaged", async () => {
    await expect(openRepository(backend, { password: "another" })).rejects.toMatchObject({
      code: "wrong-password",
      message: expect.stringMatching(/no key found; check the password$/) as string,
    });
  });
});
