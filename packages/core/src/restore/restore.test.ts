import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { backup } from "../backup/backup.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { wrapCalls } from "../backend/wrap-calls.ts";
import { compilePatterns } from "../fs/filter.ts";
import { createQuickly } from "../testing/create-quickly.ts";
import { Repository } from "../repository/repository.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";
import type { RestoreNotice } from "./progress.ts";
import { restore, type RestoreOptions, type RestoreSummary } from "./restore.ts";

const top = fs.mkdtempSync(join(tmpdir(), "tsbak-restore-"));
const source = join(top, "source");
const backend = new MemoryBackend();
let repository: Repository;
let snapshot: SnapshotEntry;
let target = "";
let notices: RestoreNotice[] = [];

beforeAll(async () => {
  makeSource();
  repository = await createQuickly(backend, { password: "secret" });
  const summary = await backup(repository, [source], { threads: 1 });
  snapshot = summary.snapshot as SnapshotEntry;
});

afterAll(() => fs.rmSync(top, { recursive: true, force: true }));

beforeEach(() => {
  target = fs.mkdtempSync(join(top, "target-"));
  notices = [];
});

function makeSource(): void {
  fs.mkdirSync(join(source, "deep/er/est"), { recursive: true });
  fs.mkdirSync(join(source, "empty directory"));
  fs.writeFileSync(join(source, "empty"), "");
  fs.writeFileSync(join(source, "deep/er/est/small"), "small contents");
  fs.writeFileSync(join(source, "deep/copy"), "small contents");
  fs.writeFileSync(join(source, "large"), largeContents());
  fs.writeFileSync(join(source, "zeros"), Buffer.alloc(3 << 20));
  fs.writeFileSync(Buffer.from(`${source}/bad \xff name`, "latin1"), "raw");
  fs.linkSync(join(source, "large"), join(source, "deep/large again"));
  fs.symlinkSync("../nowhere", join(source, "deep/link"));
  fs.chmodSync(join(source, "deep/copy"), 0o4750);
  fs.chmodSync(join(source, "empty"), 0o400);
  fs.chmodSync(join(source, "empty directory"), 0o1777);
  const touch = (path: string, time: string): void => {
    execFileSync("touch", ["-h", "-d", time, join(source, path)]);
  };
  touch("empty", "1965-04-03 02:01:00.123456789 UTC");
  touch("deep/link", "2001-02-03 04:05:06.000000007 UTC");
  touch("deep/er/est", "2011-02-03 04:05:06.999999999 UTC");
  touch("deep", "2012-02-03 04:05:06.5 UTC");
}

