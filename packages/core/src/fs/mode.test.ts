import { expect, test } from "vitest";

import { goMode, nodeType, unixMode } from "./mode.ts";

// The values that restic itself stored (restic format, section 8).
const STORED = [
  ["dir", 0o040755, 2147484141],
  ["dir", 0o041777, 2148532735],
  ["file", 0o104755, 8389101],
  ["file", 0o102755, 0o755 + (1 << 22)],
  ["symlink", 0o120777, 134218239],
  ["fifo", 0o010644, 33554852],
  ["dev", 0o060644, 67109284],
  ["chardev", 0o020644, 69206436],
  ["socket", 0o140755, 0o755 + (1 << 24)],
  ["file", 0o100644, 420],
] as const;

test.each(STORED)(
  "goMode() and unixMode() agree with restic for a %s of mode %o",
  (type, unix, go) => {
    expect(goMode(unix)).toBe(go);
    expect(unixMode(go)).toBe(unix);
    expect(nodeType(unix)).toBe(type);
  },
);

test("nodeType() calls what it does not know irregular", () => {
  expect(nodeType(0o150644)).toBe("irregular");
  expect(goMode(0o150644)).toBe(0o644 + (1 << 19));
});

test("goMode() keeps every permission bit of every type", () => {
  for (const type of [1, 2, 4, 6, 8, 10, 12]) {
    for (let bits = 0; bits < 0o10000; bits++) {
      const mode = (type << 12) | bits;
      expect(unixMode(goMode(mode))).toBe(mode);
    }
  }
});
