import { describe, expect, test } from "vitest";
import { requirePeer, type PeerName } from "./peers.ts";
import { proveSameTree } from "./prove/same-tree.ts";
import { proveUsr } from "./prove/usr.ts";

const peers: PeerName[] = ["tsbak", "restic", "restic-0.14", "rsync"];

describe.skipIf(peers.map(requirePeer).includes(false))("tsbak beside restic", () => {
  test("each tool checks and restores what the other wrote, in both versions of the format", async () => {
    const { failures } = await proveUsr({ size: 6e6, files: 60 });

    expect(failures).toEqual([]);
  });

  test("both tools make the same trees of one source, and the second adds no blob", async () => {
    const { failures } = await proveSameTree({ size: 6e6, files: 60 });

    expect(failures).toEqual([]);
  });
});
