import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { openBackend, type BackendSettings } from "@tsbak/backends";
import { CONFIG_REF, KIND_FOLDERS, type Backend, type FileRef } from "@tsbak/core";
import { describeBackend } from "@tsbak/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { findPeer, requirePeer, Workshop, type PeerName } from "./peers.ts";
import { roundTrip } from "./store-round-trip.ts";

let workshop: Workshop;
const stores: Backend[] = [];
let places = 0;

beforeAll(() => {
  // Many small stores, which a disk that others use too makes slow.
  workshop = new Workshop(existsSync("/dev/shm") ? "/dev/shm" : undefined);
});
afterAll(async () => {
  for (const store of stores) await store.close?.();
  workshop.close();
});

/** rclone knows a remote `mine:`, which is the local disk. */
function settingsOf(options: Record<string, string> = {}): BackendSettings {
  const environment = {
    ...workshop.environment(),
    RCLONE_CONFIG: workshop.path("rclone.conf"),
    RCLONE_CONFIG_MINE_TYPE: "local",
  };
  const program = findPeer("rclone")?.[0] ?? "";
  return { environment, options: { "rclone.program": program, ...options } };
}

async function open(location: string, settings: BackendSettings = settingsOf()): Promise<Backend> {
  const store = await openBackend(location, settings);
  stores.push(store);
  return store;
}

function openNew(settings?: BackendSettings): Promise<Backend> {
  return open(`rclone:mine:${workshop.path(`place-${places++}`)}`, settings);
}

/** One that stands in for those before it, of which each is a program. */
async function openNext(): Promise<Backend> {
  for (const store of stores) await store.close?.();
  return await openNew();
}

function folderOf(store: Backend): string {
  return store.location.slice("rclone:mine:".length);
}

function hashed(kind: FileRef["kind"], bytes: Uint8Array): FileRef {
  return { kind, name: createHash("sha256").update(bytes).digest("hex") };
}

/** Why a call failed; undefined if it did not. */
function reasonOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}

/** The process ids of programs that were started with `word` as an argument. */
function processesWith(word: string): number[] {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.map(Number).filter((id) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0").includes(word);
    } catch {
      return false;
    }
  });
}

