import { expect, test } from "vitest";

import type { BackendSettings } from "../settings.ts";
import { openB2 } from "./open-b2.ts";

const KEY = { B2_ACCOUNT_ID: "id", B2_ACCOUNT_KEY: "secret" };

function open(settings: BackendSettings = {}): ReturnType<typeof openB2> {
  return openB2("bucket-1:a", { environment: KEY, ...settings });
}

test("openB2() takes the key under restic's names or those of Backblaze's programs", async () => {
  expect((await open()).location).toBe("b2:bucket-1:a");
  const environment = { B2_APPLICATION_KEY_ID: "id", B2_APPLICATION_KEY: "secret" };
  expect((await open({ environment })).location).toBe("b2:bucket-1:a");
});

test("openB2() says which half of the key is missing", async () => {
  await expect(open({ environment: {} })).rejects.toThrow("set B2_ACCOUNT_ID and B2_ACCOUNT_KEY");
  await expect(open({ environment: { B2_ACCOUNT_ID: "id" } })).rejects.toThrow(
    "set B2_ACCOUNT_KEY too",
  );
  await expect(open({ environment: { B2_ACCOUNT_KEY: "k" } })).rejects.toThrow(
    "set B2_ACCOUNT_ID too",
  );
});

test("openB2() has restic's five connections unless told otherwise", async () => {
  expect((await open()).connections).toBe(5);
  expect((await open({ options: { "b2.connections": "12" } })).connections).toBe(12);
});

test("openB2() refuses settings that it cannot use", async () => {
  for (const [name, value] of [
    ["b2.connections", "0"],
    ["b2.hard-delete", "yes"],
    ["b2.endpoint", "api.example"],
    ["b2.endpoint", "ftp://api.example"],
    ["b2.endpoint", "https://me:secret@api.example"],
  ] as const) {
    await expect(open({ options: { [name]: value } })).rejects.toThrow(name);
  }
  const tls = { authorityFiles: ["/not/there.pem"] };
  await expect(open({ tls })).rejects.toThrow("/not/there.pem");
});
