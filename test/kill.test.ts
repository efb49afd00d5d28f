import { expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveKill } from "./prove/kill.ts";

const peers: PeerName[] = ["tsbak", "restic", "rsync"];

test.skipIf(peers.map(requirePeer).includes(false))(
  "backup leaves every earlier snapshot whole when it is killed",
  async () => {
    const { failures } = await proveKill({ size: 2e7, files: 100, kills: 8, finishEvery: 4 });

    expect(failures).toEqual([]);
  },
);
