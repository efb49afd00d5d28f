import { readFileSync } from "node:fs";
import { VERSION as CORE_VERSION } from "@tsbak/core";
import { expect, test } from "vitest";
import { VERSION } from "./version.ts";

function packageVersion(name: string): unknown {
  const text = readFileSync(new URL(`../../${name}/package.json`, import.meta.url), "utf8");
  return (JSON.parse(text) as { version: unknown }).version;
}

test("VERSION is that of package.json", () => {
  expect(VERSION).toBe(packageVersion("cli"));
  expect(CORE_VERSION).toBe(packageVersion("core"));
});
