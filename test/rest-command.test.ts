import { describe, expect, test } from "vitest";

import { requirePeer, type PeerName } from "./peers.ts";
import { makeCertificates } from "./servers/certificates.ts";
import { RestStores } from "./rest-stores.ts";
import { roundTrip } from "./store-round-trip.ts";

const PASSWORD = "p@ss:w/rd?#%";

const shop = new RestStores().register();

const COMMANDS: PeerName[] = ["tsbak", "restic", "rsync", "rest-server"];

describe.skipIf(COMMANDS.map(requirePeer).includes(false))("the command", () => {
  test("keeps a repository on a rest-server with TLS and a password, which restic uses as well", async () => {
    const tls = makeCertificates(shop.newFolder());
    const users = { me: PASSWORD };
    const server = await shop.start({ tls, users, args: ["--private-repos"] });
    const location = `rest:${server.url}/me/repo`;
    const env = { RESTIC_REST_USERNAME: "me", RESTIC_REST_PASSWORD: PASSWORD };

    const args = ["--cacert", tls.authority];
    expect(await roundTrip(shop.workshop, { location, env, args })).toEqual([]);
  });

  test("makes a repository behind a socket, which restic uses as well", async () => {
    const server = await shop.start({ isOnSocket: true });
    const location = `rest:${server.url}/repo/`;

    await shop.workshop.must("tsbak", ["-r", location, "init"]);
    await shop.workshop.must("restic", ["-r", location, "check"]);
  });

  test("never shows the password of a location", async () => {
    const users = { me: PASSWORD };
    const server = await shop.start({ users });
    const password = encodeURIComponent(PASSWORD);
    const location = `rest:${server.url.replace("//", `//me:${password}@`)}/repo`;
    const shown = `rest:${server.url.replace("//", "//me:***@")}/repo/`;
    let printed = await shop.workshop.must("tsbak", ["-r", location, "init"]);
    expect(printed).toContain(shown);

    for (const args of [["init"], ["cat", "config"]]) {
      for (const where of [location, location.replace(password, `x${password}`)]) {
        const { stdout, stderr } = await shop.workshop.runTsbak(["-r", where, ...args]);
        printed += stdout + stderr;
      }
    }
    await server.stop();
    for (const secret of [password, PASSWORD]) expect(printed).not.toContain(secret);
  });
});
