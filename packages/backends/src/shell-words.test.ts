import { expect, test } from "vitest";
import { splitShellWords } from "./shell-words.ts";

test.each([
  ["pass show backup", ["pass", "show", "backup"]],
  [`sh -c 'echo "a b"'`, ["sh", "-c", 'echo "a b"']],
  [`cat "my file"/x\\ y`, ["cat", "my file/x y"]],
  [`a "" ''`, ["a", "", ""]],
  [`a "\\"q\\" \\n"`, ["a", '"q" \\n']],
])("splitShellWords() splits %s", (line, words) => {
  expect(splitShellWords(line, "--run")).toEqual(words);
});

test.each(["", "  ", "a 'b", 'a "b', "a\\"])("splitShellWords() refuses %j", (line) => {
  expect(() => splitShellWords(line, "--run")).toThrow(/command line of --run/);
});
