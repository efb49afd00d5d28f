import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { LocalBackend } from "./local.ts";
import { openBackend } from "./open-backend.ts";

test("openBackend() takes a path, with or without local:", async () => {
  for (const [location, path] of [
    ["/srv/backup", "/srv/backup"],
    ["backup", "backup"],
    ["./a:b", "./a:b"],
    ["/a:b", "/a:b"],
    ["local:/srv/backup", "/srv/backup"],
    ["local:a:b", "a:b"],
  ] as const) {
    const backend = await openBackend(location);
    expect(backend).toBeInstanceOf(LocalBackend);
    expect(backend.location).toBe(path);
  }
});

test("openBackend() takes a folder whose name holds a colon if it is there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsbak-open-"));
  const previous = process.cwd();
  process.chdir(folder);
  try {
    await expect(openBackend("foo:bar")).rejects.toMatchObject({ code: "invalid-argument" });
    mkdirSync("foo:bar");
    expect((await openBackend("foo:bar")).location).toBe("foo:bar");
  } finally {
    process.chdir(previous);
    rmSync(folder, { recursive: true });
  }
});

test("openBackend() says which stores of restic's it does not have yet", async () => {
  for (const scheme of ["sftp", "b2", "rest", "rclone", "azure", "gs", "swift"]) {
    const opening = openBackend(`${scheme}:host/path`);
    await expect(opening).rejects.toMatchObject({ code: "unsupported" });
  }
});

test("openBackend() never repeats a password that a location holds", async () => {
  for (const location of ["rest:https://me:secret@host/", "ftp://me:secret@host/"]) {
    const error = await openBackend(location).catch((reason: unknown) => String(reason));
    expect(error).not.toContain("secret");
  }
});

test("openBackend() refuses an empty location", async () => {
  await expect(openBackend("")).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(openBackend("local:")).rejects.toMatchObject({ code: "invalid-argument" });
});

test("openBackend() refuses options that stores of the kind do not have, and lets those of other kinds be", async () => {
  const open = (options: Record<string, string>): Promise<unknown> =>
    openBackend("/srv/backup", { options });

  await expect(open({ "local.foo": "1" })).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(open({ "local.connections.x": "1" })).rejects.toThrow("is not known");
  await expect(open({ foo: "1" })).rejects.toThrow("option foo is not known");
  await expect(open({ "local.connections": "0" })).rejects.toThrow("at least 1");
  await expect(open({ "s3.foo": "1" })).resolves.toMatchObject({ connections: 2 });
  await expect(open({ "local.connections": "7" })).resolves.toMatchObject({ connections: 7 });
});
