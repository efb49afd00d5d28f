import { throwIfAborted, TsbakError } from "@tsbak/core";
import type { CallOptions } from "@tsbak/core";

import type { B2Client } from "./b2-client.ts";
import { B2Failure } from "./b2-failure.ts";
import type { B2Session } from "./b2-session.ts";

/** A URL to upload to, with its own token. */
interface UploadUrl {
  readonly uploadUrl: string;
  readonly uploadAuthToken: string;
}

/** How many URLs are tried for one file. A URL costs a request and nothing else. */
const MOST_TRIES = 5;

/**
 * Stores files. B2 gives out URLs for uploads, each for one upload at a time and until something goes wrong there; then it
 * wants the client to ask for another, which may lead to another machine. Those that are good are kept and used again.
 */
export class B2Uploader {
  readonly #client: B2Client;
  readonly #session: B2Session;
  readonly #free: UploadUrl[] = [];

  constructor(client: B2Client, session: B2Session) {
    this.#client = client;
    this.#session = session;
  }

  /**
   * Store a file, as the newest version where there is one of that name. B2 compares what arrives with the hash. Gives the
   * version's id.
   *
   * A try whose confirmation got lost may have stored the file, so that it is there in two versions with the same bytes.
   */
  async upload(
    fileName: string,
    bytes: Uint8Array,
    hash: string,
    { signal, onBytes }: CallOptions,
  ): Promise<string> {
    for (let tries = 1; ; tries++) {
      const url = this.#free.pop() ?? (await this.#requestUrl(signal));
      try {
        const answer = await this.#client.uploadFile(
          { ...url, fileName, bytes, hash, onBytes },
          signal,
        );
        if (answer.contentLength !== bytes.length) {
          throw new TsbakError("unavailable", "B2 did not confirm that it has the whole file");
        }
        this.#free.push(url);
        return String(answer.fileId);
      } catch (error) {
        // The URL is dropped: it may still be busy with what was aborted.
        throwIfAborted(signal);
        if (!isFaultOfUrl(error) || tries === MOST_TRIES) throw finalError(error);
      }
    }
  }

  async #requestUrl(signal: AbortSignal | undefined): Promise<UploadUrl> {
    const bucketId = await this.#session.bucketId(signal);
    const answer = await this.#session.call(signal, () =>
      this.#client.getUploadUrl(bucketId, signal),
    );
    const { uploadUrl, authorizationToken } = answer;
    if (typeof uploadUrl !== "string" || typeof authorizationToken !== "string") {
      throw new TsbakError("unavailable", "B2 gave no URL to upload to");
    }
    return { uploadUrl, uploadAuthToken: authorizationToken };
  }
}

/**
 * Whether B2 wants the same to be tried at another URL (its integration checklist): the connection failed, 408, 401, any 5xx;
 * or the URL was busy. A server that says how long to wait is not asked again before that.
 */
function isFaultOfUrl(error: unknown): boolean {
  if (!(error instanceof B2Failure)) return false;
  const { status, code, retryAfterMs } = error;
  if (status === undefined) return true;
  if (status === 401 || code === "auth_token_limit") return true;
  return (status === 408 || status >= 500) && retryAfterMs === undefined;
}

/** The token of a URL says nothing about the key: that was allowed to ask for the URL. */
function finalError(error: unknown): unknown {
  if (!(error instanceof B2Failure) || error.status !== 401) return error;
  if (error.code === "unauthorized") return error;
  return new TsbakError("unavailable", "B2 takes none of the tokens that it gave for uploads", {
    cause: error,
  });
}
