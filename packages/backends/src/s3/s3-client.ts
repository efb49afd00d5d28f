import type { Agent } from "node:http";

import { S3Client } from "@aws-sdk/client-s3";
import type { DeleteObjectsCommand, PutObjectCommand, S3ClientConfig } from "@aws-sdk/client-s3";

import { throughProxy } from "../http/proxy.ts";
import type { HttpProxy } from "../http/proxy.ts";
import type { S3Credentials } from "./s3-credentials.ts";

/** What a client of the SDK is made of. */
export interface ClientSettings {
  readonly endpoint: string;
  readonly region: string;
  /** The bucket's name goes to the path, not to the host's name. */
  readonly usesPaths: boolean;
  readonly credentials: S3Credentials;
  readonly agent: Agent;
  readonly proxy: HttpProxy | undefined;
  readonly userAgent: string;
}

/** So long may it take until a host answers at all. */
const CONNECT_MS = 30_000;
const nothing = (): void => undefined;
/** Without one of ours, some warnings go to the console. */
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
const PAYLOAD_HASH = "x-amz-content-sha256";
const QUIET = "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED";

/**
 * A client of the SDK that does nothing by itself: it repeats nothing, warns of nothing, and takes nothing but credentials from
 * files and environment.
 */
export function createClient(settings: ClientSettings): S3Client {
  const { endpoint, region, usesPaths, agent } = settings;
  const client = withoutWarning(
    () =>
      new S3Client({
        endpoint,
        region,
        forcePathStyle: usesPaths,
        ...credentialsConfig(settings.credentials),
        requestHandler: { httpAgent: agent, httpsAgent: agent, connectionTimeout: CONNECT_MS },
        logger: SILENT,
        maxAttempts: 1,
        retryMode: "standard",
        // Other servers than Amazon's refuse the newer checksums; what is uploaded has a Content-MD5.
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
        // It would cost a round trip for every pack.
        expectContinueHeader: false,
        defaultsMode: "standard",
        useDualstackEndpoint: false,
        useFipsEndpoint: false,
        useArnRegion: false,
        disableS3ExpressSessionAuth: true,
        userAgentAppId: async () => undefined,
        sigv4aSigningRegionSet: [],
        authSchemePreference: ["sigv4"],
      }),
  );
  const isSecure = endpoint.startsWith("https:");
  setHeaders(client, settings.userAgent, isSecure);
  if (settings.proxy !== undefined && !isSecure) putToProxy(client, settings.proxy);
  return client;
}

function credentialsConfig(credentials: S3Credentials): Partial<S3ClientConfig> {
  switch (credentials.kind) {
    case "anonymous":
      return {
        credentials: { accessKeyId: "", secretAccessKey: "" },
        signer: { sign: async (request) => request },
      };
    case "static": {
      const { accessKeyId, secretAccessKey, sessionToken } = credentials;
      const token = sessionToken === undefined ? {} : { sessionToken };
      return { credentials: { accessKeyId, secretAccessKey, ...token } };
    }
    case "chain": {
      const { profile, credentialsFile, configFile } = credentials;
      // The SDK gives its own settings on to those who look for credentials; these are for them.
      const forProviders = {
        ...(credentialsFile === undefined ? {} : { filepath: credentialsFile }),
        ...(configFile === undefined ? {} : { configFilepath: configFile }),
      };
      return { ...(profile === undefined ? {} : { profile }), ...forProviders };
    }
  }
}

/** Name the program; and over TLS, which protects the body already, spare its hash, as restic does. */
function setHeaders(client: S3Client, userAgent: string, isSecure: boolean): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (hasHeaders(request)) {
        request.headers["user-agent"] = userAgent;
        delete request.headers["x-amz-user-agent"];
        if (isSecure && request.method === "PUT" && request.body !== undefined) {
          request.headers[PAYLOAD_HASH] = "UNSIGNED-PAYLOAD";
        }
      }
      return next(args);
    },
    { step: "build", priority: "low", name: "tsbakHeaders" },
  );
}

/** Send requests that have been signed to a proxy. */
function putToProxy(client: S3Client, proxy: HttpProxy): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (!hasHeaders(request)) return next(args);
      const { hostname, port = 80, path, headers } = request;
      const put = throughProxy({ host: hostname, port, path, headers }, proxy);
      const changed = { hostname: put.host, port: put.port, path: put.path, headers: put.headers };
      Object.assign(request, changed);
      return next(args);
    },
    { step: "deserialize", priority: "low", name: "tsbakProxy" },
  );
}

/** Say what the SHA-256 of a body is that the SDK cannot hash itself, because it is a stream; in hex digits. */
export function setPayloadHash(command: PutObjectCommand, hash: string): void {
  command.middlewareStack.add(
    (next) => (args) => {
      if (hasHeaders(args.request)) args.request.headers[PAYLOAD_HASH] = hash;
      return next(args);
    },
    { step: "build", priority: "low", name: "tsbakPayloadHash" },
  );
}

/** Send a Content-MD5, that `md5` computes of the body, instead of the checksum that the SDK adds. */
export function replaceChecksum(
  command: DeleteObjectsCommand,
  md5: (body: string | Uint8Array) => string,
): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (!hasHeaders(request)) return next(args);
      const { body } = request;
      for (const name of Object.keys(request.headers))
        if (/^x-amz-(sdk-)?checksum-/i.test(name)) delete request.headers[name];
      if (typeof body === "string" || body instanceof Uint8Array)
        request.headers["content-md5"] = md5(body);
      return next(args);
    },
    { step: "build", priority: "low", name: "tsbakContentMd5" },
  );
}

interface OutgoingRequest {
  readonly method: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

function hasHeaders(request: unknown): request is OutgoingRequest {
  return typeof request === "object" && request !== null && "headers" in request;
}

/** The SDK warns of a Node.js that some later version of it will not support, whenever a process makes its first client. */
function withoutWarning<T>(make: () => T): T {
  const before = process.env[QUIET];
  process.env[QUIET] = "true";
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env[QUIET];
    else process.env[QUIET] = before;
  }
}
