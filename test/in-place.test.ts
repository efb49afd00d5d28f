import { expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveInPlace } from "./prove/in-place.ts";

const peers: PeerName[] = ["tsbak", "rsync"];

test.skipIf(peers.map(requirePeer).includes(false))(
  "a restore over a large file that was changed a little reads and writes little",
  async () => {
    const { failures } = await proveInPlace({ size: 3e8, runs: 1 });

    expect(failures).toEqual([]);
  },
);
