import { chmodSync, closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { EntryMetadata } from "./metadata.ts";
import { NewFiles } from "./new-files.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-new-files-"));
const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
const time = { seconds: 1, nanoseconds: 0 };
const plain: EntryMetadata = { uid, gid, mode: 0o644, atime: time, mtime: time };

afterAll(() => rmSync(folder, { recursive: true }));

function learnt(mode = 0o600): NewFiles {
  const files = new NewFiles();
  const fd = openSync(join(folder, `file-${mode}`), "w");
  chmodSync(join(folder, `file-${mode}`), mode);
  files.learn(fd);
  closeSync(fd);
  return files;
}

describe("NewFiles", () => {
  test("knows what a file gets by itself when it has seen one", () => {
    expect(new NewFiles().areRight(plain)).toBe(false);
    expect(learnt().areRight(plain)).toBe((0o644 & process.umask()) === 0);
    expect(learnt().areRight({ ...plain, mode: 0o600 })).toBe(true);
  });

  test.each([
    ["another owner", { uid: uid + 1 }],
    ["another group", { gid: gid + 1 }],
    ["set-user-ID", { mode: 0o4700 }],
    ["the sticky bit", { mode: 0o1700 }],
    ["attributes", { attributes: [{ name: "user.a", value: new Uint8Array(1) }] }],
    ["no right for the owner to write", { mode: 0o400 }],
    ["what the umask takes", { mode: 0o600 | process.umask() }],
  ])("leaves %s to whoever finishes the file", (_what, change) => {
    const mode = { mode: 0o600 };
    const takesNothing = "mode" in change && change.mode === 0o600;

    expect(learnt().areRight({ ...plain, ...mode, ...change })).toBe(takesNothing);
  });

  test("relies on nothing where files do not get the mode that was asked for", () => {
    expect(learnt(0o755).areRight({ ...plain, mode: 0o600 })).toBe(false);
  });
});
