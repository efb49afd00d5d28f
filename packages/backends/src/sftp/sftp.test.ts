import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { KIND_FOLDERS } from "@tsbak/core";
import type { Backend } from "@tsbak/core";
import { bytesOf, describeBackend, sameBytes, someRef } from "@tsbak/core/testing";
import { afterEach, describe, expect, test } from "vitest";

import { openBackend } from "../open-backend.ts";

const SERVER = "/usr/lib/openssh/sftp-server";
const isThere = existsSync(SERVER);
if (!isThere) {
  const message = `${SERVER} is missing: run scripts/install-peers.sh`;
  if (process.env.CI) throw new Error(message);
  console.warn(`SKIPPED TESTS: ${message}`);
}

const folders: string[] = [];
const opened: Backend[] = [];

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

describe.skipIf(!isThere)("SftpBackend", () => {
  describeBackend("over sftp-server", () => openStore(), {
    addStranger: async (backend, kind, name) => {
      const folder = join(rootOf(backend), KIND_FOLDERS[kind], kind === "pack" ? "00" : "");
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), "x");
    },
  });

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