/** Cut in several places by any chunker. */
function largeContents(): Buffer {
  const bytes = Buffer.alloc(5_000_000);
  let state = 1;
  for (let at = 0; at < bytes.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Restore the source folder itself. */
function run(options: RestoreOptions = {}, subPath = source): Promise<RestoreSummary> {
  const onEvent = (notice: RestoreNotice): void => void notices.push(notice);
  return restore(repository, { ...snapshot, subPath }, target, { onEvent, threads: 2, ...options });
}

/** Everything that a restore must bring back, one line an entry. */
function describeTree(root: string): string[] {
  const format = "%P %y %m %U:%G %T@ %n %l\\n";
  const output = execFileSync("find", [root, "-mindepth", "1", "-printf", format], {
    encoding: "latin1",
  });
  return output.split("\n").slice(0, -1).sort();
}

function errors(): string[] {
  return notices.flatMap((notice) => (notice.kind === "error" ? [notice.path] : [])).sort();
}

describe("restore()", () => {
  test("brings back contents, metadata to the nanosecond, links and odd names", async () => {
    const summary = await run();

    expect(describeTree(target)).toEqual(describeTree(source));
    execFileSync("diff", ["-r", "--no-dereference", source, target]);
    const [first, second] = ["large", "deep/large again"].map((name) =>
      fs.statSync(join(target, name)),
    );
    expect(first?.ino).toBe(second?.ino);
    expect(summary).toEqual({
      files: 7,
      directories: 4,
      others: 1,
      bytes: 5_000_000 + (3 << 20) + 14 + 14 + 3,
      unchanged: 0,
      unchangedBytes: 0,
      deleted: 0,
      skipped: 0,
      errors: 0,
      totalFiles: 7,
      totalBytes: 5_000_000 + (3 << 20) + 14 + 14 + 3,
    });
  });

  test("tells when it needs the repository no more, and reads nothing from then on", async () => {
    let isOver = false;
    let late = 0;
    const watching = wrapCalls(repository.backend, (_call, options) => {
      if (isOver) late++;
      return { options, run: (work) => work() };
    });
    const watched = new Repository({ ...repository, backend: watching });

    const onAllRead = (): void => {
      isOver = true;
      expect(fs.readFileSync(`${target}${source}/deep/large again`)).toEqual(largeContents());
    };
    await restore(watched, snapshot, target, { onAllRead, verify: true });

    expect(isOver).toBe(true);
    expect(late).toBe(0);
  });

  test("restores the whole snapshot below its absolute path", async () => {
    await run({}, "");

    expect(describeTree(join(target, source))).toEqual(describeTree(source));
    const modes = [top, join(target, top)].map((path) => fs.statSync(path).mode);
    expect(modes[1]).toBe(modes[0]);
  });

  test("replaces what stands in the way and keeps what the snapshot does not have", async () => {
    const outside = join(top, "outside");
    fs.writeFileSync(outside, "untouched");
    fs.writeFileSync(join(target, "stranger"), "kept");
    fs.linkSync(outside, join(target, "large"));
    fs.symlinkSync(outside, join(target, "empty"));
    fs.symlinkSync(top, join(target, "deep"));
    fs.mkdirSync(join(target, "zeros"));

    await run();

    expect(fs.readFileSync(outside, "utf8")).toBe("untouched");
    expect(describeTree(target).filter((line) => !line.startsWith("stranger"))).toEqual(
      describeTree(source),
    );
    expect(fs.readFileSync(join(target, "stranger"), "utf8")).toBe("kept");
  });

  test("reports a file in whose place a directory with entries stands", async () => {
    fs.mkdirSync(join(target, "zeros/kept"), { recursive: true });

    const summary = await run();

    expect(errors()).toEqual(["/zeros"]);
    expect(summary.errors).toBe(1);
    expect(fs.existsSync(join(target, "zeros/kept"))).toBe(true);
    expect(fs.readFileSync(join(target, "large"))).toEqual(largeContents());
  });

  test("restores what include patterns match, with the metadata of its parents", async () => {
    const summary = await run({ include: [compilePatterns(["/deep/er/**/small"])] });

    const wanted = /^(deep|deep\/er|deep\/er\/est|deep\/er\/est\/small) /;
    expect(describeTree(target)).toEqual(describeTree(source).filter((line) => wanted.test(line)));
    expect(summary).toMatchObject({ files: 1, directories: 3, errors: 0 });
  });

  test("leaves out what exclude patterns match", async () => {
    await run({ exclude: [compilePatterns(["er", "*arge*"]), compilePatterns(["/zeros"])] });

    const names = describeTree(target).map((line) => line.replace(/ [a-z] .*/, ""));
    expect(names).toEqual([
      "bad \xff name",
      "deep",
      "deep/copy",
      "deep/link",
      "empty directory",
      "empty",
    ]);
  });

  test("leaves holes for zeros only when told to", async () => {
    await run({ sparse: true });
    const sparse = fs.statSync(join(target, "zeros"));
    fs.rmSync(join(target, "zeros"));
    await run();
    const full = fs.statSync(join(target, "zeros"));

    expect(fs.readFileSync(join(target, "large"))).toEqual(largeContents());
    expect([sparse.size, sparse.blocks, full.size]).toEqual([3 << 20, 0, 3 << 20]);
    expect(full.blocks).toBeGreaterThan(0);
  });

  test("refuses a sub path that is not there, and tells what is", async () => {
    const failure = run({}, `${source}/deep/nothing`);

    await expect(failure).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(
        /there is no "nothing".* copy, er, large again, link$/,
      ) as string,
    });
  });

  test("stops when its signal is aborted, and leaves no file in parts", async () => {
    const stop = new AbortController();
    const onEvent = (): void => stop.abort();

    await expect(run({ signal: stop.signal, onEvent, threads: 1 })).rejects.toMatchObject({
      code: "interrupted",
    });

    const size = fs.statSync(join(target, "large"), { throwIfNoEntry: false })?.size;
    expect([undefined, 5_000_000]).toContain(size);
  });

  test("tells of every entry if asked", async () => {
    await run({ reportItems: true });

    const items = notices.flatMap((notice) => (notice.kind === "item" ? [notice] : []));
    expect(items).toHaveLength(7 + 4 + 1);
    expect(items).toContainEqual({
      kind: "item",
      action: "restored",
      type: "file",
      path: "/deep/copy",
      size: 14,
    });
    expect(items.map((item) => item.path)).toContain("/bad \\xff name");
  });
});
