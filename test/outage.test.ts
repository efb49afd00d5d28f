import { describe, expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveOutage } from "./prove/outage.ts";
import { NETWORK_STORES } from "./servers/network-stores.ts";

const peers: PeerName[] = ["tsbak", "restic", "rsync"];

describe.skipIf(peers.map(requirePeer).includes(false))(
  "a backup goes on when the server comes back",
  () => {
    for (const store of ["rest", "sftp"])
      test.skipIf(NETWORK_STORES[store]?.isHere() !== true)(`at ${store}`, async () => {
        const { failures } = await proveOutage({ store, outageMs: 2000, size: 1e7 });

        expect(failures).toEqual([]);
      });
  },
);
