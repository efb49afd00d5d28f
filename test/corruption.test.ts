import { expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveFlip } from "./prove/flip.ts";

const peers: PeerName[] = ["tsbak", "restic", "rsync"];

test.skipIf(peers.map(requirePeer).includes(false))(
  "verify names each file with a flipped byte, and restore never passes over one",
  async () => {
    const { failures } = await proveFlip({ size: 2e6, files: 20 });

    expect(failures).toEqual([]);
  },
);
