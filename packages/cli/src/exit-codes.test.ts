import { TsbakError } from "@tsbak/core";
import { expect, test } from "vitest";
import { exitCodeOf, expectedCode } from "./exit-codes.ts";

test("exitCodeOf() gives restic's codes", () => {
  const codeOf = (code: TsbakError["code"]): number => exitCodeOf(new TsbakError(code, ""));

  expect(codeOf("no-repository")).toBe(10);
  expect(codeOf("locked")).toBe(11);
  expect(codeOf("wrong-password")).toBe(12);
  expect(codeOf("interrupted")).toBe(130);
  expect(codeOf("corrupt")).toBe(1);
});

test("exitCodeOf() gives 1 for anything that is not ours", () => {
  expect(exitCodeOf(new TypeError("x"))).toBe(1);
  expect(exitCodeOf("x")).toBe(1);
  expect(expectedCode(new TypeError("x"))).toBeUndefined();
});
