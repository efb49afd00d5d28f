/** The B2 backend on the stand-in for B2: the contract, and what is particular to B2. */
import { randomBytes } from "node:crypto";

import { CONFIG_REF, type FileKind } from "@tsbak/core";
import { bytesOf, describeBackend, listAll, sameBytes, someRef } from "@tsbak/core/testing";
import { describe, expect, test } from "vitest";

import { B2Stores, PREFIX } from "./b2-store.ts";
import { startB2Fake } from "./servers/b2-fake/start-b2-fake.ts";

const FOLDERS: Record<FileKind, string> = {
  config: "",
  key: "keys/",
  lock: "locks/",
  snapshot: "snapshots/",
  index: "index/",
  pack: "data/",
  trash: "tsbak/trash/",
};

const stores = new B2Stores().register();

describeBackend("B2Backend", () => stores.open(), {
  reportsPieces: true,
  tellsTimes: true,
  addStranger: async (_, kind, name) => {
    const folder = `${FOLDERS[kind]}${kind === "pack" ? `${name.slice(0, 2)}/` : ""}`;
    stores.addFile(`${PREFIX}/${folder}${name}`, Buffer.from("stranger"));
  },
});

describeBackend("B2Backend at the top of a bucket, with a key for nothing else", () => {
  const { bucketId } = stores.bucket;
  return stores.open({ prefix: "", key: stores.fake.keys.add({ bucketId }) });
});

describeBackend("B2Backend with a key that may not delete", () => {
  const { bucketId } = stores.bucket;
  const capabilities = ["listFiles", "readFiles", "writeFiles"];
  const namePrefix = `${PREFIX}/`;
  return stores.open({ key: stores.fake.keys.add({ bucketId, capabilities, namePrefix }) });
});

