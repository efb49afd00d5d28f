import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { toPathBytes } from "../fs/path.ts";
import { FilesAhead } from "./files-ahead.ts";

const COUNT = 50;
const MISSING = [0, 7, 30, 49];
const folder = mkdtempSync(join(tmpdir(), "tsbak-ahead-"));
const paths = Array.from({ length: COUNT }, (_, at) => toPathBytes(join(folder, String(at))));
for (let at = 0; at < COUNT; at++) {
  if (!MISSING.includes(at)) writeFileSync(join(folder, String(at)), contentsOf(at));
}
afterAll(() => rmSync(folder, { recursive: true }));

test("files come in their order, and what cannot be opened says so in its turn", () => {
  const ahead = new FilesAhead(paths, () => 5);
  const memory = new Uint8Array(100);

  for (let at = 0; at < COUNT; at++) {
    if (MISSING.includes(at)) {
      expect(() => ahead.take()).toThrow("ENOENT");
      continue;
    }
    const file = ahead.take();
    const length = file.read(memory, 0, memory.length, 0);
    expect(Buffer.from(memory.subarray(0, length)).toString()).toBe(contentsOf(at));
    file.close();
  }
});

test("files that nobody took are closed, and never are many open", () => {
  const before = openFiles();
  const ahead = new FilesAhead(paths, () => 5);
  expect(() => ahead.take()).toThrow("ENOENT");
  const taken = ahead.take();
  expect(openFiles() - before).toBeGreaterThan(1);
  expect(openFiles() - before).toBeLessThan(20);

  ahead.close();
  taken.close();

  expect(openFiles()).toBe(before);
});

function contentsOf(at: number): string {
  return `contents of ${at}`;
}

function openFiles(): number {
  return readdirSync(process.platform === "linux" ? "/proc/self/fd" : "/dev/fd").length;
}
