import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveTorture } from "./prove/torture.ts";

const peers: PeerName[] = ["tsbak", "restic", "rsync"];
const isPossible = process.getuid?.() === 0 && existsSync("/dev/shm");
if (!isPossible) console.warn("SKIPPED TESTS: a tree with everything takes root and /dev/shm");

describe.skipIf(peers.map(requirePeer).includes(false) || !isPossible)(
  "a tree with everything",
  () => {
    test("keeps all its metadata between tsbak and restic, and both make the same tree of it", async () => {
      const options = { entries: 5000, sparseSize: 1e8, folder: "/dev/shm" };

      const { failures } = await proveTorture(options);

      expect(failures).toEqual([]);
    });
  },
);
