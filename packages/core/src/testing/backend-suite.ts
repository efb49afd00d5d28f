/**
 * What every backend must do, as tests: the definition of the contract in `../backend/backend.ts`.
 * A bug found in one backend becomes a test here.
 *
 * @module
 */
import { randomBytes } from "node:crypto";

import { beforeEach, describe, expect, test } from "vitest";

import type { Backend, FileKind } from "../backend/backend.ts";
import { removeFiles } from "../backend/remove-files.ts";
import { pieceTests } from "./piece-tests.ts";
import { removingTests } from "./removing-tests.ts";
import { replacingTests } from "./replacing-tests.ts";
import { bytesOf, KINDS, listAll, sameBytes, someRef } from "./sample-files.ts";
import { noTrashTests, timeTests } from "./trash-tests.ts";

/** What a backend's tests may add, because the contract itself has no way to do it. */
export interface BackendSuiteOptions {
  /** Put a file that tsbak would never write where a listing of `kind` looks. */
  readonly addStranger?: (backend: Backend, kind: FileKind, name: string) => Promise<void>;
  /** The store takes only the kinds of files that restic has. */
  readonly isWithoutTrash?: boolean;
  /** Listings say when files were written. */
  readonly tellsTimes?: boolean;
  /** The backend calls `CallOptions.onBytes`. */
  readonly reportsPieces?: boolean;
}

/**
 * Run the tests of the contract. `open` gives an empty store for each test, on which `create` was not called yet.
 */
export function describeBackend(
  name: string,
  open: () => Promise<Backend>,
  options: BackendSuiteOptions = {},
): void {
  describe(name, () => {
    let backend: Backend;
    const current = (): Backend => backend;

    beforeEach(async () => {
      backend = await open();
      await backend.create();
    });

    const kinds = KINDS.filter((kind) => kind !== "trash" || options.isWithoutTrash !== true);
    writingTests(current, kinds);
    readingTests(current, kinds);
    listingTests(current, options);
    removingTests(current, kinds);
    replacingTests(current);
    if (options.isWithoutTrash === true) noTrashTests(current);
    if (options.tellsTimes === true) timeTests(current);
    concurrencyTests(current);
    abortTests(current);
    pieceTests(current, options.reportsPieces ?? false);
  });
}

function writingTests(backend: () => Backend, kinds: readonly FileKind[]): void {
  test("create() may be repeated and keeps what is there", async () => {
    const ref = someRef("key");
    await backend().write(ref, bytesOf(10));

    await backend().create();

    expect(await backend().read(ref)).toEqual(bytesOf(10));
  });

  test.each(kinds)("write() stores a file of kind %s as it was given", async (kind) => {
    const ref = someRef(kind);

    await backend().write(ref, bytesOf(1000));

    expect(sameBytes(await backend().read(ref), bytesOf(1000))).toBe(true);
    expect(await backend().stat(ref)).toEqual({ name: ref.name, size: 1000 });
    expect(await listAll(backend(), kind)).toEqual([{ name: ref.name, size: 1000 }]);
  });

  test("write() stores an empty file", async () => {
    const ref = someRef("index");

    await backend().write(ref, new Uint8Array(0));

    expect((await backend().read(ref)).length).toBe(0);
    expect((await backend().stat(ref)).size).toBe(0);
  });

  test("write() stores only the view of a larger buffer", async () => {
    const ref = someRef("pack");

    await backend().write(ref, bytesOf(1000).subarray(100, 300));

    expect(await backend().read(ref)).toEqual(bytesOf(1000).slice(100, 300));
  });

  test.each(kinds)("write() refuses to replace a file of kind %s", async (kind) => {
    const ref = someRef(kind);
    await backend().write(ref, bytesOf(10));

    await expect(backend().write(ref, bytesOf(20))).rejects.toMatchObject({
      code: "already-exists",
    });
    await expect(backend().write(ref, bytesOf(10))).rejects.toMatchObject({
      code: "already-exists",
    });

    expect(await backend().read(ref)).toEqual(bytesOf(10));
  });

  test("write() keeps no hold on the array, which may be reused afterwards", async () => {
    const ref = someRef("pack");
    const buffer = bytesOf(5000);

    await backend().write(ref, buffer);
    buffer.fill(0);

    expect(sameBytes(await backend().read(ref), bytesOf(5000))).toBe(true);
  });

  test("write() and read() take a file of 20 MiB", async () => {
    const ref = someRef("pack");
    const bytes = new Uint8Array(randomBytes(20 << 20));

    await backend().write(ref, bytes);

    expect(sameBytes(await backend().read(ref), bytes)).toBe(true);
    const tail = { offset: bytes.length - 5, length: 5 };
    expect(await backend().read(ref, tail)).toEqual(bytes.slice(-5));
  });

  test("write() refuses a name that is not 64 hex digits, before it does anything", async () => {
    for (const name of ["", "../config", "AB".repeat(32), "ab".repeat(31)]) {
      await expect(backend().write({ kind: "pack", name }, bytesOf(1))).rejects.toThrow(TypeError);
    }
    await expect(backend().write({ kind: "config", name: "x" }, bytesOf(1))).rejects.toThrow(
      TypeError,
    );
  });
}

