import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareTrees } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { requirePeer, Workshop, type PeerName, type ToolName } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { environmentOf, type S3Server } from "./servers/s3-server.ts";
import { S3_SERVERS } from "./servers/s3-servers.ts";

const isReady = ["tsbak", "restic", "rsync"].every((name) => requirePeer(name as PeerName));

describe.each(S3_SERVERS)("tsbak on %s", (peer, start) => {
  describe.skipIf(!requirePeer(peer) || !isReady)("", () => {
    let shop: Workshop;
    let server: S3Server;
    beforeAll(async () => {
      shop = new Workshop();
      server = await start(shop.folder);
    });
    afterAll(async () => {
      await server.stop();
      shop.close();
    });

    const must = (tool: ToolName, ...args: string[]): Promise<string> => {
      const repository = `s3:${server.endpoint}/backups/of/a-host`;
      const env = { ...environmentOf(server), RESTIC_REPOSITORY: repository };
      return shop.must(tool, args, { env });
    };

    /** Restore the newest snapshot with a tool; gives how it differs from the source. */
    const restored = async (tool: ToolName): Promise<string[]> => {
      const target = shop.path("target");
      await must(tool, "restore", "latest", "--target", target);
      const differences = compareTrees(shop.path("source"), target + shop.path("source"));
      rmSync(target, { recursive: true });
      return differences;
    };

    test("backs up, restores and verifies, and so does restic in the same place", async () => {
      const source = shop.path("source");
      makeRandomTree(source, { seed: peer, size: 6e6, files: 40 });
      await must("tsbak", "init");
      await must("tsbak", "backup", source);
      mutateTree(source, { seed: 2, changes: 40, largest: 4e6 });
      await must("tsbak", "backup", source);

      expect(await restored("tsbak")).toEqual([]);
      await must("restic", "check", "--read-data");
      expect(await restored("restic")).toEqual([]);

      mutateTree(source, { seed: 3, changes: 40, largest: 4e6 });
      await must("restic", "backup", source);
      expect(await restored("tsbak")).toEqual([]);
      await must("tsbak", "verify", "--read-data");
    });
  });
});
