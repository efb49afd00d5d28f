import { expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveCycles } from "./prove/cycles.ts";

const peers: PeerName[] = ["tsbak", "restic", "rsync"];

test.skipIf(peers.map(requirePeer).includes(false))(
  "snapshots made in turn by both tools from a changing tree restore equal",
  async () => {
    const { failures } = await proveCycles({ size: 2e7, files: 100, cycles: 6, changes: 60 });

    expect(failures).toEqual([]);
  },
);
