import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { randomBytesOf } from "../testing/random-bytes.ts";
import { copyRanges } from "./copy-ranges.ts";
import { narrowMode, writeDifferences } from "./write-file.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-write-"));
const path = join(top, "file");
const PAGE = 4096;

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));
beforeEach(() => fs.rmSync(path, { force: true }));

/** Bytes that were written by `run`, whatever they were. */
function countWritten(run: () => void): number {
  const count = (): number =>
    Number(/^wchar: (\d+)$/m.exec(fs.readFileSync("/proc/self/io", "utf8"))?.[1]);
  const before = count();
  run();
  return count() - before;
}

test.each([
  ["nothing, where all is right", 100, 50_000, [], 0],
  ["one page, where one byte differs", 100, 50_000, [20_000], PAGE],
  ["the first and last bytes, which are no whole pages", 100, 50_000, [100, 50_099], 2 * PAGE],
  ["two pages together", 0, 50_000, [PAGE - 1, PAGE], 2 * PAGE],
])("writeDifferences() writes %s", (_, offset, length, wrong, most) => {
  const wanted = randomBytesOf(60_000, 1);
  const found = Buffer.from(wanted);
  for (const at of wrong) found[at] = (found[at] as number) ^ 1;
  fs.writeFileSync(path, found);
  const fd = fs.openSync(path, "r+");

  const bytes = wanted.subarray(offset, offset + length);
  const written = countWritten(() => writeDifferences(fd, bytes, offset));

  fs.closeSync(fd);
  expect(fs.readFileSync(path).equals(wanted)).toBe(true);
  expect(written).toBeLessThanOrEqual(most);
});

test("writeDifferences() adds what is behind the end of the file", () => {
  const wanted = randomBytesOf(30_000, 2);
  fs.writeFileSync(path, wanted.subarray(0, 12_345));
  const fd = fs.openSync(path, "r+");

  writeDifferences(fd, wanted.subarray(5000), 5000);

  fs.closeSync(fd);
  expect(fs.readFileSync(path).equals(wanted)).toBe(true);
});

test.each([
  [0o644, 0o600, 0o600],
  [0o4755, 0o755, 0o755],
  [0o640, 0o777, 0o640],
  [0o600, 0o044, 0o600],
])("narrowMode() makes %o for %o into %o", (before, wanted, after) => {
  fs.writeFileSync(path, "");
  fs.chmodSync(path, before);
  const fd = fs.openSync(path, "r+");

  narrowMode(fd, wanted);

  fs.closeSync(fd);
  expect(fs.statSync(path).mode & 0o7777).toBe(after);
});

test("copyRanges() copies ranges to their places, as far as the file goes, and leaves out what is refused", () => {
  const bytes = randomBytesOf(3_000_000, 3);
  bytes.fill(0, 0, 1000);
  fs.writeFileSync(path, bytes);
  const [from, to] = [fs.openSync(path, "r"), fs.openSync(`${path} copy`, "w")];

  const ranges = new Float64Array([0, 1000, 5000, 2_000_000, 2_999_999, 10]);
  copyRanges(from, to, ranges, (part) => part.some((byte) => byte !== 0));

  for (const fd of [from, to]) fs.closeSync(fd);
  const wanted = Buffer.from(bytes);
  wanted.fill(0, 1000, 5000);
  wanted.fill(0, 2_005_000, 2_999_999);
  expect(fs.readFileSync(`${path} copy`).equals(wanted)).toBe(true);
});
