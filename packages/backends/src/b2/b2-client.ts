/**
 * The package backblaze-b2, kept to what it does well: it knows the names, headers and fields of the protocol. One request
 * is made per call. Around its habits:
 *
 *   (1) It copies what it is given, deep down, for every request, bodies too. Streams and other class instances it
 *       passes on as they are, so bodies are given as streams, with their length and hash.
 *   (2) All its instances share the HTTP client of the newest. So nothing is configured there: connections and headers
 *       come with each request.
 *   (3) It would repeat uploads that broke off, with the spent stream. It is told to repeat nothing.
 *   (4) Its URL for getting a token is fixed. It is overridden by the request.
 *   (5) It lists versions without regard to the prefix. That is put in by the request.
 *   (6) Its errors hold the whole request with its tokens. They become a `B2Failure`.
 *
 * @module
 */
import { Readable } from "node:stream";

import type { OnBytes } from "@tsbak/core";
import B2 from "backblaze-b2";

import type { HttpHeaders } from "../http/transport.ts";
import type { B2Agents } from "./b2-agents.ts";
import { asRecord, B2Failure, failureOf } from "./b2-failure.ts";

/** Who calls, and where. */
export interface B2ClientOptions {
  readonly keyId: string;
  readonly key: string;
  /** Where tokens are given out: `https://api.backblazeb2.com`. */
  readonly endpoint: string;
  readonly userAgent: string;
  readonly agents: B2Agents;
}

/** The answer to a request for bytes. */
export interface B2Download {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** The body of the answer; whoever does not read it to its end destroys it. */
  readonly body: Readable;
}

/** One file to be stored. */
export interface B2Upload {
  readonly uploadUrl: string;
  readonly uploadAuthToken: string;
  readonly fileName: string;
  /** Borrowed, also of shared memory. */
  readonly bytes: Uint8Array;
  /** SHA-1 in hex. */
  readonly hash: string;
  readonly onBytes?: OnBytes | undefined;
}

/** What a listing asks for. */
export interface B2ListQuery {
  readonly bucketId: string;
  readonly startFileName: string;
  readonly maxFileCount: number;
  readonly prefix: string;
}

type Fields = Readonly<Record<string, unknown>>;
type ListVersionsCall = Parameters<B2["listFileVersions"]>[0];
type Answer = Awaited<ReturnType<B2["authorize"]>>;

/** In bytes. Ten thousand names make about five million. */
const LONGEST_ANSWER = 64 << 20;

/** In bytes: of a body that is sent. */
const PIECE_SIZE = 1 << 16;

/** Each call throws a `B2Failure`, also when it is aborted. */
export class B2Client {
  readonly #b2: B2;
  readonly #options: B2ClientOptions;

  constructor(options: B2ClientOptions) {
    const { keyId, key } = options;
    this.#b2 = new B2({ applicationKeyId: keyId, applicationKey: key, retry: { retries: 0 } });
    this.#options = options;
  }

