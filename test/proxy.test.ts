import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync } from "node:fs";
import { openBackend, type BackendSettings } from "@tsbak/backends";
import type { Backend, FileRef } from "@tsbak/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";
import { makeCertificates } from "./servers/certificates.ts";
import { startForwardProxy, type ForwardProxy } from "./servers/forward-proxy.ts";
import { startMinio } from "./servers/minio.ts";
import { startRestServer } from "./servers/rest-server.ts";
import { environmentOf } from "./servers/s3-server.ts";

const BYTES = new Uint8Array(300_000).fill(7);
const PACK: FileRef = { kind: "pack", name: createHash("sha256").update(BYTES).digest("hex") };
/** Nobody but the proxy knows this host. */
const HOST = "store.test";

const areServersHere = ["minio", "rest-server"] as const;

describe.skipIf(!areServersHere.every(requirePeer))("a store behind a proxy", () => {
  const closing: (() => Promise<void> | undefined)[] = [];
  let shop: Workshop;
  let proxy: ForwardProxy;
  beforeAll(async () => {
    shop = new Workshop();
    proxy = await startForwardProxy("ana", "p@ss");
  });
  afterAll(async () => {
    for (const close of closing) await close();
    await proxy.stop();
    shop.close();
  });

  /** The store, and what the proxy is asked for to get there. */
  async function open(kind: string, password = "p%40ss"): Promise<readonly [Backend, RegExp]> {
    const address = `http://ana:${password}@127.0.0.1:${proxy.port}`;
    const environment = { HTTP_PROXY: address, https_proxy: address };
    if (kind === "rest") {
      const server = await startRestServer(shop.path("rest"));
      closing.push(() => server.stop());
      const { port } = new URL(server.url);
      const place = `http://${HOST}:${port}/repository/`;
      return [await opened(`rest:${place}`, { environment }), new RegExp(`^POST ${place}data/`)];
    }
    const folder = shop.path(kind);
    mkdirSync(shop.path(kind, "certs"), { recursive: true });
    const authority = kind === "S3 over TLS" ? certify(folder) : undefined;
    const certificates = authority && shop.path(kind, "certs");
    const server = await startMinio(folder, certificates === undefined ? {} : { certificates });
    closing.push(() => server.stop());
    const { protocol, port } = new URL(server.endpoint);
    const backend = await opened(`s3:${protocol}//${HOST}:${port}/bucket/prefix`, {
      environment: { ...environmentOf(server), ...environment },
      tls: authority === undefined ? undefined : { authorityFiles: [authority] },
    });
    const asked =
      authority === undefined
        ? `^PUT http://${HOST}:${port}/bucket/prefix/data/`
        : `^CONNECT ${HOST}:${port}$`;
    return [backend, new RegExp(asked)];
  }

  async function opened(location: string, settings: BackendSettings): Promise<Backend> {
    const backend = await openBackend(location, settings);
    closing.push(() => backend.close?.());
    return backend;
  }

  function certify(folder: string): string {
    const certificates = makeCertificates(folder);
    copyFileSync(certificates.serverCertificate, `${folder}/certs/public.crt`);
    copyFileSync(certificates.serverKey, `${folder}/certs/private.key`);
    return certificates.authority;
  }

  test.each(["rest", "S3", "S3 over TLS"])("is reached over %s", async (kind) => {
    const [backend, asked] = await open(kind);
    await backend.create();

    await backend.write(PACK, BYTES);

    expect(Buffer.compare(await backend.read(PACK), BYTES)).toBe(0);
    expect(proxy.asked).toContainEqual(expect.stringMatching(asked));
  });

  test("says that the proxy wants another password, and not which was given", async () => {
    const [backend] = await open("S3 over TLS", "wrong-one");

    const error: unknown = await backend.stat(PACK).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "denied", message: expect.stringContaining("proxy") });
    expect(String(error)).not.toContain("wrong-one");
  });
});
