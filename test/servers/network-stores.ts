/**
 * Stores over a network that tests and measurements go to, through a proxy or directly, by the library or by a command.
 *
 * @module
 */
import { openBackend, type BackendSettings } from "@tsbak/backends";
import { requirePeer } from "../peers.ts";
import { startB2Fake } from "./b2-fake/start-b2-fake.ts";
import { startMinio } from "./minio.ts";
import { startRadosgw } from "./radosgw.ts";
import { startRcloneRestic } from "./rclone-restic.ts";
import { startRcloneS3 } from "./rclone-s3.ts";
import { startRestServer } from "./rest-server.ts";
import { environmentOf, type S3Server } from "./s3-server.ts";
import { requireSshd, startSshd } from "./sshd.ts";

/** How a repository is reached, in the words of the library. */
export interface StoreAddress {
  readonly location: string;
  readonly settings: BackendSettings & {
    readonly options: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, string>>;
  };
}

/** A server that runs. */
export interface NetworkStore {
  /** On 127.0.0.1. */
  readonly port: number;
  /** A repository on the server, reached through `port`: that of a proxy, or its own. */
  at(port: number, name: string): StoreAddress;
  stop(): Promise<void>;
}

/** A kind of server. */
export interface NetworkStoreKind {
  readonly speaks: "http" | "ssh";
  /** Whether restic can be told to go there. */
  readonly isForRestic: boolean;
  /** Whether its programs are here; says so if not, and is an error in CI. */
  isHere(): boolean;
  /** Start it with its files in `folder`, which exists. */
  start(folder: string): Promise<NetworkStore>;
}

/** All kinds by name. */
export const NETWORK_STORES: Readonly<Record<string, NetworkStoreKind>> = {
  rest: {
    speaks: "http",
    isForRestic: true,
    isHere: () => requirePeer("rest-server"),
    start: async (folder) => overRest(await startRestServer(folder)),
  },
  sftp: { speaks: "ssh", isForRestic: true, isHere: requireSshd, start: startSftp },
  minio: {
    speaks: "http",
    isForRestic: true,
    isHere: () => requirePeer("minio"),
    start: async (folder) => overS3(await startMinio(folder)),
  },
  radosgw: {
    speaks: "http",
    isForRestic: true,
    isHere: () => requirePeer("radosgw"),
    start: async (folder) => overS3(await startRadosgw(folder)),
  },
  // restic knows only the real B2.
  b2: { speaks: "http", isForRestic: false, isHere: () => true, start: startB2 },
};

/** rclone's servers, which only the long proofs go to: they are slow. */
export const RCLONE_STORES: Readonly<Record<string, NetworkStoreKind>> = {
  "rclone-rest": {
    speaks: "http",
    isForRestic: true,
    isHere: () => requirePeer("rclone"),
    start: async (folder) => overRest(await startRcloneRestic(folder)),
  },
  "rclone-s3": {
    speaks: "http",
    isForRestic: true,
    isHere: () => requirePeer("rclone-s3"),
    start: async (folder) => overS3(await startRcloneS3(folder)),
  },
};

/** What a command is given so that it goes there; `-r` and `-o` mean the same to tsbak and restic. */
export function commandAt({ location, settings }: StoreAddress): {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  const options = Object.entries(settings.options).flatMap(([name, value]) => [
    "-o",
    `${name}=${value}`,
  ]);
  return { args: ["-r", location, ...options], env: settings.environment };
}

/** A server of restic's own protocol. */
function overRest(server: { readonly url: string; stop(): Promise<void> }): NetworkStore {
  return {
    port: Number(new URL(server.url).port),
    at: (port, name) => ({
      location: `rest:http://127.0.0.1:${port}/${name}/`,
      settings: { options: {}, environment: {} },
    }),
    stop: () => server.stop(),
  };
}

async function startSftp(folder: string): Promise<NetworkStore> {
  const server = await startSshd(`${folder}/sshd`);
  return {
    port: server.port,
    at: (port, name) => {
      // The host is known under the port that it really has.
      const alias = `HostKeyAlias=[${server.host}]:${server.port}`;
      const args = `-F ${server.clientConfig} -o Port=${port} -o ${alias}`;
      const settings = { options: { "sftp.args": args }, environment: {} };
      return { location: `sftp:store:${folder}/data/${name}`, settings };
    },
    stop: () => server.stop(),
  };
}

async function startB2(): Promise<NetworkStore> {
  const server = await startB2Fake();
  server.store.create("tsbak-test");
  const { id, secret } = server.masterKey;
  return {
    port: Number(new URL(server.endpoint).port),
    at: (port, name) => ({
      location: `b2:tsbak-test:${name}`,
      settings: {
        options: { "b2.endpoint": `http://127.0.0.1:${port}` },
        environment: { B2_ACCOUNT_ID: id, B2_ACCOUNT_KEY: secret },
      },
    }),
    stop: () => server.stop(),
  };
}

async function overS3(server: S3Server): Promise<NetworkStore> {
  const settings = { options: {}, environment: environmentOf(server) };
  const at = (port: number, name: string): StoreAddress => ({
    location: `s3:http://127.0.0.1:${port}/tsbak-test/${name}`,
    settings,
  });
  const port = Number(new URL(server.endpoint).port);
  const backend = await openBackend(at(port, "bucket").location, settings);
  await backend.create();
  await backend.close?.();
  return { port, at, stop: () => server.stop() };
}
