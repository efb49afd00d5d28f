/** How the B2 backend gets along with keys and tokens, and that no error holds one. */
import { inspect } from "node:util";

import { isTsbakError } from "@tsbak/core";
import { bytesOf, listAll, someRef } from "@tsbak/core/testing";
import { describe, expect, test } from "vitest";

import { B2Stores } from "./b2-store.ts";

const stores = new B2Stores().register();

describe("B2Backend and its token", () => {
  test("a token that expires is renewed once for all who need it, whatever they do", async () => {
    const backend = await stores.open();
    const refs = Array.from({ length: 10 }, () => someRef("pack"));
    await Promise.all(refs.slice(0, 8).map((ref) => backend.write(ref, bytesOf(100))));
    stores.fake.keys.expireTokens();
    stores.fake.uploadUrls.expireAll();

    const asked = await stores.countCalls("b2_authorize_account", () =>
      Promise.all([
        ...refs.slice(0, 4).map((ref) => backend.read(ref)),
        ...refs.slice(4, 6).map((ref) => backend.stat(ref)),
        ...refs.slice(6, 8).map((ref) => backend.remove(ref)),
        ...refs.slice(8).map((ref) => backend.write(ref, bytesOf(100))),
        listAll(backend, "key"),
      ]),
    );

    expect(asked).toBe(1);
    expect((await listAll(backend, "pack")).length).toBe(8);
  });

  test("a token that is refused again and again is unavailable, not a loop", async () => {
    const backend = await stores.open();
    stores.fake.faults.fail("b2_list_file_names", { status: 401, code: "expired_auth_token" }, 100);

    const asked = await stores.countCalls("b2_list_file_names", () =>
      expect(listAll(backend, "pack")).rejects.toMatchObject({ code: "unavailable" }),
    );

    expect(asked).toBe(2);
  });

  test("one who is aborted while all wait for a token does not disturb the others", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    await backend.write(ref, bytesOf(10));
    stores.fake.keys.expireTokens();
    const abort = new AbortController();

    const one = backend.read(ref, undefined, { signal: abort.signal });
    const others = [backend.read(ref), backend.stat(ref)];
    abort.abort();

    await expect(one).rejects.toMatchObject({ code: "interrupted" });
    expect(await Promise.all(others)).toHaveLength(2);
  });

  test("a token that never comes is asked for anew when nobody waits for it any more", async () => {
    const backend = await stores.open();
    stores.fake.faults.fail("b2_authorize_account", "silence");

    const waiting = listAll(backend, "pack", AbortSignal.timeout(100));
    await expect(waiting).rejects.toMatchObject({ code: "interrupted" });

    expect(await listAll(backend, "pack")).toEqual([]);
  });

  test("a wrong key is denied, and so is one that was taken away; no error holds a secret", async () => {
    const key = stores.fake.keys.add();
    const wrong = await stores.open({ key: { id: key.id, secret: "K00notthesecret" } });
    const good = await stores.open({ key });
    await good.write(someRef("pack"), bytesOf(10));
    stores.fake.keys.remove(key.id);

    for (const backend of [wrong, good]) {
      const error: unknown = await backend.stat(someRef("pack")).catch((reason: unknown) => reason);
      expect(isTsbakError(error, "denied")).toBe(true);
      expect(String(error)).toContain("check B2_ACCOUNT_ID and B2_ACCOUNT_KEY");
      expect(leaksOf(error, [key.secret, "K00notthesecret"])).toEqual([]);
    }
  });

  test("no error of a failed call holds a token", async () => {
    const key = stores.fake.keys.add();
    const backend = await stores.open({ key });
    const ref = someRef("pack");
    await backend.write(ref, bytesOf(10));
    const failure = { status: 503, code: "service_unavailable" };
    for (const operation of ["download", "head", "b2_list_file_names"]) {
      stores.fake.faults.fail(operation, failure);
    }
    stores.fake.faults.fail("upload", failure, 5, new RegExp("keys/"));

    const errors = await Promise.allSettled([
      backend.stat(ref),
      backend.read(ref),
      listAll(backend, "pack"),
      backend.write(someRef("key"), bytesOf(10)),
    ]);

    for (const result of errors) {
      if (result.status === "fulfilled") throw new Error("This should have failed");
      expect(leaksOf(result.reason, [key.secret, key.id])).toEqual([]);
    }
  });
});

/** Which secrets can be found in an error, all its causes and their hidden properties. */
function leaksOf(error: unknown, secrets: readonly string[]): string[] {
  const text = inspect(error, { depth: 20, showHidden: true, maxStringLength: null });
  // Tokens of the stand-in, for calls and for uploads, begin so.
  const tokens = text.match(/\b4_(upload_)?[\w-]{24,}/g) ?? [];
  return [...secrets.filter((secret) => text.includes(secret)), ...tokens];
}