/** An executable script in place of rclone. */
function script(text: string): string {
  const path = workshop.path(`script-${places++}`);
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

describe.skipIf(!requirePeer("rclone"))("rclone over its standard input and output", () => {
  describeBackend("with a local remote", () => openNext(), {
    reportsPieces: true,
    addStranger: async (backend, kind, name) => {
      const parts =
        kind === "pack" ? ["data", name.slice(0, 2).toLowerCase()] : [KIND_FOLDERS[kind]];
      const folder = join(folderOf(backend), ...parts);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), "stranger");
    },
  });

  test("takes 128 MiB, and 20 calls at once, also from shared memory", async () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(128 << 20));
    bytes.set(randomBytes(bytes.length));
    const store = await openNew();
    await store.create();

    const ref = hashed("pack", bytes);
    await store.write(ref, bytes);
    const into = new ArrayBuffer(bytes.length);
    const read = await store.read(ref, undefined, { into });
    expect(Buffer.compare(read, bytes)).toBe(0);
    expect(read.buffer).toBe(into);

    const pieces = Array.from({ length: 20 }, (_, at) => bytes.subarray(at << 20, (at + 1) << 20));
    await Promise.all(pieces.map((piece) => store.write(hashed("pack", piece), piece)));
    const back = await Promise.all(pieces.map((piece) => store.read(hashed("pack", piece))));
    expect(back.every((piece, at) => Buffer.compare(piece, pieces[at] ?? piece) === 0)).toBe(true);
  });

  test("is started once, and ended by close()", async () => {
    const notices: string[] = [];
    const store = await openNew({ ...settingsOf(), onNotice: (line) => void notices.push(line) });
    expect(processesWith(`mine:${folderOf(store)}`)).toEqual([]);
    for await (const file of store.list("key")) expect(file).toBe(undefined);
    // Nothing but that there is no file with settings, which is not tsbak's to say.
    expect(notices.filter((line) => !line.includes("rclone.conf"))).toEqual([]);

    await Promise.all([store.create(), reasonOf(store.stat(CONFIG_REF))]);
    expect(processesWith(`mine:${folderOf(store)}`).length).toBe(1);

    await store.close?.();
    await store.close?.();
    expect(processesWith(`mine:${folderOf(store)}`)).toEqual([]);
  });

  test("is started again for the next call when it was killed, and what was under way is unavailable", async () => {
    const store = await openNew();
    await store.create();
    const bytes = randomBytes(64 << 20);
    const [id = 0] = processesWith(`mine:${folderOf(store)}`);

    const writing = reasonOf(store.write(hashed("pack", bytes), bytes));
    process.kill(id, "SIGKILL");
    expect(await writing).toMatchObject({ code: "unavailable" });

    await store.write(hashed("key", bytes.subarray(0, 10)), bytes.subarray(0, 10));
    const [next] = processesWith(`mine:${folderOf(store)}`);
    expect(next).not.toBe(id);
  });

  test("is in a session of its own, so that Ctrl-C does not reach it", async () => {
    const store = await openNew();
    await store.create();
    const [id = 0] = processesWith(`mine:${folderOf(store)}`);

    const fields = readFileSync(`/proc/${id}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    expect(Number(fields[3])).toBe(id);
  });

  test("is aborted within a call, and goes on serving others", async () => {
    const store = await openNew();
    await store.create();
    const bytes = randomBytes(32 << 20);
    await store.write(hashed("pack", bytes), bytes);

    const abort = new AbortController();
    const reading = reasonOf(store.read(hashed("pack", bytes), undefined, abort));
    setImmediate(() => abort.abort());
    const reason = await reading;
    if (reason !== undefined) expect(reason).toMatchObject({ code: "interrupted" });

    expect(Buffer.compare(await store.read(hashed("pack", bytes)), bytes)).toBe(0);
  });

  test("does not see our passwords", async () => {
    const file = workshop.path("seen");
    const program = script(`env > ${file}; exec ${findPeer("rclone")?.[0]} "$@"`);
    const settings = settingsOf({ "rclone.program": program });
    const environment = {
      ...settings.environment,
      TSBAK_FROM_PASSWORD: "secret",
      RCLONE_X: "kept",
    };
    const store = await openNew({ ...settings, environment });

    await store.create();

    const seen = readFileSync(file, "utf8");
    expect(seen).toContain("RCLONE_X=kept");
    expect(seen).not.toMatch(/PASSWORD|correct horse/);
  });

  test("that is missing or knows no such remote says so, at once", async () => {
    const missing = await openNew(settingsOf({ "rclone.program": workshop.path("nothing") }));
    const notices: string[] = [];
    const onNotice = (line: string): void => void notices.push(line);
    const unknown = await open("rclone:nowhere:path", { ...settingsOf(), onNotice });

    const [first, second] = [
      await reasonOf(missing.stat(CONFIG_REF)),
      await reasonOf(unknown.stat(CONFIG_REF)),
    ];

    expect(first).toMatchObject({ code: "invalid-argument" });
    expect(String(first)).toMatch(/there is no such program.*-o rclone.program/);
    expect(second).toMatchObject({ code: "invalid-argument" });
    expect(String(second)).toContain("didn't find section in config file");
    expect(notices.join("\n")).toContain("didn't find section");
  });

  test("that ends at once, or does not answer in time, is told apart", async () => {
    const ends = await openNew(
      settingsOf({ "rclone.program": script("echo no luck >&2; exit 3") }),
    );
    const hangs = await openNew(
      settingsOf({ "rclone.program": script("exec sleep 1000"), "rclone.timeout": "300ms" }),
    );

    expect(String(await reasonOf(ends.stat(CONFIG_REF)))).toMatch(/ended with code 3.*no luck/);
    const late = await reasonOf(hangs.stat(CONFIG_REF));
    expect(late).toMatchObject({ code: "unavailable" });
    expect(String(late)).toContain("-o rclone.timeout");
  });

  test("never repeats the keys of a connection string", async () => {
    const location = 'rclone::nothing,key_id=secret1,secret="sec:ret2":bucket';
    const notices: string[] = [];
    const onNotice = (line: string): void => void notices.push(line);
    const store = await open(location, { ...settingsOf(), onNotice });

    const reason = await reasonOf(store.stat(CONFIG_REF));

    expect(store.location).toBe("rclone::nothing,key_id=***,secret=***:bucket");
    expect(reason).toMatchObject({ code: "invalid-argument" });
    expect(`${String(reason)}${notices.join("")}`).not.toMatch(/secret1|sec:ret2/);
  });

  test.each([
    ["rclone:", {}],
    ["rclone:--config", {}],
    ["rclone:mine:", { "rclone.timeout": "soon" }],
    ["rclone:mine:", { "rclone.args": "'" }],
    ["rclone:mine:", { "rclone.connections": "0" }],
  ])("%s with %j is refused", async (location, options) => {
    const reason = await reasonOf(openBackend(location, settingsOf(options)));

    expect(reason).toMatchObject({ code: "invalid-argument" });
  });
});

const COMMANDS: PeerName[] = ["tsbak", "restic", "rsync", "rclone"];

describe.skipIf(COMMANDS.map(requirePeer).includes(false))("the command", () => {
  test("keeps a repository through rclone, which restic uses as well, and leaves no rclone behind", async () => {
    const remote = `mine:${workshop.path("repository")}`;
    const env = {
      PATH: `${dirname(findPeer("rclone")?.[0] ?? "")}:${process.env.PATH ?? ""}`,
      RCLONE_CONFIG: workshop.path("rclone.conf"),
      RCLONE_CONFIG_MINE_TYPE: "local",
    };

    expect(await roundTrip(workshop, { location: `rclone:${remote}`, env })).toEqual([]);
    await expect.poll(() => processesWith(remote)).toEqual([]);
  });
});
