import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";

import {
  CONFIG_REF,
  KIND_FOLDERS,
  type Backend,
  type FileInfo,
  type FileKind,
  type FileRef,
} from "@tsbak/core";
import { describeBackend } from "@tsbak/core/testing";
import { beforeAll, describe, expect, test } from "vitest";

import { requirePeer } from "./peers.ts";
import { makeCertificates, type Certificates } from "./servers/certificates.ts";
import { startRestServer, type RestServer } from "./servers/rest-server.ts";
import { RestStores } from "./rest-stores.ts";

const PASSWORD = "p@ss:w/rd?#%";
/** The suite writes files that do not have the names that their bytes want. */
const ANY_NAME = ["--no-verify-upload"];

const shop = new RestStores().register();

function hashed(kind: FileRef["kind"], bytes: Uint8Array): FileRef {
  return { kind, name: createHash("sha256").update(bytes).digest("hex") };
}

async function listAll(store: Backend, kind: FileKind): Promise<FileInfo[]> {
  const files: FileInfo[] = [];
  for await (const file of store.list(kind)) files.push(file);
  return files;
}

/** Why a call failed; undefined if it did not. */
function reasonOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}

describe.skipIf(!requirePeer("rest-server"))("rest-server", () => {
  let plain: RestServer;
  let secure: RestServer;
  let guarded: RestServer;
  let local: RestServer;
  let certificates: Certificates;

  beforeAll(async () => {
    certificates = makeCertificates(shop.newFolder());
    const users = { me: PASSWORD, you: "other" };
    plain = await shop.start({ args: ANY_NAME });
    secure = await shop.start({ tls: certificates, args: ANY_NAME });
    guarded = await shop.start({ users, args: [...ANY_NAME, "--private-repos"] });
    local = await shop.start({ isOnSocket: true, args: ANY_NAME });
  });

  const environment = { RESTIC_REST_USERNAME: "me", RESTIC_REST_PASSWORD: PASSWORD };

  const reportsPieces = true;
  const isWithoutTrash = true;
  describeBackend("over HTTP", () => shop.openNew(plain.url), {
    reportsPieces,
    isWithoutTrash,
    addStranger: async (backend, kind, name) => {
      const place = /[^/]+(?=\/$)/.exec(backend.location)?.[0] ?? "";
      const parts =
        kind === "pack" ? ["data", name.slice(0, 2).toLowerCase()] : [KIND_FOLDERS[kind]];
      mkdirSync(join(plain.data, place, ...parts), { recursive: true });
      writeFileSync(join(plain.data, place, ...parts, name), "stranger");
    },
  });
  describeBackend(
    "over TLS",
    () => shop.openNew(secure.url, { tls: { authorityFiles: [certificates.authority] } }),
    { reportsPieces, isWithoutTrash },
  );
  describeBackend("with a password", () => shop.openNew(guarded.url, { environment }, "me/"), {
    reportsPieces,
    isWithoutTrash,
  });
  describeBackend("over a socket", () => shop.openNew(local.url), {
    reportsPieces,
    isWithoutTrash,
  });

  test("takes 128 MiB, and 20 calls at once, over TLS too", async () => {
    const bytes = randomBytes(128 << 20);
    for (const [server, settings] of [
      [plain, {}],
      [secure, { tls: { authorityFiles: [certificates.authority] } }],
    ] as const) {
      const store = await shop.openNew(server.url, settings);
      await store.create();
      const ref = hashed("pack", bytes);
      await store.write(ref, bytes);
      const read = await store.read(ref, undefined, { into: new ArrayBuffer(bytes.length) });
      expect(Buffer.compare(read, bytes)).toBe(0);

      const pieces = Array.from({ length: 20 }, (_, at) =>
        bytes.subarray(at << 20, (at + 1) << 20),
      );
      await Promise.all(pieces.map((piece) => store.write(hashed("pack", piece), piece)));
      const back = await Promise.all(pieces.map((piece) => store.read(hashed("pack", piece))));
      expect(back.every((piece, at) => Buffer.compare(piece, pieces[at] ?? piece) === 0)).toBe(
        true,
      );
      expect((await listAll(store, "pack")).length).toBe(21);
    }
  });

  test("takes a file from shared memory over TLS", async () => {
    const store = await shop.openNew(secure.url, {
      tls: { authorityFiles: [certificates.authority] },
    });
    await store.create();
    const bytes = new Uint8Array(new SharedArrayBuffer(17 << 20), 4096, (16 << 20) + 5);
    bytes.set(randomBytes(bytes.length));

    await store.write(hashed("pack", bytes), bytes);

    expect(Buffer.compare(await store.read(hashed("pack", bytes)), bytes)).toBe(0);
  });

  test("is trusted only if its certificate is, or nobody is asked to prove anything", async () => {
    const ofOther = makeCertificates(shop.newFolder()).authority;
    for (const tls of [undefined, { authorityFiles: [ofOther] }]) {
      const store = await shop.openNew(secure.url, { tls });
      const error = await reasonOf(store.stat(CONFIG_REF));
      expect(error).toMatchObject({ code: "denied" });
      expect(String(error)).toMatch(/certificate is not trusted .*--cacert/);
    }
    const insecure = await shop.openNew(secure.url, { tls: { isInsecure: true } });
    await expect(insecure.stat(CONFIG_REF)).rejects.toMatchObject({ code: "not-found" });
    const files = { tls: { authorityFiles: [ofOther, certificates.authority] } };
    const both = await shop.openNew(secure.url.replace("127.0.0.1", "localhost"), files);
    await expect(both.stat(CONFIG_REF)).rejects.toMatchObject({ code: "not-found" });
  });

  test("is refused files of certificates that are none", async () => {
    const text = shop.workshop.path("no-certificate");
    writeFileSync(text, "hello");
    for (const tls of [
      { authorityFiles: [text] },
      { authorityFiles: [shop.workshop.path("missing")] },
      { clientCertificateFile: text },
      { clientCertificateFile: certificates.authority },
    ]) {
      const error = await reasonOf(shop.openNew(secure.url, { tls }));
      expect(error).toMatchObject({ code: "invalid-argument" });
    }
  });

  test("may want a certificate of the client", async () => {
    const { authority, client } = certificates;
    const server = createServer(
      {
        cert: readFileSync(certificates.serverCertificate),
        key: readFileSync(certificates.serverKey),
        ca: readFileSync(authority),
        requestCert: true,
      },
      (request, response) => {
        const { subject } = (request.socket as TLSSocket).getPeerCertificate();
        response.writeHead(200, { "content-length": String(subject.CN).length }).end();
      },
    ).listen(0, "127.0.0.1");
    await once(server, "listening");
    const location = `rest:https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const tls = { authorityFiles: [authority] };

    const without = await reasonOf((await shop.open(location, { tls })).stat(CONFIG_REF));
    expect(without).toMatchObject({ code: "denied" });
    expect(String(without)).toContain("--tls-client-cert");
    const store = await shop.open(location, { tls: { ...tls, clientCertificateFile: client } });
    expect((await store.stat(CONFIG_REF)).size).toBe("client".length);

    server.close();
    server.closeAllConnections();
  });

  test("and its client must agree on TLS", async () => {
    const toPlain = await shop.openNew(plain.url.replace("http:", "https:"));
    const error = await reasonOf(toPlain.stat(CONFIG_REF));
    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(String(error)).toContain("use http: instead of https:");
    const toSecure = await shop.openNew(secure.url.replace("https:", "http:"));
    expect(String(await reasonOf(toSecure.read(CONFIG_REF)))).toContain("whether it wants https:");
  });

  test("lets nobody in without the right password, or to the place of another user", async () => {
    const right = `me:${encodeURIComponent(PASSWORD)}@`;
    const at = (user: string, path: string): string =>
      `rest:${guarded.url.replace("//", `//${user}`)}/${path}`;
    const there = await shop.open(at(right, "me/credentials"));
    await there.create();

    for (const location of [
      at("", "me/credentials"),
      at("me:wrong@", "me/credentials"),
      at(right, "you/credentials"),
    ]) {
      const store = await shop.open(location, { environment: { RESTIC_REST_USERNAME: "me" } });
      const calls = [store.create(), store.read(CONFIG_REF), listAll(store, "key")];
      for (const reason of await Promise.all(calls.map(reasonOf)))
        expect(reason).toMatchObject({ code: "denied" });
      expect(String(await reasonOf(store.stat(CONFIG_REF)))).not.toContain("wrong@");
    }
  });

  test("has no repository where none was made", async () => {
    const store = await shop.openNew(plain.url);

    await expect(store.read(CONFIG_REF)).rejects.toMatchObject({ code: "not-found" });
    await expect(store.stat(CONFIG_REF)).rejects.toMatchObject({ code: "not-found" });
    expect(await listAll(store, "config")).toEqual([]);
    expect(await listAll(store, "snapshot")).toEqual([]);
    const tooDeep = await shop.open(`rest:${plain.url}/a/b/c/`);
    await expect(tooDeep.create()).rejects.toMatchObject({ code: "not-found" });
  });

  test("in append-only mode takes new files, and lets only locks be removed", async () => {
    const server = await shop.start({ args: ["--append-only"] });
    const store = await shop.openNew(server.url);
    await store.create();
    const bytes = randomBytes(1000);
    for (const kind of ["key", "lock", "snapshot", "index", "pack"] as const) {
      const ref = hashed(kind, bytes);
      await store.write(ref, bytes);
      await expect(store.write(ref, bytes)).rejects.toMatchObject({ code: "already-exists" });
      if (kind === "lock") await store.remove(ref);
      else expect(String(await reasonOf(store.remove(ref)))).toContain("append-only");
      if (kind !== "lock") expect(await store.read(ref)).toEqual(new Uint8Array(bytes));
    }
    await store.write(CONFIG_REF, bytes);
    await expect(store.remove(CONFIG_REF)).rejects.toMatchObject({ code: "denied" });
  });

  test("refuses what was damaged on its way, and what is too large for it", async () => {
    const server = await shop.start({ args: ["--max-size", "1000000"] });
    const store = await shop.openNew(server.url);
    await store.create();
    const bytes = randomBytes(100_000);

    const damaged = store.write({ kind: "pack", name: "ab".repeat(32) }, bytes);
    await expect(damaged).rejects.toMatchObject({ code: "unavailable" });
    const large = randomBytes(20_000_000);
    const tooLarge = store.write(hashed("pack", large), large);
    await expect(tooLarge).rejects.toMatchObject({ code: "no-space" });

    await store.write(hashed("pack", bytes), bytes);
    expect((await listAll(store, "pack")).length).toBe(1);
  });

  test("is unavailable while it does not run, and the same store works when it runs again", async () => {
    const folder = shop.newFolder();
    const first = await startRestServer(folder, {});
    const store = await shop.openNew(first.url);
    await store.create();
    await first.stop();

    await expect(store.stat(CONFIG_REF)).rejects.toMatchObject({ code: "unavailable" });

    const port = new URL(first.url).port;
    shop.own(await startRestServer(folder, { args: ["--listen", `127.0.0.1:${port}`] }));
    await store.write(CONFIG_REF, randomBytes(10));
    expect((await store.stat(CONFIG_REF)).size).toBe(10);
  });
});
