import { expect, test } from "vitest";

import type { Backend } from "../backend/backend.ts";
import { bytesOf, listAll, someRef } from "./sample-files.ts";

const DAY_MS = 86_400_000;

/** Of a store that takes only the kinds of files that restic has. */
export function noTrashTests(backend: () => Backend): void {
  test("the store has no files of kind trash, and says that it takes none", async () => {
    const ref = someRef("trash");

    await expect(backend().write(ref, bytesOf(10))).rejects.toMatchObject({ code: "unsupported" });
    await expect(backend().read(ref)).rejects.toMatchObject({ code: "not-found" });
    await backend().remove(ref);

    expect(await listAll(backend(), "trash")).toEqual([]);
  });
}

/** Of a store whose listings say when files were written. */
export function timeTests(backend: () => Backend): void {
  test("list() says when a file was written, by a clock that is right within a day", async () => {
    await backend().write(someRef("snapshot"), bytesOf(1));
    const times: number[] = [];

    for await (const { modifiedMs } of backend().list("snapshot")) times.push(modifiedMs ?? 0);

    expect(times.length).toBe(1);
    expect(Math.abs((times[0] ?? 0) - Date.now())).toBeLessThan(DAY_MS);
  });
}
