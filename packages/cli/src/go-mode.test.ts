import { expect, test } from "vitest";
import { formatGoMode } from "./go-mode.ts";

test.each([
  [0o644, "-rw-r--r--"],
  [2 ** 31 + 0o755, "drwxr-xr-x"],
  [2 ** 31 + 2 ** 20 + 0o777, "dtrwxrwxrwx"],
  [2 ** 27 + 0o777, "Lrwxrwxrwx"],
  [2 ** 23 + 0o755, "urwxr-xr-x"],
  [2 ** 26 + 2 ** 21 + 0o600, "Dcrw-------"],
])("formatGoMode() prints %o as Go does", (mode, text) => {
  expect(formatGoMode(mode)).toBe(text);
});
