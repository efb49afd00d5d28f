import { expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveDamageKill } from "./prove/damage-kill.ts";
import { proveDamage } from "./prove/damage.ts";

const peers: PeerName[] = ["tsbak", "restic"];

test.skipIf(peers.map(requirePeer).includes(false))(
  "damage of many kinds is seen, and the doctor saves what can be saved",
  async () => {
    // All kinds: npm run prove -- damage.
    const { failures } = await proveDamage({ isShort: true });

    expect(failures).toEqual([]);
  },
);

test.skipIf(peers.map(requirePeer).includes(false))(
  "a repair that is killed after some of its writes can be begun again, and no snapshot is lost",
  async () => {
    // At every write: npm run prove -- repair-kill.
    const { failures } = await proveDamageKill({ step: 24 });

    expect(failures).toEqual([]);
  },
);
