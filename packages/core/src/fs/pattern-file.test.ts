import { expect, test } from "vitest";

import { readPatternFile } from "./pattern-file.ts";

const ENV = { HOME: "/home/me", EMPTY: "", "1": "one" };

test("readPatternFile() leaves out comments and empty lines, and trims", () => {
  const bytes = Buffer.from("# comment\n\n  *.o  \r\n\t!main.o\n  # indented\n#\nlast");
  expect(readPatternFile(bytes, ENV)).toEqual(["*.o", "!main.o", "last"]);
});

// The table of Go's os.Expand.
test.each([
  ["$HOME/x", "/home/me/x"],
  ["${HOME}x", "/home/mex"],
  ["$HOMEx/y", "/y"],
  ["a$EMPTY-b", "a-b"],
  ["$$HOME", "$HOME"],
  ["a$", "a$"],
  ["$ x", "$ x"],
  ["$/x", "$/x"],
  ["$1x", "onex"],
  ["x${}y", "xy"],
  ["x${HOME", "xHOME"],
  ["$UNSET/x", "/x"],
  ["${a b}c", "c"],
])("readPatternFile() expands %j to %j", (line, expected) => {
  expect(readPatternFile(Buffer.from(line), ENV)).toEqual([expected]);
});

test("readPatternFile() reads UTF-8 with a mark, and UTF-16 of either order", () => {
  const text = "*.tmp\nä\n";
  const little = Buffer.from(`\ufeff${text}`, "utf16le");
  expect(readPatternFile(Buffer.from(`\ufeff${text}`), ENV)).toEqual(["*.tmp", "ä"]);
  expect(readPatternFile(little, ENV)).toEqual(["*.tmp", "ä"]);
  expect(readPatternFile(Buffer.from(little).swap16(), ENV)).toEqual(["*.tmp", "ä"]);
});
