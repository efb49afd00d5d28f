import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isInPageCache } from "./page-cache.ts";
import { toPathBytes } from "./path.ts";
import { SourceFile } from "./source-file.ts";

const SIZE = 3 << 20;
const folder = mkdtempSync(join(tmpdir(), "tsbak-source-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("reading a file leaves its access time alone", () => {
  const path = makeFile("atime", 100);
  // Older than the modification time: what mount option "relatime" would change.
  utimesSync(path, 1_000_000_000, 1_500_000_000);

  readAll(path, 100);

  expect(statSync(path).atimeMs).toBe(1_000_000_000_000);
});

test("a large file is not in the page cache afterwards, unless it was there before", () => {
  const path = makeFile("large", SIZE);
  spawnSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
  if (isCached(path)) {
    console.warn(`SKIPPED: ${folder} is on a file system that lives in the page cache`);
    return;
  }

  readAll(path, SIZE);
  expect(isCached(path)).toBe(false);

  spawnSync("cat", [path], { maxBuffer: 2 * SIZE });
  readAll(path, SIZE);
  expect(isCached(path)).toBe(true);
});

test("a symlink is not followed", () => {
  const path = join(folder, "symlink");
  spawnSync("ln", ["-s", "/etc/passwd", path]);

  expect(() => new SourceFile(toPathBytes(path))).toThrow("ELOOP");
});

function makeFile(name: string, size: number): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(size).fill(1));
  return path;
}

function readAll(path: string, size: number): void {
  const file = new SourceFile(toPathBytes(path), size);
  expect(file.read(new Uint8Array(size), 0, size, 0)).toBe(size);
  file.forget(0, 0);
  file.close();
}

function isCached(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    return isInPageCache(fd, 0, SIZE);
  } finally {
    closeSync(fd);
  }
}
