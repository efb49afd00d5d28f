import type { Readable } from "node:stream";

/** What a program prints may come from the other side: no line is longer, and none reaches a terminal with control characters. */
const LONGEST_LINE = 2000;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Call `onLine` for each line that a program prints for people, without empty ones; the last need not end. */
export function readNoticeLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  const pass = (text: string): void => {
    const line = text.trimEnd().replace(CONTROL, "?").slice(0, LONGEST_LINE);
    if (line !== "") onLine(line);
  };
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) pass(line);
    if (rest.length < LONGEST_LINE) return;
    pass(rest);
    rest = "";
  });
  stream.on("end", () => pass(rest));
  // A pipe that breaks has nothing more to tell.
  stream.on("error", () => undefined);
}
