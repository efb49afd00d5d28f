/**
 * The command on the stand-in for B2, and restic on what it left there. restic cannot be pointed at a stand-in, so rclone
 * copies the files out first.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compareTrees } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import type { ApplicationKey } from "./servers/b2-fake/keys.ts";
import { rcloneSettings } from "./servers/b2-fake/rclone-settings.ts";
import { startB2Fake, type B2Fake } from "./servers/b2-fake/start-b2-fake.ts";

const peers = (["tsbak", "restic", "rclone", "rsync"] as const).map((name) => requirePeer(name));

describe.skipIf(peers.includes(false))("tsbak on B2", () => {
  let fake: B2Fake;
  let workshop: Workshop;

  beforeEach(async () => {
    fake = await startB2Fake();
    workshop = new Workshop();
  });

  afterEach(async () => {
    workshop.close();
    await fake.stop();
  });

  function onB2(key: ApplicationKey, location: string): Record<string, string> {
    return {
      RESTIC_REPOSITORY: location,
      B2_ACCOUNT_ID: key.id,
      B2_ACCOUNT_KEY: key.secret,
    };
  }

  async function tsbak(
    env: Readonly<Record<string, string>>,
    ...args: readonly string[]
  ): Promise<string> {
    const option = ["-o", `b2.endpoint=${fake.endpoint}`];
    return workshop.must("tsbak", [...option, ...args], { env });
  }

  test("everything works in a bucket with a key for one prefix, and restic reads what is there", async () => {
    const { bucketId } = fake.store.create("bucket-of-tests");
    const capabilities = ["listFiles", "readFiles", "writeFiles", "deleteFiles"];
    const key = fake.keys.add({ bucketId, capabilities, namePrefix: "hosts/a/" });
    const env = onB2(key, "b2:bucket-of-tests:hosts/a");
    const [source, target] = [workshop.path("source"), workshop.path("target")];
    mkdirSync(source);
    makeRandomTree(source, { seed: "b2", size: 20e6, files: 150 });

    await tsbak(env, "init");
    await tsbak(env, "backup", source);
    mutateTree(source, { seed: "b2" });
    // What is known of the store is then as old as B2 lets it become.
    fake.keys.expireTokens();
    fake.uploadUrls.expireAll();
    await tsbak(env, "backup", source);
    await tsbak(env, "verify", "--read-data");
    await tsbak(env, "restore", `latest:${source}`, "--target", target);
    expect(compareTrees(source, target)).toEqual([]);

    const copy = workshop.path("copy");
    const settings = { env: rcloneSettings(fake) };
    const copied = await workshop.run(
      "rclone",
      ["copy", "fake:bucket-of-tests/hosts/a", copy],
      settings,
    );
    expect(copied.code).toBe(0);
    const restored = workshop.path("restored");
    const local = { env: { RESTIC_REPOSITORY: copy } };
    await workshop.must("restic", ["check", "--read-data"], local);
    await workshop.must("restic", ["restore", `latest:${source}`, "--target", restored], local);
    expect(compareTrees(source, restored)).toEqual([]);
    expect(
      JSON.parse((await workshop.must("restic", ["list", "locks", "--json"], local)) || "[]"),
    ).toEqual([]);
  });

  test("a backup gets through what B2 does on a bad day", async () => {
    const env = onB2(fake.masterKey, "b2:bucket-of-tests");
    const source = workshop.path("source");
    mkdirSync(source);
    makeRandomTree(source, { seed: "bad day", size: 20e6, files: 40 });
    await tsbak(env, "init");

    fake.faults.fail("upload", { status: 503, code: "service_unavailable" }, 3, /data\//);
    fake.faults.fail("upload", { resetAfter: 500_000 }, 2, /data\//);
    fake.faults.fail("upload", "lost-answer", 1, /data\//);
    fake.faults.fail("upload", { status: 401, code: "expired_auth_token" }, 1, /index\//);
    fake.faults.fail("head", { status: 503, code: "service_unavailable" }, 2);
    fake.faults.fail("b2_get_upload_url", { status: 429, code: "too_many_requests" }, 1);
    fake.faults.fail("b2_list_file_names", { status: 401, code: "expired_auth_token" }, 1);
    await tsbak(env, "backup", source);

    await tsbak(env, "verify", "--read-data");
  });

  test("what is wrong with key or bucket is said without a secret, and nothing is made", async () => {
    const missing = onB2(fake.masterKey, "b2:not-there-yet");
    const key = fake.keys.add();
    const wrong = { ...onB2(key, "b2:bucket-of-tests"), B2_ACCOUNT_KEY: "K00notthesecret" };
    const endpoint = ["-o", `b2.endpoint=${fake.endpoint}`];
    writeFileSync(workshop.path("file"), "x");

    const unopened = await workshop.runTsbak([...endpoint, "snapshots"], { env: missing });
    expect([unopened.code, fake.store.all().length]).toEqual([10, 0]);
    for (const args of [["init"], ["backup", workshop.path("file")], ["snapshots"]]) {
      const { code, stdout, stderr } = await workshop.runTsbak([...endpoint, ...args], {
        env: wrong,
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/B2 does not take the key; check B2_ACCOUNT_ID/);
      expect(stdout + stderr).not.toMatch(/K00/);
    }
  });
});
