import { expect, test } from "vitest";

import { CONFIG_REF, type Backend } from "../backend/backend.ts";
import { bytesOf, listAll } from "./sample-files.ts";

/** The part of the suite about files that are replaced, for stores that can. */
export function replacingTests(backend: () => Backend): void {
  /** Undefined where there is nothing to test; a server that cannot has changed nothing. */
  const start = async (): Promise<((bytes: Uint8Array) => Promise<void>) | undefined> => {
    const { replace } = backend();
    if (replace === undefined) return undefined;
    await backend().write(CONFIG_REF, bytesOf(10));
    try {
      await replace.call(backend(), CONFIG_REF, bytesOf(11));
    } catch (error) {
      expect(error).toMatchObject({ code: "unsupported" });
      expect(await backend().read(CONFIG_REF)).toEqual(bytesOf(10));
      return undefined;
    }
    return (bytes) => replace.call(backend(), CONFIG_REF, bytes);
  };

  test("replace(), where there is one, puts other bytes in the place of a file", async () => {
    const replace = await start();
    if (replace === undefined) return;

    await replace(bytesOf(200));

    expect(await backend().read(CONFIG_REF)).toEqual(bytesOf(200));
    expect((await listAll(backend(), "config")).map(({ size }) => size)).toEqual([200]);
    await expect(backend().write(CONFIG_REF, bytesOf(5))).rejects.toMatchObject({
      code: "already-exists",
    });
  });

  test("replace() leaves nothing of the old bytes, which would come back when the file is removed", async () => {
    const replace = await start();
    if (replace === undefined) return;
    await replace(bytesOf(20));
    await replace(bytesOf(30));

    await backend().remove(CONFIG_REF);

    await expect(backend().read(CONFIG_REF)).rejects.toMatchObject({ code: "not-found" });
    expect(await listAll(backend(), "config")).toEqual([]);
  });

  test("replace() lets a reader see the old bytes or the new ones at any instant", async () => {
    const replace = await start();
    if (replace === undefined) return;
    let isOver = false;
    const sizes = new Set<number>();
    const reading = (async () => {
      while (!isOver) {
        const bytes = await backend().read(CONFIG_REF);
        expect(bytes).toEqual(bytesOf(bytes.length));
        sizes.add(bytes.length);
      }
    })();

    for (let size = 12; size <= 20; size++) await replace(bytesOf(size));
    isOver = true;
    await reading;

    for (const size of sizes) expect(size >= 11 && size <= 20).toBe(true);
  });

  test("replace() that is aborted already leaves the file as it is", async () => {
    const { replace } = backend();
    if ((await start()) === undefined) return;

    const replacing = replace?.call(backend(), CONFIG_REF, bytesOf(20), {
      signal: AbortSignal.abort(),
    });

    await expect(replacing).rejects.toMatchObject({ code: "interrupted" });
    expect(await backend().read(CONFIG_REF)).toEqual(bytesOf(11));
  });
}
