/**
 * The SFTP backend on a real SSH server: the suite that every backend passes, and what only a real connection shows.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { openBackend } from "@tsbak/backends";
import { defaultLayoutPath, KIND_FOLDERS } from "@tsbak/core";
import type { Backend, FileRef } from "@tsbak/core";
import { bytesOf, describeBackend, listAll, sameBytes, someRef } from "@tsbak/core/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { requireSshd, startSshd, type Sshd } from "./servers/sshd.ts";

const isThere = requireSshd();
const folder = mkdtempSync(join(tmpdir(), "tsbak-sshd-"));
const opened: Backend[] = [];
const notices: string[] = [];
let server: Sshd;
let count = 0;

beforeAll(async () => {
  if (isThere) server = await startSshd(join(folder, "server"));
});

afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close?.();
  notices.length = 0;
});

afterAll(async () => {
  if (isThere) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A store in a folder that is not there yet. `args` go to ssh, before those that every test has. */
async function openStore(args = "", root = join(folder, `store-${count++}`)): Promise<Backend> {
  const backend = await openBackend(`sftp:store:${root}`, {
    options: { "sftp.args": `${args} -F '${server.clientConfig}'` },
    onNotice: (line) => notices.push(line),
  });
  opened.push(backend);
  return backend;
}

/** Where a file lies on this machine. */
function pathOf(backend: Backend, ref: FileRef): string {
  return join(backend.location.replace(/^sftp:store:/, ""), defaultLayoutPath(ref));
}

/** The temporary file of a write that is under way. */
function temporaryOf(backend: Backend, ref: FileRef): string | undefined {
  const parent = join(pathOf(backend, ref), "..");
  const name = readdirSync(parent).find((entry) => entry.includes("-tmp-"));
  return name === undefined ? undefined : join(parent, name);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(2);
}

function countLogins(): number {
  const log = readFileSync(join(folder, "server", "sshd.log"), "utf8");
  return log.split("Accepted publickey").length - 1;
}

function cutConnections(): void {
  for (const pid of server.sessions()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended with the one before.
    }
  }
}

describe.skipIf(!isThere)("SftpBackend, with a connection that ssh shares", () => {
  const shared = `-o ControlMaster=auto -o ControlPersist=yes -o ControlPath='${folder}/shared'`;
  afterAll(() => {
    execFileSync(
      "ssh",
      ["-F", server.clientConfig, "-S", `${folder}/shared`, "-O", "exit", "store"],
      {
        stdio: "ignore",
      },
    );
  });

  // All over one connection, which ssh shares among them: that is how it is done for speed, and it keeps ssh's pipes open.
  describeBackend("over ssh", () => openStore(shared), {
    reportsPieces: true,
    tellsTimes: true,
    addStranger: async (backend, kind, name) => {
      const parent = join(
        backend.location.replace(/^sftp:store:/, ""),
        KIND_FOLDERS[kind],
        kind === "pack" ? "00" : "",
      );
      mkdirSync(parent, { recursive: true });
      writeFileSync(join(parent, name), "x");
    },
  });
});