function readingTests(backend: () => Backend, kinds: readonly FileKind[]): void {
  test("read() gives the bytes of a range", async () => {
    const ref = someRef("pack");
    await backend().write(ref, bytesOf(1000));

    for (const [offset, length] of [
      [0, 1],
      [0, 1000],
      [10, 20],
      [999, 1],
    ] as const) {
      const bytes = await backend().read(ref, { offset, length });
      expect(bytes).toEqual(bytesOf(1000).slice(offset, offset + length));
    }
  });

  test("read() rejects a range that ends beyond the file as corrupt", async () => {
    const ref = someRef("pack");
    await backend().write(ref, bytesOf(1000));

    for (const [offset, length] of [
      [0, 1001],
      [999, 2],
      [1000, 1],
      [5000, 10],
    ] as const) {
      await expect(backend().read(ref, { offset, length })).rejects.toMatchObject({
        code: "corrupt",
      });
    }
  });

  test("read() rejects what is no range", async () => {
    const ref = someRef("pack");
    await backend().write(ref, bytesOf(10));

    await expect(backend().read(ref, { offset: 0, length: 0 })).rejects.toThrow(RangeError);
    await expect(backend().read(ref, { offset: -1, length: 1 })).rejects.toThrow(RangeError);
  });

  test("read() gives memory of its own, which the caller may change and transfer", async () => {
    const ref = someRef("snapshot");
    await backend().write(ref, bytesOf(100));

    const whole = await backend().read(ref);
    const part = await backend().read(ref, { offset: 10, length: 10 });
    expect([whole.byteOffset, whole.buffer.byteLength]).toEqual([0, 100]);
    expect([part.byteOffset, part.buffer.byteLength]).toEqual([0, 10]);
    whole.fill(0);
    structuredClone(part, { transfer: [part.buffer] });

    expect(await backend().read(ref)).toEqual(bytesOf(100));
  });

  test("read() gives the same bytes when memory is lent, in that memory or beside it", async () => {
    const ref = someRef("snapshot");
    await backend().write(ref, bytesOf(100));

    for (const length of [0, 99, 100, 500]) {
      const into = new ArrayBuffer(length);
      expect(await backend().read(ref, undefined, { into })).toEqual(bytesOf(100));
      const range = { offset: 10, length: 50 };
      expect(await backend().read(ref, range, { into })).toEqual(bytesOf(100).slice(10, 60));
    }
  });

  test.each(kinds)("read() and stat() of a missing file of kind %s are not-found", async (kind) => {
    const ref = someRef(kind);

    await expect(backend().read(ref)).rejects.toMatchObject({ code: "not-found" });
    await expect(backend().read(ref, { offset: 0, length: 1 })).rejects.toMatchObject({
      code: "not-found",
    });
    await expect(backend().stat(ref)).rejects.toMatchObject({ code: "not-found" });
  });
}

