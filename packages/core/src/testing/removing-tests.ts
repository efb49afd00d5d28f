import { expect, test } from "vitest";

import { REMOVED_AT_ONCE, type Backend, type FileKind } from "../backend/backend.ts";
import { removeFiles } from "../backend/remove-files.ts";
import { bytesOf, listAll, someRef } from "./sample-files.ts";

/** The part of the suite about files that are removed. */
export function removingTests(backend: () => Backend, kinds: readonly FileKind[]): void {
  test.each(kinds)("remove() takes away a file of kind %s, and may be repeated", async (kind) => {
    const ref = someRef(kind);
    await backend().write(ref, bytesOf(10));

    await backend().remove(ref);
    await backend().remove(ref);

    await expect(backend().stat(ref)).rejects.toMatchObject({ code: "not-found" });
    expect(await listAll(backend(), kind)).toEqual([]);
    await backend().write(ref, bytesOf(20));
    expect(await backend().read(ref)).toEqual(bytesOf(20));
  });

  test("removeFiles() takes away many files of several kinds, those that are not there too, and no others", async () => {
    const gone = kinds.flatMap((kind) =>
      kind === "config" ? [] : Array.from({ length: 5 }, () => someRef(kind)),
    );
    const kept = someRef("pack");
    for (const ref of [...gone, kept]) await backend().write(ref, bytesOf(10));
    let removed = 0;

    const failures = await removeFiles(backend(), [...gone, someRef("pack"), someRef("lock")], {
      onRemoved: (count) => (removed += count),
    });

    expect(failures).toEqual([]);
    expect(removed).toBe(gone.length + 2);
    for (const kind of kinds)
      expect((await listAll(backend(), kind)).map(({ name }) => name)).toEqual(
        kind === "pack" ? [kept.name] : [],
      );
  });

  test("removeMany(), where there is one, removes what one request can, and nothing for no files", async () => {
    const { removeMany } = backend();
    if (removeMany === undefined) return;
    const refs = Array.from({ length: REMOVED_AT_ONCE }, () => someRef("index"));
    const there = refs.slice(-3);
    for (const ref of there) await backend().write(ref, bytesOf(10));

    expect(await removeMany.call(backend(), [])).toEqual([]);
    expect((await listAll(backend(), "index")).length).toBe(there.length);
    expect(await removeMany.call(backend(), refs)).toEqual([]);

    expect(await listAll(backend(), "index")).toEqual([]);
  });
}
