import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeDirectly } from "./direct-write.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-direct-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Memory that begins with a page. */
function pages(size: number): Uint8Array {
  const memory = new SharedArrayBuffer(0, { maxByteLength: size });
  memory.grow(size);
  return new Uint8Array(memory, 0, size).fill(7);
}

test("writeDirectly writes what it says, in whole blocks", async () => {
  const path = join(folder, "blocks");
  writeFileSync(path, "");
  const bytes = pages((2 << 20) + 100);

  const written = await writeDirectly(path, bytes);

  if (written === 0) console.warn("SKIPPED: no direct writing to the temporary folder");
  expect([0, 2 << 20]).toContain(written);
  expect(Buffer.compare(readFileSync(path), bytes.subarray(0, written))).toBe(0);
});

test("writeDirectly leaves small files, missing files and aborted calls to the caller", async () => {
  const path = join(folder, "left");
  writeFileSync(path, "");

  expect(await writeDirectly(path, pages(1 << 19))).toBe(0);
  expect(await writeDirectly(join(folder, "missing"), pages(2 << 20))).toBe(0);
  expect(await writeDirectly(path, pages(2 << 20), AbortSignal.abort())).toBe(0);
  expect(readFileSync(path).length).toBe(0);
});
