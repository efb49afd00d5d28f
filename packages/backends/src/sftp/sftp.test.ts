import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CONFIG_REF, KIND_FOLDERS, type Backend } from "@tsbak/core";
import { bytesOf, describeBackend, listAll, sameBytes, someRef } from "@tsbak/core/testing";
import { afterAll, afterEach, describe, expect, test } from "vitest";

import { openBackend } from "../open-backend.ts";

const SERVER = "/usr/lib/openssh/sftp-server";
const isThere = existsSync(SERVER);
if (!isThere) {
  const message = `${SERVER} is missing: run scripts/install-peers.sh`;
  if (process.env.CI) throw new Error(message);
  console.warn(`SKIPPED TESTS: ${message}`);
}

const mountPoint = mkdtempSync(join(tmpdir(), "tsbak-full-"));
const mounted = isThere && mountSmall(mountPoint);
if (!mounted) console.warn("SKIPPED: the disk-full test needs root and tmpfs");
const folders: string[] = [];
const opened: Backend[] = [];

function mountSmall(path: string): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A store below a new folder, over a server that is started for it. */
async function openStore(command = SERVER, folder = newFolder()): Promise<Backend> {
  const options = { "sftp.command": command };
  const backend = await openBackend(`sftp:host:${join(folder, "repository")}`, { options });
  opened.push(backend);
  return backend;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tsbak-sftp-"));
  folders.push(folder);
  return folder;
}

/** The folder of a store on this machine. */
function rootOf(backend: Backend): string {
  return backend.location.replace(/^sftp:host:/, "");
}

afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close?.();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

afterAll(() => {
  if (mounted) execFileSync("umount", [mountPoint]);
  rmSync(mountPoint, { recursive: true });
});

describe.skipIf(!isThere)("SftpBackend", () => {
  describeBackend("over sftp-server", () => openStore(), {
    reportsPieces: true,
    tellsTimes: true,
    addStranger: async (backend, kind, name) => {
      const folder = join(rootOf(backend), KIND_FOLDERS[kind], kind === "pack" ? "00" : "");
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), "x");
    },
  });

  test("misplacedPacks finds, reads and removes packs in wrong folders only", async () => {
    const backend = await openStore();
    await backend.create();
    const { misplacedPacks } = backend;
    const name = "ab".repeat(32);
    const wrong = ["data/cd", "data/data/ab", "data/strange"];
    for (const folder of [...wrong, "data/ab"]) {
      mkdirSync(join(rootOf(backend), folder), { recursive: true });
      writeFileSync(join(rootOf(backend), folder, name), folder);
    }
    symlinkSync(".", join(rootOf(backend), "data/loop"));

    const found = (await misplacedPacks?.list()) ?? [];

    expect(found.map(({ path }) => path).sort()).toEqual(wrong.map((path) => `${path}/${name}`));
    for (const pack of found) {
      const bytes = await misplacedPacks?.read(pack);
      expect(`${Buffer.from(bytes ?? []).toString()}/${name}`).toBe(pack.path);
      expect(bytes?.length).toBe(pack.size);
      await misplacedPacks?.remove(pack);
      await misplacedPacks?.remove(pack);
      await expect(misplacedPacks?.read(pack)).rejects.toMatchObject({ code: "not-found" });
    }
    expect(await misplacedPacks?.list()).toEqual([]);
    expect(existsSync(join(rootOf(backend), "data/ab", name))).toBe(true);
  });

  // As a server of another maker is, which knows only what the protocol itself has.
  const additions = "hardlink,fsync,limits,statvfs,posix-rename";
  describeBackend(
    "over a server without OpenSSH's additions",
    () => openStore(`${SERVER} -P ${additions}`),
    { reportsPieces: true },
  );

  test("a temporary file that cannot be linked is renamed, and nothing is replaced", async () => {
    const backend = await openStore(`${SERVER} -P hardlink`);
    await backend.create();
    const ref = someRef("pack");
    await backend.write(ref, bytesOf(10));

    await expect(backend.write(ref, bytesOf(20))).rejects.toMatchObject({ code: "already-exists" });

    expect(await listAll(backend, "pack")).toEqual([{ name: ref.name, size: 10 }]);
    expect(readdirSync(join(rootOf(backend), "data", ref.name.slice(0, 2)))).toEqual([ref.name]);
  });

  test("replace() goes in one step over what is read-only, leaves nothing beside it, and is unsupported where it cannot", async () => {
    const folder = newFolder();
    const backend = await openStore(SERVER, folder);
    await backend.create();
    await backend.write(CONFIG_REF, bytesOf(10));
    // The server's answer to it comes after all that was sent before, and the temporary file is gone then.
    await backend.stat(CONFIG_REF);
    const before = readdirSync(rootOf(backend));

    await backend.replace?.(CONFIG_REF, bytesOf(20));

    expect(readdirSync(rootOf(backend))).toEqual(before);
    expect(statSync(join(rootOf(backend), "config")).mode & 0o777).toBe(0o400);
    const poorer = await openStore(`${SERVER} -P posix-rename`, folder);
    await expect(poorer.replace?.(CONFIG_REF, bytesOf(30))).rejects.toMatchObject({
      code: "unsupported",
    });
    expect(await poorer.read(CONFIG_REF)).toEqual(bytesOf(20));
    expect(readdirSync(rootOf(backend))).toEqual(before);
  });

  test("a server that may only be read from is denied", async () => {
    const folder = newFolder();
    await (await openStore(SERVER, folder)).create();
    const backend = await openStore(`${SERVER} -R`, folder);

    await expect(backend.write(someRef("pack"), bytesOf(1))).rejects.toMatchObject({
      code: "denied",
    });
    expect(await listAll(backend, "pack")).toEqual([]);
  });

  test.skipIf(!mounted)(
    "write() to a full disk is no-space, and leaves nothing behind",
    async () => {
      const backend = await openStore(SERVER, mountPoint);
      await backend.create();
      const ref = someRef("pack");

      const writing = backend.write(ref, new Uint8Array(4 << 20));

      await expect(writing).rejects.toMatchObject({ code: "no-space" });
      expect(await listAll(backend, "pack")).toEqual([]);
      expect(readdirSync(join(rootOf(backend), "data", ref.name.slice(0, 2)))).toEqual([]);
      await backend.write(ref, bytesOf(1000));
    },
  );

  test("write() takes memory that threads share", async () => {
    const backend = await openStore();
    await backend.create();
    const shared = new SharedArrayBuffer(20 << 20);
    const bytes = new Uint8Array(shared, 4096, 16 << 20);
    bytes.set(bytesOf(16 << 20));
    const ref = someRef("pack");

    await backend.write(ref, bytes);

    expect(sameBytes(await backend.read(ref), bytesOf(16 << 20))).toBe(true);
  });
});
