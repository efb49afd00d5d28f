/**
 * A stand-in for Backblaze B2's native interface, versions 1 to 4 of the protocol, on this machine: no real B2 can be
 * had without an account. What it knows of B2 is from Backblaze's documentation; that it is true enough is shown by rclone
 * working with it (`test/b2-fake.test.ts`). Everything is kept in memory.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

import { handleCall, type ApiContext } from "./api.ts";
import { handleDownload } from "./downloads.ts";
import { failBefore, reset, sendJson, sendRefusal, type Exchange } from "./exchange.ts";
import { FaultPlan } from "./faults.ts";
import { KeyRing, type ApplicationKey } from "./keys.ts";
import { LargeFiles } from "./large-files.ts";
import { BucketStore } from "./store.ts";
import { handleUpload, UploadUrls } from "./uploads.ts";

/** A running server. */
export interface B2Fake {
  /** For `-o b2.endpoint` and rclone's `endpoint`. */
  readonly endpoint: string;
  /** May do everything. */
  readonly masterKey: ApplicationKey;
  readonly store: BucketStore;
  readonly keys: KeyRing;
  readonly uploadUrls: UploadUrls;
  readonly faults: FaultPlan;
  /** How often each operation was asked for; `upload`, `download` and `head` are those without a name of their own. */
  readonly calls: ReadonlyMap<string, number>;
  /** What servers do to connections over which nothing was asked for some time. */
  closeIdleConnections(): void;
  stop(): Promise<void>;
}

/**
 * Start a server on a free port of the loopback interface.
 *
 * @param tls Its certificate and key, in PEM; plain HTTP unless given.
 */
export async function startB2Fake(tls?: {
  readonly cert: string;
  readonly key: string;
}): Promise<B2Fake> {
  const store = new BucketStore();
  const parts = {
    store,
    keys: new KeyRing(),
    uploadUrls: new UploadUrls(),
    faults: new FaultPlan(),
  };
  const calls = new Map<string, number>();
  const context = { ...parts, largeFiles: new LargeFiles(store), origin: "" };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(context, calls, request, response);
  };
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const scheme = tls === undefined ? "http" : "https";
  context.origin = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...parts,
    endpoint: context.origin,
    masterKey: parts.keys.add(),
    calls,
    closeIdleConnections: () => server.closeIdleConnections(),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type FakeContext = ApiContext & Parameters<typeof handleUpload>[0];

/** The server as the client of a request sees it, who may have come through a proxy. */
function seenBy({ headers }: IncomingMessage, context: FakeContext): FakeContext {
  const { protocol, host } = new URL(context.origin);
  return { ...context, origin: `${protocol}//${headers.host ?? host}` };
}

async function answer(
  server: FakeContext,
  calls: Map<string, number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const exchange: Exchange = { request, response, path: url.pathname, query: url.searchParams };
  const context = seenBy(request, server);
  const operation = operationOf(exchange);
  calls.set(operation, (calls.get(operation) ?? 0) + 1);
  try {
    if (operation === "upload") return await handleUpload(context, exchange);
    if (operation === "download" || operation === "head") {
      return await handleDownload(context, exchange);
    }
    const failure = context.faults.take(operation);
    if (failure !== undefined && (await failBefore(exchange, failure))) return;
    const result = await handleCall(context, exchange);
    if (failure === "lost-answer") reset(exchange);
    else sendJson(exchange, result);
  } catch (error) {
    sendRefusal(exchange, error);
  }
}

function operationOf({ path, request }: Exchange): string {
  const name = path.split("/")[3] ?? "";
  if (path.startsWith("/file/") || name === "b2_download_file_by_id") {
    return request.method === "HEAD" ? "head" : "download";
  }
  return name === "b2_upload_file" || name === "b2_upload_part" ? "upload" : name;
}
