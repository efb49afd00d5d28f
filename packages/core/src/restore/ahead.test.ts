import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { untilAborted } from "../async/interrupted.ts";
import { backup } from "../backup/backup.ts";
import type { ByteRange, CallOptions, FileRef } from "../backend/backend.ts";
import { openRepository } from "../repository/open.ts";
import type { Repository } from "../repository/repository.ts";
import { SnapshotSearch } from "../repository/snapshot-search.ts";
import { CountingBackend } from "../testing/counting-backend.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { randomBytesOf } from "../testing/random-bytes.ts";
import { restore } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-restore-ahead-"));
const source = join(top, "source");
const password = "only for tests";

/** Pieces of packs come never when it hangs. */
class HangingBackend extends CountingBackend {
  hangs = false;
  /** Reads that wait. */
  hanging = 0;

  override read(
    ref: FileRef,
    range?: ByteRange,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.hangs || range === undefined) return super.read(ref, range, options);
    this.hanging++;
    return untilAborted(new Promise<never>(() => undefined), options?.signal);
  }
}

const store = new HangingBackend();
const options = { password, early: { snapshots: true, index: true } };
let repository: Repository;
let search: SnapshotSearch;
let turn = 0;

beforeAll(async () => {
  fs.mkdirSync(source);
  for (let file = 0; file < 20; file++)
    fs.writeFileSync(join(source, `file-${file}`), randomBytesOf(1_000_000 + file, file));
  await backup(await createQuickly(store, { password }), [source], { threads: 1 });
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(async () => {
  store.hangs = false;
  store.hanging = 0;
  repository = await openRepository(store, options);
  repository.loadIndexEarly();
  store.packBytes = 0;
  search = new SnapshotSearch(repository, "latest", {}, { wantsContents: true });
  await expect.poll(() => store.packBytes).toBeGreaterThan(6 << 20);
});

function sameFiles(target: string): boolean {
  return fs.readdirSync(source).every((name) => {
    const [was, is] = [join(source, name), join(target, source, name)].map((at) =>
      fs.readFileSync(at),
    );
    return was !== undefined && is !== undefined && was.equals(is);
  });
}

describe("restore() of what was read ahead", () => {
  test("reads no contents twice", async () => {
    const target = join(top, `target ${turn++}`);

    await restore(repository, await search.find({}), target, { ahead: search.ahead });

    expect(sameFiles(target)).toBe(true);
    // Files, trees and little else.
    expect(store.packBytes).toBeLessThan(20_000_000 * 1.01);
  });

  test("does not trust it", async () => {
    search.stop();
    store.packBytes = 0;
    store.damage = (bytes) => bytes.length > 5 << 20 && bytes.fill(0);
    const damaged = new SnapshotSearch(repository, "latest", {}, { wantsContents: true });
    await expect.poll(() => store.packBytes).toBeGreaterThan(6 << 20);
    store.damage = undefined;
    const target = join(top, `target ${turn++}`);

    const { errors } = await restore(repository, await damaged.find({}), target, {
      ahead: damaged.ahead,
    });

    expect(errors).toBe(0);
    expect(sameFiles(target)).toBe(true);
  });

  test("takes nothing of it if the index has changed since", async () => {
    const writer = await openRepository(store, { password });
    await writer.saveFile("index", new TextEncoder().encode(`{"packs":[]}`));
    const target = join(top, `target ${turn++}`);
    const found = await search.find({});

    await restore(repository, found, target, { ahead: search.ahead });

    expect(search.ahead?.trees.index).not.toBe(await repository.loadIndex());
    expect(sameFiles(target)).toBe(true);
  });

  test.each(["is interrupted", "may not write"])(
    "does not wait for it to come when it %s",
    async (how) => {
      const ending = new AbortController();
      let refuse = (_error: Error): void => undefined;
      const mayWrite = new Promise<void>((_resolve, reject) => (refuse = reject));
      search.stop();
      store.hangs = true;
      const hanging = new SnapshotSearch(repository, "latest", {}, { wantsContents: true });
      await expect.poll(() => store.hanging).toBeGreaterThan(0);
      const target = join(top, `target ${turn++}`);
      const all = { ahead: hanging.ahead, mayWrite, signal: ending.signal };
      const restoring = restore(repository, await hanging.find({}), target, all);
      setTimeout(() => {
        refuse(new Error("somebody else was faster"));
        if (how === "is interrupted") ending.abort();
      }, 300);

      await expect(restoring).rejects.toThrow(/interrupted|faster/);
    },
  );
});
