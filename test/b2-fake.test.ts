/** That the stand-in for B2 is one: rclone, which nobody here wrote, works with it as with the real one. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";
import { Random } from "./random.ts";
import { rcloneSettings } from "./servers/b2-fake/rclone-settings.ts";
import { startB2Fake, type B2Fake } from "./servers/b2-fake/start-b2-fake.ts";

const hasRclone = requirePeer("rclone");

describe.skipIf(!hasRclone)("rclone on the stand-in for B2", () => {
  let fake: B2Fake;
  let workshop: Workshop;
  let environment: Record<string, string>;

  beforeEach(async () => {
    fake = await startB2Fake();
    workshop = new Workshop();
    environment = rcloneSettings(fake);
  });

  afterEach(async () => {
    workshop.close();
    await fake.stop();
  });

  async function rclone(...args: readonly string[]): Promise<string> {
    const flags = ["--retries=1", "--low-level-retries=3"];
    const result = await workshop.run("rclone", [...args, ...flags], { env: environment });
    if (result.code !== 0) throw new Error(`rclone ${args.join(" ")}: ${result.stderr}`);
    return result.stdout + result.stderr;
  }

  function writeSource(name: string, bytes: Uint8Array): void {
    const path = workshop.path("source", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }

  test("copies a tree there and back, finds no difference, and reads ranges", async () => {
    for (let at = 0; at < 40; at++) writeSource(`d${at % 7}/f${at}`, bytesFrom(at, at * 1000));
    writeSource("with + ü % and space", bytesFrom(1, 70_000));
    await rclone("mkdir", "fake:bucket-of-tests");

    await rclone("copy", workshop.path("source"), "fake:bucket-of-tests/some/prefix");
    expect(
      await rclone("check", workshop.path("source"), "fake:bucket-of-tests/some/prefix"),
    ).toMatch(/0 differences found/);
    await rclone("copy", "fake:bucket-of-tests/some/prefix", workshop.path("back"));
    expect(
      await rclone(
        "check",
        "--download",
        workshop.path("back"),
        "fake:bucket-of-tests/some/prefix",
      ),
    ).toMatch(/0 differences found/);

    const part = await rclone(
      ...["cat", "--offset=100", "--count=50"],
      "fake:bucket-of-tests/some/prefix/d2/f9",
    );
    const source = readFileSync(workshop.path("source", "d2/f9"));
    expect(part).toBe(source.subarray(100, 150).toString("utf8"));
  });

  test("lists names and folders as it does those of a local folder", async () => {
    for (const name of ["b", "a/1", "a/2", "a/deep/3", "ab", "z/1"])
      writeSource(name, bytesFrom(1, 5));
    await rclone("mkdir", "fake:bucket-of-tests");
    await rclone("copy", workshop.path("source"), "fake:bucket-of-tests");

    for (const flags of [["-R"], [], ["--recursive", "--files-only"]]) {
      const list = async (place: string): Promise<string[]> =>
        (await rclone("lsf", ...flags, place)).trim().split("\n").sort();
      expect(await list("fake:bucket-of-tests")).toEqual(await list(workshop.path("source")));
    }
  });

  test("uploads a large file in parts", async () => {
    const bytes = bytesFrom(7, 12_000_001);
    writeSource("large", bytes);
    await rclone("mkdir", "fake:bucket-of-tests");

    await rclone(
      ...["copy", "--b2-upload-cutoff=6M", "--b2-chunk-size=5M"],
      ...[workshop.path("source"), "fake:bucket-of-tests"],
    );

    expect(fake.calls.get("b2_finish_large_file")).toBe(1);
    const stored = fake.store.find("bucket-of-tests")?.visible("large");
    expect(hashOf(stored?.bytes)).toBe(hashOf(bytes));
    expect(stored?.sha1).toBeNull();
    expect(await rclone("check", workshop.path("source"), "fake:bucket-of-tests")).toMatch(
      /0 differences found/,
    );
  });

  test("hides what it deletes, or deletes it for good", async () => {
    writeSource("file", bytesFrom(1, 100));
    await rclone("mkdir", "fake:bucket-of-tests");
    const bucket = fake.store.find("bucket-of-tests");
    await rclone("copy", workshop.path("source"), "fake:bucket-of-tests");

    await rclone("deletefile", "fake:bucket-of-tests/file");
    expect(await rclone("lsf", "fake:bucket-of-tests")).toBe("");
    expect(bucket?.versions("file").map(({ action }) => action)).toEqual(["hide", "upload"]);
    expect(await rclone("lsf", "--b2-versions", "fake:bucket-of-tests")).toMatch(/^file-v/);

    await rclone("copy", workshop.path("source"), "fake:bucket-of-tests");
    await rclone("deletefile", "--b2-hard-delete", "fake:bucket-of-tests/file");
    expect(bucket?.versions("file").map(({ action }) => action)).toEqual(["hide", "upload"]);
    await rclone("cleanup", "fake:bucket-of-tests");
    expect(bucket?.versions("file")).toEqual([]);
  });

  test("gets over expired tokens and lost upload URLs", async () => {
    for (let at = 0; at < 5; at++) writeSource(`f${at}`, bytesFrom(at, 50_000));
    await rclone("mkdir", "fake:bucket-of-tests");
    fake.faults.fail("b2_get_upload_url", { status: 401, code: "expired_auth_token" });
    fake.faults.fail("upload", { status: 503, code: "service_unavailable" });
    fake.faults.fail("upload", { status: 401, code: "expired_auth_token" });

    await rclone("copy", workshop.path("source"), "fake:bucket-of-tests", "--transfers=1");

    expect(await rclone("check", workshop.path("source"), "fake:bucket-of-tests")).toMatch(
      /0 differences found/,
    );
  });

  test("works with a key that is restricted to a bucket and a prefix, and only there", async () => {
    writeSource("file", bytesFrom(1, 100));
    await rclone("mkdir", "fake:bucket-of-tests");
    const bucketId = fake.store.find("bucket-of-tests")?.bucketId;
    environment = rcloneSettings(fake, fake.keys.add({ bucketId, namePrefix: "mine/" }));

    await rclone("copy", workshop.path("source"), "fake:bucket-of-tests/mine");

    expect(await rclone("lsf", "fake:bucket-of-tests/mine")).toBe("file\n");
    await expect(rclone("lsf", "fake:bucket-of-tests")).rejects.toThrow(/unauthorized/);
    await expect(
      rclone("copy", workshop.path("source"), "fake:bucket-of-tests/other"),
    ).rejects.toThrow(/restricted|unauthorized/);
  });
});

function hashOf(bytes: Uint8Array | undefined): string {
  return createHash("sha256")
    .update(bytes ?? "")
    .digest("hex");
}

function bytesFrom(seed: number, length: number): Uint8Array {
  return new Random(seed).text(length);
}
