import { expect, test } from "vitest";
import { MemoryBackend } from "../backend/memory.ts";
import { loadZstd } from "../compress/zstd.ts";
import { generateMasterKey } from "../crypto/master-key.ts";
import { Opener } from "../crypto/opener.ts";
import { Sealer } from "../crypto/sealer.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { loadUnpacked, saveUnpacked, type UnpackedContext } from "./unpacked.ts";

async function openContext(version: 1 | 2): Promise<UnpackedContext> {
  const key = generateMasterKey();
  const zstd = await loadZstd();
  const backend = new MemoryBackend();
  return { backend, sealer: new Sealer(key), opener: new Opener(key), zstd, version };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const plain = new TextEncoder().encode(`{"packs":[${"0,".repeat(1000)}0]}`);

test.each([1, 2] as const)(
  "saveUnpacked() and loadUnpacked() round trip in v%s",
  async (version) => {
    const context = await openContext(version);

    const name = await saveUnpacked(context, "index", plain);

    expect(text(await loadUnpacked(context, "index", name))).toBe(text(plain));
    const stored = await context.backend.read({ kind: "index", name });
    const form = context.opener.open(stored);
    expect(form[0]).toBe(version === 1 ? 0x7b : 2);
    expect(sha256Hex(stored)).toBe(name);
  },
);

test("loadUnpacked() reads plain JSON in a version 2 repository, as after an upgrade", async () => {
  const context = await openContext(2);
  const name = await saveUnpacked({ ...context, version: 1 }, "snapshot", plain);

  expect(text(await loadUnpacked(context, "snapshot", name))).toBe(text(plain));
});

test("loadUnpacked() names a file whose bytes do not have its hash", async () => {
  const context = await openContext(2);
  const sealed = context.sealer.seal(plain);
  const name = "ab".repeat(32);
  await context.backend.write({ kind: "index", name }, sealed);

  await expect(loadUnpacked(context, "index", name)).rejects.toMatchObject({
    code: "corrupt",
    message: expect.stringContaining("index abababab") as string,
  });
});