function listingTests(backend: () => Backend, options: BackendSuiteOptions): void {
  test.each(KINDS)("list() of kind %s is empty in a new store", async (kind) => {
    expect(await listAll(backend(), kind)).toEqual([]);
  });

  test("list() names each file of its kind once, with its size", async () => {
    const expected = new Map<string, number>();
    for (let count = 0; count < 30; count++) {
      const ref = someRef("pack");
      expected.set(ref.name, count);
      await backend().write(ref, bytesOf(count));
    }
    await backend().write(someRef("index"), bytesOf(7));

    const listed = await listAll(backend(), "pack");

    expect(listed.length).toBe(30);
    expect(new Map(listed.map((file) => [file.name, file.size]))).toEqual(expected);
  });

  test("list() may be left early", async () => {
    await backend().write(someRef("key"), bytesOf(1));
    await backend().write(someRef("key"), bytesOf(1));

    for await (const file of backend().list("key")) {
      expect(file.size).toBe(1);
      break;
    }

    expect((await listAll(backend(), "key")).length).toBe(2);
  });

  const addStranger = options.addStranger;
  // A store that takes no other names has none to leave out.
  if (addStranger !== undefined) {
    test("list() leaves out names that are no ids", async () => {
      const ref = someRef("pack");
      await backend().write(ref, bytesOf(3));
      for (const kind of ["pack", "snapshot"] as const) {
        for (const name of [`${ref.name}-tmp-1`, "README", "AB".repeat(32), "ab".repeat(31)]) {
          await addStranger(backend(), kind, name);
        }
      }

      expect(await listAll(backend(), "pack")).toEqual([{ name: ref.name, size: 3 }]);
      expect(await listAll(backend(), "snapshot")).toEqual([]);
    });
  }
}

function concurrencyTests(backend: () => Backend): void {
  test("write() lets exactly one of several writers of one name win", async () => {
    const ref = someRef("lock");
    const contents = [1, 2, 3, 4, 5].map((length) => bytesOf(length * 1000));

    const results = await Promise.allSettled(contents.map((bytes) => backend().write(ref, bytes)));

    const winners = results.flatMap((result, at) => (result.status === "fulfilled" ? [at] : []));
    expect(winners.length).toBe(1);
    for (const result of results) {
      if (result.status === "rejected")
        expect(result.reason).toMatchObject({ code: "already-exists" });
    }
    expect(await backend().read(ref)).toEqual(contents[winners[0] ?? -1]);
  });

  test("all methods may run at once on different files", async () => {
    const refs = Array.from({ length: 40 }, () => someRef("pack"));

    await Promise.all(refs.map((ref, at) => backend().write(ref, bytesOf(at * 100))));
    const read = await Promise.all(refs.map((ref) => backend().read(ref)));

    expect(read.map((bytes) => bytes.length)).toEqual(refs.map((_, at) => at * 100));
    await Promise.all(refs.map((ref) => backend().remove(ref)));
    expect(await listAll(backend(), "pack")).toEqual([]);
  });
}

function abortTests(backend: () => Backend): void {
  test("every method rejects as interrupted when its signal is aborted already", async () => {
    const options = { signal: AbortSignal.abort() };
    const ref = someRef("key");
    await backend().write(ref, bytesOf(10));
    const other = someRef("key");
    const interrupted = { code: "interrupted" };

    await expect(backend().create(options)).rejects.toMatchObject(interrupted);
    await expect(backend().write(other, bytesOf(1), options)).rejects.toMatchObject(interrupted);
    await expect(backend().read(ref, undefined, options)).rejects.toMatchObject(interrupted);
    await expect(backend().stat(ref, options)).rejects.toMatchObject(interrupted);
    await expect(backend().remove(ref, options)).rejects.toMatchObject(interrupted);
    await expect(removeFiles(backend(), [ref, other], options)).rejects.toMatchObject(interrupted);
    await expect(listAll(backend(), "key", options.signal)).rejects.toMatchObject(interrupted);

    expect(await listAll(backend(), "key")).toEqual([{ name: ref.name, size: 10 }]);
  });

  test("write() that is aborted on its way leaves the whole file or none", async () => {
    const ref = someRef("pack");
    const abort = new AbortController();
    const bytes = bytesOf(8 << 20);

    const writing = backend().write(ref, bytes, { signal: abort.signal });
    abort.abort();
    const [result] = await Promise.allSettled([writing]);

    const listed = await listAll(backend(), "pack");
    if (result.status === "rejected") {
      expect(result.reason).toMatchObject({ code: "interrupted" });
    } else {
      expect(listed.length).toBe(1);
    }
    for (const file of listed) expect(file.size).toBe(bytes.length);
  });
}
