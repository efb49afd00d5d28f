/** The B2 backend when something goes wrong: at B2 or on the way. */
import { CONFIG_REF } from "@tsbak/core";
import { bytesOf, listAll, sameBytes, someRef } from "@tsbak/core/testing";
import { describe, expect, test } from "vitest";

import { B2Stores, PREFIX } from "./b2-store.ts";
import type { Failure } from "./servers/b2-fake/faults.ts";

const stores = new B2Stores().register();
const MIB = 1 << 20;

describe("B2Backend when an upload fails", () => {
  test.each<readonly [string, Failure]>([
    ["503", { status: 503, code: "service_unavailable" }],
    ["503 before the body was sent", { status: 503, code: "service_unavailable", early: true }],
    ["500", { status: 500, code: "internal_error" }],
    ["408", { status: 408, code: "request_timeout" }],
    ["401 for the URL", { status: 401, code: "expired_auth_token" }],
    ["400 because the URL is busy", { status: 400, code: "auth_token_limit" }],
    ["a connection that is cut at its begin", { resetAfter: 0 }],
    ["a connection that is cut in the middle", { resetAfter: 2 * MIB }],
  ])("write() gets over %s at another upload URL", async (_, failure) => {
    const backend = await stores.open();
    await backend.write(someRef("pack"), bytesOf(10));
    const ref = someRef("pack");
    const bytes = bytesOf(5 * MIB);
    stores.fake.faults.fail("upload", failure, 2);

    const urls = await stores.countCalls("b2_get_upload_url", () => backend.write(ref, bytes));

    expect(urls).toBe(2);
    expect(sameBytes(await backend.read(ref), bytes)).toBe(true);
    expect(stores.versionsOf(ref).length).toBe(1);
  });

  test("write() whose confirmation is lost stores the file again, and remove() takes both away", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    stores.fake.faults.fail("upload", "lost-answer");

    await backend.write(ref, bytesOf(1000));

    expect(stores.versionsOf(ref).length).toBe(2);
    expect(await backend.read(ref)).toEqual(bytesOf(1000));
    await backend.remove(ref);
    expect(stores.versionsOf(ref)).toEqual([]);
  });

  test("write() is unavailable when no upload URL is good, and works when the storm is over", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    stores.fake.faults.fail("upload", { status: 503, code: "service_unavailable" }, 5);

    await expect(backend.write(ref, bytesOf(10))).rejects.toMatchObject({ code: "unavailable" });
    await expect(backend.stat(ref)).rejects.toMatchObject({ code: "not-found" });

    await backend.write(ref, bytesOf(10));
    expect((await backend.stat(ref)).size).toBe(10);
  });

  test("20 writes at once get through a storm", async () => {
    const backend = await stores.open();
    const refs = Array.from({ length: 20 }, () => someRef("pack"));
    stores.fake.faults.fail("upload", { status: 503, code: "service_unavailable" }, 4);
    stores.fake.faults.fail("upload", { resetAfter: 1000 }, 4);

    const results = await Promise.allSettled(refs.map((ref) => backend.write(ref, bytesOf(MIB))));

    for (const [at, result] of results.entries()) {
      if (result.status === "rejected") {
        expect(result.reason).toMatchObject({ code: "unavailable" });
        await backend.write(refs[at] ?? someRef("pack"), bytesOf(MIB));
      }
    }
    expect((await listAll(backend, "pack")).map(({ size }) => size)).toEqual(refs.map(() => MIB));
  });

  test.each([
    ["storage_cap_exceeded", "no-space"],
    ["cap_exceeded", "no-space"],
    ["transaction_cap_exceeded", "denied"],
  ])("write() that exceeds a cap (%s) is %s, and says what to do", async (code, expected) => {
    const backend = await stores.open();
    stores.fake.faults.fail("upload", { status: 403, code });

    await expect(backend.write(someRef("pack"), bytesOf(10))).rejects.toMatchObject({
      code: expected,
      message: expect.stringContaining("settings of the account") as string,
    });
  });

  test("write() that is aborted ends at once, and its upload URL is not used again", async () => {
    const backend = await stores.open();
    await backend.write(someRef("pack"), bytesOf(10));
    const abort = new AbortController();
    stores.fake.faults.fail("upload", "silence");
    const ref = someRef("pack");

    const writing = backend.write(ref, bytesOf(5 * MIB), { signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await expect(writing).rejects.toMatchObject({ code: "interrupted" });

    const urls = await stores.countCalls("b2_get_upload_url", () =>
      backend.write(ref, bytesOf(10)),
    );
    expect(urls).toBe(1);
  });
});