describe("B2Backend and what it stores", () => {
  test("list() goes through pages, and through nothing below another folder", async () => {
    const backend = await stores.open();
    const count = 20_500;
    for (let at = 0; at < count; at++) {
      const name = at.toString(16).padStart(8, "0").repeat(8);
      stores.addFile(`${PREFIX}/data/${name.slice(0, 2)}/${name}`, bytesOf(at % 3));
    }
    stores.addFile(`${PREFIX}/data/${"ab".repeat(32)}`, bytesOf(1));
    stores.addFile(`${PREFIX}/data/ff/${"ab".repeat(32)}`, bytesOf(1));

    let files: Awaited<ReturnType<typeof listAll>> = [];
    const pages = await stores.countCalls("b2_list_file_names", async () => {
      files = await listAll(backend, "pack");
    });

    expect(pages).toBe(3);
    expect(files.length).toBe(count);
    expect(new Set(files.map(({ name }) => name)).size).toBe(count);
    for (const { name, size } of files)
      expect(size).toBe(Number.parseInt(name.slice(0, 8), 16) % 3);
  });

  test("write() and read() take a file of 128 MiB", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    const bytes = randomBytes(128 << 20);

    await backend.write(ref, bytes);

    expect(sameBytes(await backend.read(ref), bytes)).toBe(true);
    const range = { offset: (100 << 20) - 1, length: 1000 };
    const part = bytes.subarray(range.offset, range.offset + range.length);
    expect(sameBytes(await backend.read(ref, range), part)).toBe(true);
  });

  test("write() takes shared memory, and leaves it as it was", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    const bytes = bytesOf(3_000_000);
    const shared = new Uint8Array(new SharedArrayBuffer(4_000_000)).subarray(500_000, 3_500_000);
    shared.set(bytes);

    await backend.write(ref, shared);

    expect(sameBytes(shared, bytes)).toBe(true);
    expect(sameBytes(await backend.read(ref), bytes)).toBe(true);
  });

  test("20 operations at once use each upload URL for one at a time, and again", async () => {
    const backend = await stores.open();
    const refs = Array.from({ length: 20 }, () => someRef("pack"));
    const urls = await stores.countCalls("b2_get_upload_url", async () => {
      for (const round of [refs, Array.from({ length: 20 }, () => someRef("index"))]) {
        await Promise.all(round.map((ref, at) => backend.write(ref, bytesOf(at * 10_000))));
      }
    });

    expect(urls).toBeLessThanOrEqual(20);
    const all = await Promise.all(refs.map((ref) => backend.read(ref)));
    expect(all.map(({ length }) => length)).toEqual(refs.map((_, at) => at * 10_000));
    await Promise.all(refs.map((ref) => backend.remove(ref)));
    expect(await listAll(backend, "pack")).toEqual([]);
  });

  test("remove() takes away all versions, so that no older one comes back", async () => {
    const backend = await stores.open();
    const ref = someRef("lock");
    const path = `${PREFIX}/locks/${ref.name}`;
    for (const length of [1, 2, 3]) stores.addFile(path, bytesOf(length));

    await backend.remove(ref);

    expect(stores.bucket.versions(path)).toEqual([]);
  });

  test.each([true, false])(
    "replace() deletes the versions that it replaced, where the key may (%s)",
    async (mayDelete) => {
      const { bucketId } = stores.bucket;
      const capabilities = ["listFiles", "readFiles", "writeFiles"];
      const key = mayDelete ? undefined : stores.fake.keys.add({ bucketId, capabilities });
      const backend = await stores.open({ key });
      await backend.write(CONFIG_REF, bytesOf(10));

      await backend.replace?.(CONFIG_REF, bytesOf(20));
      await backend.replace?.(CONFIG_REF, bytesOf(30));

      const sizes = stores.versionsOf(CONFIG_REF).map(({ bytes }) => bytes.length);
      expect(sizes).toEqual(mayDelete ? [30] : [30, 20, 10]);
    },
  );

  test("remove() only hides where files are not to be deleted, and the name can be used again", async () => {
    const backend = await stores.open({ options: { "b2.hard-delete": "false" } });
    const ref = someRef("pack");
    await backend.write(ref, bytesOf(10));

    await backend.remove(ref);
    await expect(backend.stat(ref)).rejects.toMatchObject({ code: "not-found" });
    await backend.write(ref, bytesOf(20));

    expect((await backend.read(ref)).length).toBe(20);
    expect(stores.versionsOf(ref).map(({ action }) => action)).toEqual([
      "upload",
      "hide",
      "upload",
    ]);
  });

  test("read() takes a file that another program stored in parts, which has no hash", async () => {
    const backend = await stores.open();
    const ref = someRef("pack");
    stores.addFile(`${PREFIX}/data/${ref.name.slice(0, 2)}/${ref.name}`, bytesOf(5000));

    expect(await backend.read(ref)).toEqual(bytesOf(5000));
  });

  test("the calls that cost most are made once, and for listings", async () => {
    const backend = await stores.open();
    const classC = async (work: () => Promise<unknown>): Promise<number[]> => {
      const names = ["b2_authorize_account", "b2_list_buckets", "b2_list_file_names"];
      // After the config was written.
      names.push("b2_list_file_versions");
      const before = names.map((name) => stores.fake.calls.get(name) ?? 0);
      await work();
      return names.map((name, at) => (stores.fake.calls.get(name) ?? 0) - (before[at] ?? 0));
    };

    const counts = await classC(async () => {
      await backend.create();
      for (const kind of ["config", "key", "lock", "pack", "index", "snapshot"] as const) {
        const ref = someRef(kind);
        await backend.write(ref, bytesOf(10));
        await backend.stat(ref);
        await backend.read(ref);
        await backend.remove(ref);
      }
    });

    expect(counts).toEqual([1, 1, 0, 1]);
    expect(await classC(() => listAll(backend, "pack"))).toEqual([0, 0, 1, 0]);
  });

  test("two stores on two servers do not get into each other's way", async () => {
    const other = await startB2Fake();
    other.store.create("bucket-of-other");
    const { id, secret } = other.masterKey;
    const first = await stores.open();
    const second = await stores.open({
      bucketName: "bucket-of-other",
      key: { id, secret },
      options: { "b2.endpoint": other.endpoint },
    });
    const ref = someRef("pack");

    await Promise.all([first.write(ref, bytesOf(1)), second.write(ref, bytesOf(2))]);
    await second.close?.();
    await other.stop();

    expect((await first.read(ref)).length).toBe(1);
    await expect(second.read(ref)).rejects.toMatchObject({ code: "unavailable" });
  });
});