  /** Get a token; the calls that follow use it. */
  authorize(): Promise<Fields> {
    const url = `${this.#options.endpoint}/b2api/v2/b2_authorize_account`;
    return fields(() => this.#b2.authorize({ ...this.#common(), axiosOverride: { url } }));
  }

  listBuckets(bucketName: string, signal?: AbortSignal): Promise<Fields> {
    return fields(() => this.#b2.getBucket({ bucketName, ...this.#common(signal) }));
  }

  createBucket(bucketName: string, signal?: AbortSignal): Promise<Fields> {
    const bucketType = "allPrivate";
    return fields(() => this.#b2.createBucket({ bucketName, bucketType, ...this.#common(signal) }));
  }

  getUploadUrl(bucketId: string, signal?: AbortSignal): Promise<Fields> {
    return fields(() => this.#b2.getUploadUrl({ bucketId, ...this.#common(signal) }));
  }

  listFileNames(query: B2ListQuery, signal?: AbortSignal): Promise<Fields> {
    return fields(() =>
      this.#b2.listFileNames({ ...query, delimiter: "", ...this.#common(signal) }),
    );
  }

  /** All versions of names with a prefix, the newest of each first. */
  listFileVersions(query: B2ListQuery, signal?: AbortSignal): Promise<Fields> {
    const { prefix, ...rest } = query;
    // The package leaves out the prefix, and its types do not let out where in the versions of a name to begin.
    const call = { ...rest, ...this.#common(signal), axiosOverride: { data: { prefix } } };
    return fields(() => this.#b2.listFileVersions(call as unknown as ListVersionsCall));
  }

  hideFile(bucketId: string, fileName: string, signal?: AbortSignal): Promise<Fields> {
    return fields(() => this.#b2.hideFile({ bucketId, fileName, ...this.#common(signal) }));
  }

  deleteFileVersion(fileId: string, fileName: string, signal?: AbortSignal): Promise<Fields> {
    return fields(() => this.#b2.deleteFileVersion({ fileId, fileName, ...this.#common(signal) }));
  }

  /**
   * When this fails nothing reads `bytes` any more.
   *
   * @throws What `onBytes` rejects with.
   */
  async uploadFile(upload: B2Upload, signal?: AbortSignal): Promise<Fields> {
    const { bytes, hash, onBytes, ...target } = upload;
    const refusals: unknown[] = [];
    const pieces = piecesOf(bytes, onBytes, (reason) => refusals.push(reason));
    const body = Readable.from(pieces, { objectMode: false });
    try {
      const call = this.#b2.uploadFile({
        ...target,
        ...{ hash, contentLength: bytes.length, mime: "application/octet-stream" },
        data: body as unknown as Buffer,
        ...this.#common(signal),
        // It takes a length of 0 for none at all.
        axiosOverride: { headers: { "Content-Length": bytes.length } },
      });
      return asRecord((await call).data);
    } catch (error) {
      stopSending(error);
      if (refusals.length > 0) throw refusals[0];
      throw await failureOf(error);
    } finally {
      body.destroy();
    }
  }

  /** @param range As in the header of that name: `bytes=0-99`. */
  async download(
    bucketName: string,
    fileName: string,
    range: string | undefined,
    signal?: AbortSignal,
  ): Promise<B2Download> {
    const common = this.#common(signal);
    const headers = { ...common.axios.headers, ...(range !== undefined && { Range: range }) };
    const axios = { ...common.axios, headers, decompress: false, maxContentLength: -1 };
    const answer = await send(() =>
      this.#b2.downloadFileByName({ bucketName, fileName, responseType: "stream", axios }),
    );
    return {
      status: answer.status,
      headers: answer.headers as HttpHeaders,
      body: answer.data as Readable,
    };
  }

  /** The headers of a file's newest version: as a download, without the bytes. */
  async head(bucketName: string, fileName: string, signal?: AbortSignal): Promise<HttpHeaders> {
    const call = { bucketName, fileName, responseType: "text", ...this.#common(signal) } as const;
    const head = { ...call, axiosOverride: { method: "HEAD" } };
    return (await send(() => this.#b2.downloadFileByName(head))).headers as HttpHeaders;
  }

  /** End all connections. */
  close(): void {
    this.#options.agents.http.destroy();
    this.#options.agents.https.destroy();
  }

  #common(signal?: AbortSignal): { readonly axios: { readonly headers: Record<string, string> } } {
    const { agents, userAgent } = this.#options;
    const axios = {
      headers: { "User-Agent": userAgent },
      ...{ httpAgent: agents.http, httpsAgent: agents.https },
      // B2 has no redirects, and a token must not follow one.
      maxRedirects: 0,
      maxContentLength: LONGEST_ANSWER,
      ...(signal !== undefined && { signal }),
    };
    return { axios };
  }
}

async function fields(request: () => Promise<Answer>): Promise<Fields> {
  const { data } = await send(request);
  if (typeof data === "object") return asRecord(data);
  // What is not B2 answered, such as the page of a proxy.
  throw new B2Failure("The answer is no JSON", { status: 502 });
}

/**
 * Make a request, and again when it met a connection that the server had closed meanwhile, as servers do with idle ones. Each such
 * failure uses up a connection, and on a new one it counts. Only for requests that may be made twice.
 */
async function send(request: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (!metClosedConnection(error)) throw await failureOf(error);
    }
  }
}

function metClosedConnection(error: unknown): boolean {
  const { code, request, response } = asRecord(error);
  const wasReset = code === "ECONNRESET" || code === "EPIPE";
  return wasReset && response === undefined && asRecord(request).reusedSocket === true;
}

/** Views of the memory, not copies. Ends early when one is refused, with the reason. */
async function* piecesOf(
  bytes: Uint8Array,
  onBytes: OnBytes | undefined,
  onRefusal: (reason: unknown) => void,
): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_SIZE) {
    const length = Math.min(PIECE_SIZE, bytes.length - at);
    try {
      await onBytes?.(length);
    } catch (error) {
      onRefusal(error);
      throw error;
    }
    yield Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
  }
}

/** After an answer that came early the rest of the body would still be sent, from memory that is the caller's again. */
function stopSending(error: unknown): void {
  const { request } = asRecord(error) as { request?: { destroy?: () => void } };
  request?.destroy?.();
}