describe("B2Backend beside another who writes a config", () => {
  const path = `${PREFIX}/config`;

  test("write() takes its own back, so that the other's stays", async () => {
    const backend = await stores.open();
    stores.addFile(`${PREFIX}/config-of-a-friend`, bytesOf(1));

    // It was not there when it was looked for.
    const writing = backend.write(CONFIG_REF, bytesOf(10));
    await untilCalled("b2_get_upload_url");
    stores.addFile(path, bytesOf(20));

    await expect(writing).rejects.toMatchObject({ code: "already-exists" });
    expect(stores.bucket.versions(path).map(({ bytes }) => bytes.length)).toEqual([20]);
  });

  test("write() leaves one winner at most of two, and all of nothing else", async () => {
    const backends = [await stores.open(), await stores.open()];

    const results = await Promise.allSettled(
      backends.map((backend, at) => backend.write(CONFIG_REF, bytesOf(10 + at))),
    );

    const winners = results.flatMap(({ status }, at) => (status === "fulfilled" ? [10 + at] : []));
    expect(winners.length).toBeLessThanOrEqual(1);
    expect(stores.bucket.versions(path).map(({ bytes }) => bytes.length)).toEqual(winners);
  });

  test("write() is no rival of its own earlier try, nor of what was there before", async () => {
    const backend = await stores.open();
    stores.addFile(path, bytesOf(20));
    stores.bucket.add({ ...stores.addFile(path, bytesOf(0)), action: "hide" });
    stores.fake.faults.fail("upload", "lost-answer");

    await backend.write(CONFIG_REF, bytesOf(10));

    expect(await backend.read(CONFIG_REF)).toEqual(bytesOf(10));
  });
});

describe("B2Backend when another call fails", () => {
  test.each<readonly [string, Failure]>([
    ["429", { status: 429, code: "too_many_requests", retryAfter: 7 }],
    ["503", { status: 503, code: "service_unavailable", retryAfter: 7 }],
  ])("%s is unavailable, with the time for which B2 wants to be left alone", async (_, failure) => {
    const backend = await stores.open();
    const ref = someRef("pack");
    await backend.write(ref, bytesOf(10));
    const later = { code: "unavailable", cause: { retryAfterMs: 7000 } };

    for (const operation of ["upload", "download", "head", "b2_list_file_names"]) {
      stores.fake.faults.fail(operation, failure);
    }
    await expect(backend.stat(ref)).rejects.toMatchObject(later);
    await expect(backend.read(ref)).rejects.toMatchObject(later);
    await expect(backend.write(someRef("pack"), bytesOf(10))).rejects.toMatchObject(later);
    await expect(listAll(backend, "pack")).rejects.toMatchObject(later);
    expect((await backend.read(ref)).length).toBe(10);
  });

  test.each<readonly [string, Failure]>([
    ["breaks off", { resetAfter: 2 * MIB }],
    ["has a byte that is another", "flipped-byte"],
  ])(
    "read() of a file whose body %s is unavailable, and right when repeated",
    async (_, failure) => {
      const backend = await stores.open();
      const ref = someRef("pack");
      const bytes = bytesOf(5 * MIB);
      await backend.write(ref, bytes);
      stores.fake.faults.fail("download", failure);

      await expect(backend.read(ref)).rejects.toMatchObject({ code: "unavailable" });
      expect(sameBytes(await backend.read(ref), bytes)).toBe(true);
    },
  );

  test("read() of a range whose body breaks off is unavailable", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    await backend.write(ref, bytesOf(5 * MIB));
    stores.fake.faults.fail("download", { resetAfter: MIB });

    const reading = backend.read(ref, { offset: 10, length: 3 * MIB });
    await expect(reading).rejects.toMatchObject({ code: "unavailable" });
  });

  test.each(["stat", "read", "remove", "write"] as const)(
    "%s() that is aborted on its way ends at once",
    async (method) => {
      const backend = await stores.open();
      const ref = someRef("pack");
      if (method !== "write") await backend.write(ref, bytesOf(10));
      const operation = method === "read" ? "download" : "head";
      stores.fake.faults.fail(operation, "silence");
      const options = { signal: AbortSignal.timeout(100) };

      const calling = {
        stat: () => backend.stat(ref, options),
        read: () => backend.read(ref, undefined, options),
        remove: () => backend.remove(ref, options),
        write: () => backend.write(ref, bytesOf(10), options),
      }[method]();

      await expect(calling).rejects.toMatchObject({ code: "interrupted" });
    },
  );

  test("a connection that B2 has closed because it was idle is no failure", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    await Promise.all([backend.write(ref, bytesOf(10)), listAll(backend, "pack")]);

    // The request is on its way before anybody sees that the connection is gone.
    stores.fake.closeIdleConnections();
    await Promise.all([backend.read(ref), backend.stat(ref), backend.stat(ref)]);
    stores.fake.closeIdleConnections();
    await listAll(backend, "pack");
    stores.fake.closeIdleConnections();
    await backend.write(someRef("pack"), bytesOf(10));
  });

  test("a connection that is refused is unavailable", async () => {
    const backend = await stores.open({ options: { "b2.endpoint": "http://127.0.0.1:1" } });

    await expect(backend.stat(someRef("pack"))).rejects.toMatchObject({ code: "unavailable" });
    await expect(listAll(backend, "key")).rejects.toMatchObject({ code: "unavailable" });
  });
});

/** Wait for the next call of an operation, which is not answered yet. */
async function untilCalled(operation: string): Promise<void> {
  const { calls } = stores.fake;
  const before = calls.get(operation);
  for (let rounds = 0; calls.get(operation) === before; rounds++) {
    if (rounds === 100_000) throw new Error(`Nobody calls ${operation}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
