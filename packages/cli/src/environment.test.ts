import { expect, test } from "vitest";
import { firstSetting, setting } from "./environment.ts";

test("setting() takes our own variable before restic's", () => {
  expect(setting({ TSBAK_HOST: "a", RESTIC_HOST: "b" }, "HOST")).toBe("a");
  expect(setting({ RESTIC_HOST: "b" }, "HOST")).toBe("b");
  expect(setting({}, "HOST")).toBeUndefined();
});

test("setting() takes an empty variable for unset", () => {
  expect(setting({ TSBAK_HOST: "", RESTIC_HOST: "b" }, "HOST")).toBe("b");
  expect(setting({ TSBAK_HOST: "" }, "HOST")).toBeUndefined();
});

test("firstSetting() takes any of our own variables before restic's", () => {
  const environment = { TSBAK_B: "ours", RESTIC_A: "theirs" };

  expect(firstSetting(environment, ["A", "B"])).toEqual({ name: "B", value: "ours" });
});