describe.skipIf(!isThere)("SftpBackend, with a connection of its own", () => {
  describe("to a store that is there", () => {
    let backend: Backend;
    beforeEach(async () => {
      backend = await openStore();
      await backend.create();
    });

    test("write() and read() take a file of 128 MiB in memory that threads share", async () => {
      const ref = someRef("pack");
      const bytes = new Uint8Array(new SharedArrayBuffer(128 << 20));
      for (let at = 0; at < 128; at++) bytes.set(bytesOf(1 << 20).fill(at, 0, 64), at << 20);

      await backend.write(ref, bytes);

      expect(sameBytes(await backend.read(ref), bytes)).toBe(true);
      const range = { offset: 100_000_001, length: 20_000_000 };
      const into = new ArrayBuffer(range.length);
      const part = await backend.read(ref, range, { into });
      expect(part.buffer).toBe(into);
      expect(sameBytes(part, bytes.subarray(range.offset, range.offset + range.length))).toBe(true);
    });

    test("twenty operations of each kind at once share one connection", async () => {
      const refs = Array.from({ length: 20 }, () => someRef("pack"));
      const logins = countLogins();

      await Promise.all(refs.map((ref, at) => backend.write(ref, bytesOf(at * 100_000))));
      const answers = await Promise.all([
        Promise.all(refs.map((ref) => backend.read(ref))),
        Promise.all(refs.map((ref) => backend.stat(ref))),
        Promise.all(refs.map(() => listAll(backend, "index"))),
      ]);

      const [read, stats, lists] = answers;
      expect(read.every((bytes, at) => sameBytes(bytes, bytesOf(at * 100_000)))).toBe(true);
      expect(stats.map(({ size }) => size)).toEqual(refs.map((_, at) => at * 100_000));
      expect(lists.flat()).toEqual([]);
      expect((await listAll(backend, "pack")).length).toBe(20);
      expect(countLogins()).toBe(logins);
    });

    test("files and folders have restic's modes, private or shared with the group as the config is", async () => {
      const modeOf = (path: string): number => statSync(path).mode & 0o777;
      const key = someRef("key");
      await backend.write(key, bytesOf(1));
      await backend.write({ kind: "config", name: "" }, bytesOf(1));
      const config = pathOf(backend, { kind: "config", name: "" });
      expect([modeOf(pathOf(backend, key)), modeOf(config)]).toEqual([0o400, 0o400]);
      expect(modeOf(join(config, "../data/00"))).toBe(0o700);

      execFileSync("chmod", ["g+r", config]);
      rmSync(join(config, "../data"), { recursive: true });
      const other = await openStore("", join(config, ".."));
      const pack = someRef("pack");
      await other.write(pack, bytesOf(1));

      expect(modeOf(pathOf(other, pack))).toBe(0o440);
      expect(modeOf(join(pathOf(other, pack), ".."))).toBe(0o770);
    });

    test("a write whose connection is cut fails, and the next call connects anew and clears up", async () => {
      const ref = someRef("pack");
      const writing = backend.write(ref, Buffer.alloc(256 << 20)).catch((error: unknown) => error);
      await until(() => statSync(temporaryOf(backend, ref) ?? "/", {}).size > 1 << 20);

      cutConnections();

      const error = await writing;
      expect(error).toMatchObject({ code: "unavailable" });
      expect(String(error)).toMatch(/Cannot write pack .*: the connection was lost/);
      expect(await listAll(backend, "pack")).toEqual([]);
      await backend.write(ref, bytesOf(100));
      expect(await listAll(backend, "pack")).toEqual([{ name: ref.name, size: 100 }]);
      expect(readdirSync(join(pathOf(backend, ref), ".."))).toEqual([ref.name]);
    });

    test("a read whose connection is cut fails, and the calls after it connect anew, once", async () => {
      const ref = someRef("pack");
      const bytes = Buffer.alloc(64 << 20, 1);
      await backend.write(ref, bytes);
      const into = new ArrayBuffer(bytes.length);
      const reading = backend.read(ref, undefined, { into }).catch((error: unknown) => error);
      await until(() => new Uint8Array(into)[1 << 20] === 1);

      cutConnections();

      const error = await reading;
      expect(error).toMatchObject({ code: "unavailable" });
      expect(String(error)).toMatch(/Cannot read pack .*: the connection was lost/);
      const logins = countLogins();
      await Promise.all(Array.from({ length: 10 }, () => backend.stat(ref)));
      expect(sameBytes(await backend.read(ref), bytes)).toBe(true);
      expect(countLogins()).toBe(logins + 1);
    });

    test("an aborted write or read ends, touches the caller's memory no more, and the connection goes on", async () => {
      const ref = someRef("pack");
      await backend.write(ref, Buffer.alloc(64 << 20, 1));
      const logins = countLogins();
      const into = new ArrayBuffer(64 << 20);
      const abort = new AbortController();
      const { signal } = abort;
      const other = someRef("pack");
      const calls = Promise.allSettled([
        backend.read(ref, undefined, { into, signal }),
        backend.write(other, Buffer.alloc(256 << 20), { signal }),
      ]);
      await until(() => new Uint8Array(into)[1 << 20] === 1);

      abort.abort();

      const interrupted = { status: "rejected", reason: { code: "interrupted" } };
      expect(await calls).toMatchObject([interrupted, interrupted]);
      const memory = new Uint8Array(into).fill(7);
      expect(await listAll(backend, "pack")).toEqual([{ name: ref.name, size: 64 << 20 }]);
      expect(memory.every((byte) => byte === 7)).toBe(true);
      expect(temporaryOf(backend, other)).toBeUndefined();
      expect(countLogins()).toBe(logins);
    });

    test("a missing repository is not found, has no files, and nothing is written to it", async () => {
      const missing = await openStore();
      const ref = someRef("pack");

      await expect(missing.stat(ref)).rejects.toMatchObject({ code: "not-found" });
      await expect(missing.read(ref)).rejects.toMatchObject({ code: "not-found" });
      expect(await listAll(missing, "pack")).toEqual([]);
      await missing.remove(ref);
      await expect(missing.write(ref, bytesOf(1))).rejects.toMatchObject({ code: "unavailable" });
      expect(existsSync(join(pathOf(missing, ref), "../../.."))).toBe(false);
    });
  });

  test("a key that the server does not know is denied, and what ssh says is passed on", async () => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "other-key")]);
    const config = readFileSync(server.clientConfig, "utf8").replaceAll("client-key", "no-key");
    writeFileSync(join(folder, "no-key-config"), config);
    const backend = await openBackend("sftp:store:x", {
      options: {
        "sftp.args": `-i '${join(folder, "other-key")}' -F '${join(folder, "no-key-config")}'`,
      },
      onNotice: (line) => notices.push(line),
    });
    opened.push(backend);

    const error = await backend.create().catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "denied" });
    expect(String(error)).toMatch(
      /sftp:store:x: .*Permission denied \(publickey\); check the user/,
    );
    expect(notices.join()).toContain("Permission denied (publickey)");
  });

  test("a host key that is not the known one is denied", async () => {
    const hosts = join(folder, "wrong-hosts");
    const key = readFileSync(join(folder, "server", "client-key.pub"), "utf8");
    writeFileSync(hosts, `[${server.host}]:${server.port} ${key}`);
    const backend = await openStore(`-o UserKnownHostsFile='${hosts}'`);

    const error = await backend.create().catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "denied" });
    expect(String(error)).toContain("REMOTE HOST IDENTIFICATION HAS CHANGED");
    expect(String(error)).toContain("known_hosts");
  });

  test("a port where nobody listens is unavailable, a name that is none too", async () => {
    const closed = await openStore("-p 1");
    const nameless = await openStore("-o HostName=host.invalid");

    const errors = await Promise.all(
      [closed, nameless].map((backend) => backend.create().catch((reason: unknown) => reason)),
    );

    expect(errors).toMatchObject([{ code: "unavailable" }, { code: "unavailable" }]);
    expect(String(errors[0])).toContain("Connection refused");
    expect(String(errors[1])).toContain("Could not resolve hostname host.invalid");
  });

  test("a server that falls silent is given up by ssh, as soon as the user's own settings say", async () => {
    const backend = await openStore("-o ServerAliveInterval=1 -o ServerAliveCountMax=1");
    await backend.create();
    const sessions = server.sessions();
    for (const pid of sessions) process.kill(pid, "SIGSTOP");

    try {
      await expect(listAll(backend, "key")).rejects.toMatchObject({ code: "unavailable" });
      expect(await listAll(backend, "key")).toEqual([]);
    } finally {
      for (const pid of sessions) process.kill(pid, "SIGKILL");
    }
  });

  test.each([
    ["further channels", ["MaxSessions 4"]],
    ["one channel", ["MaxSessions 1"]],
  ])("large files go at once through %s of one connection", async (_, config) => {
    const other = await startSshd(join(folder, `server-${count++}`), { config });
    try {
      const args = `-F '${other.clientConfig}'`;
      const root = join(folder, `store-${count++}`);
      const backend = await openBackend(`sftp:store:${root}`, { options: { "sftp.args": args } });
      opened.push(backend);
      await backend.create();
      const before = other.sessions().length;
      const bytes = bytesOf(4 << 20);
      const refs = Array.from({ length: 40 }, () => someRef("pack"));

      await Promise.all(refs.map((ref) => backend.write(ref, bytes)));
      const read = await Promise.all(refs.map((ref) => backend.read(ref)));

      expect(read.every((one) => sameBytes(one, bytes))).toBe(true);
      expect(other.sessions().length > before).toBe(config[0] === "MaxSessions 4");
      await backend.close?.();
    } finally {
      await other.stop();
    }
  });

  test("close() ends ssh, and may be repeated", async () => {
    const backend = await openStore();
    await backend.create();
    expect(server.sessions()).not.toEqual([]);

    await backend.close?.();
    await backend.close?.();

    await until(() => server.sessions().length === 0);
  });
});
