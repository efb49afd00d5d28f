import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { openBackend, type TlsSettings } from "@tsbak/backends";
import type { Backend, FileRef } from "@tsbak/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";
import { makeCertificates, type Certificates } from "./servers/certificates.ts";
import { startMinio } from "./servers/minio.ts";
import { environmentOf, type S3Server } from "./servers/s3-server.ts";

const PACK: FileRef = { kind: "pack", name: "ab".repeat(32) };

describe.skipIf(!requirePeer("minio"))("S3Backend over TLS", () => {
  const closing: (() => Promise<void> | undefined)[] = [];
  let shop: Workshop;
  let certificates: Certificates;
  let server: S3Server;

  beforeAll(async () => {
    shop = new Workshop();
    certificates = makeCertificates(shop.folder);
    mkdirSync(shop.path("certs"));
    copyFileSync(certificates.serverCertificate, shop.path("certs", "public.crt"));
    copyFileSync(certificates.serverKey, shop.path("certs", "private.key"));
    server = await startMinio(shop.folder, { certificates: shop.path("certs") });
  });
  afterAll(async () => {
    for (const close of closing) await close();
    await server.stop();
    shop.close();
  });

  async function open(tls: TlsSettings, endpoint: string = server.endpoint): Promise<Backend> {
    const environment = environmentOf(server);
    const backend = await openBackend(`s3:${endpoint}/bucket/prefix`, { environment, tls });
    closing.push(() => backend.close?.());
    return backend;
  }

  test.each([
    ["an authority of our own", () => ({ authorityFiles: [certificates.authority] })],
    ["whoever answers", () => ({ isInsecure: true })],
  ])("writes and reads when it trusts %s", async (_, tls) => {
    const backend = await open(tls());
    const bytes = new Uint8Array(new SharedArrayBuffer(3e6)).fill(7);
    await backend.create();
    await backend.remove(PACK);

    await backend.write(PACK, bytes);

    expect(Buffer.compare(await backend.read(PACK), bytes)).toBe(0);
    expect(await backend.stat(PACK)).toEqual({ name: PACK.name, size: 3e6 });
  });

  test("says what to do when it does not trust the store", async () => {
    await expect((await open({})).stat(PACK)).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("--cacert"),
    });
  });

  test("says that a store speaks no TLS, and the other way round", async () => {
    const plain = await startMinio(shop.path("tmp"));
    closing.push(plain.stop);

    const overTls = await open({}, plain.endpoint.replace("http:", "https:"));
    await expect(overTls.stat(PACK)).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("does not speak TLS"),
    });
    const withoutTls = await open({}, server.endpoint.replace("https:", "http:"));
    await expect(withoutTls.stat(PACK)).rejects.toMatchObject({
      code: expect.stringMatching("denied|unavailable"),
    });
  });

  test("shows its certificate to a store that wants one", async () => {
    const picky = createServer(
      {
        cert: readFileSync(certificates.serverCertificate),
        key: readFileSync(certificates.serverKey),
        ca: readFileSync(certificates.authority),
        requestCert: true,
      },
      (_, response) => response.writeHead(200, { "content-length": 5 }).end(),
    );
    await new Promise<void>((resolve) => picky.listen(0, "127.0.0.1", resolve));
    closing.push(async () => void picky.close());
    const endpoint = `https://127.0.0.1:${(picky.address() as AddressInfo).port}`;
    const authorityFiles = [certificates.authority];

    const known = await open(
      { authorityFiles, clientCertificateFile: certificates.client },
      endpoint,
    );
    const unknown = await open({ authorityFiles }, endpoint);

    expect(await known.stat(PACK)).toEqual({ name: PACK.name, size: 5 });
    await expect(unknown.stat(PACK)).rejects.toMatchObject({
      message: expect.stringContaining("client certificate"),
    });
  });

  test("refuses files that are no certificates before it connects", async () => {
    await expect(open({ authorityFiles: [shop.path("missing.pem")] })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("missing.pem"),
    });
  });
});
