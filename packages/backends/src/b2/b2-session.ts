import { throwIfAborted, TsbakError, untilAborted } from "@tsbak/core";

import type { B2Client } from "./b2-client.ts";
import { asRecord, B2Failure, isExpired } from "./b2-failure.ts";
import type { B2Location } from "./b2-location.ts";

/** What a key may do, as B2 told when it gave out a token. */
interface Authorization {
  readonly capabilities: readonly string[];
  /** Of the only bucket that the key is for. */
  readonly bucketId: string | undefined;
  readonly bucketName: string | undefined;
}

interface TokenRequest {
  readonly result: Promise<Authorization>;
  /** Once there is a token. */
  authorization: Authorization | undefined;
}

/**
 * A token of B2's, got when it is needed first and got anew when it has expired, once for all who wait for it; and the
 * id of the bucket. Both cost a call that B2 charges most for, so they are kept.
 */
export class B2Session {
  readonly #client: B2Client;
  readonly #location: B2Location;
  #token: TokenRequest | undefined;
  #bucketId: Promise<string> | undefined;

  constructor(client: B2Client, location: B2Location) {
    this.#client = client;
    this.#location = location;
  }

  /**
   * Make a request, and once more with a new token if B2 no longer takes the one that there is.
   *
   * @throws {TsbakError} `denied` if B2 does not take the key, or if it is for another bucket or prefix.
   */
  async call<T>(signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> {
    const used = await this.#authorize(signal);
    try {
      return await withSignal(signal, request);
    } catch (error) {
      if (!isExpired(error)) throw error;
    }
    if (this.#token?.authorization === used) this.#token = undefined;
    await this.#authorize(signal);
    return await withSignal(signal, request);
  }

  /** Whether the key has a capability, by B2's name for it: `deleteFiles`. */
  async may(capability: string, signal: AbortSignal | undefined): Promise<boolean> {
    const { capabilities } = await this.#authorize(signal);
    return capabilities.includes(capability);
  }

  /** @throws {TsbakError} `not-found` if there is no such bucket. */
  async bucketId(signal: AbortSignal | undefined): Promise<string> {
    const id = await this.findBucket(signal);
    if (id !== undefined) return id;
    throw new TsbakError("not-found", `there is no bucket "${this.#location.bucket}"; create it`);
  }

  /** The id of the bucket; undefined if there is none. What was found is not looked for again. */
  async findBucket(signal: AbortSignal | undefined): Promise<string | undefined> {
    if (this.#bucketId !== undefined) return await this.#bucketId;
    const { bucketId } = await this.#authorize(signal);
    const id = bucketId ?? (await this.#lookUpBucket(signal));
    if (id !== undefined) this.#bucketId = Promise.resolve(id);
    return id;
  }

  /** Make the bucket, if there is none. */
  async createBucket(signal: AbortSignal | undefined): Promise<void> {
    if ((await this.findBucket(signal)) !== undefined) return;
    const { bucket } = this.#location;
    try {
      await this.call(signal, () => this.#client.createBucket(bucket, signal));
    } catch (error) {
      if (!(error instanceof B2Failure) || error.code !== "duplicate_bucket_name") throw error;
      // Somebody was faster: if that was another account, it is not in our list.
      if ((await this.findBucket(signal)) !== undefined) return;
      throw new TsbakError(
        "denied",
        `another account has a bucket "${bucket}"; choose another name`,
        { cause: error },
      );
    }
  }

  async #lookUpBucket(signal: AbortSignal | undefined): Promise<string | undefined> {
    const { bucket } = this.#location;
    const answer = await this.call(signal, () => this.#client.listBuckets(bucket, signal));
    const buckets = Array.isArray(answer.buckets) ? answer.buckets.map(asRecord) : [];
    return textOf(buckets.find(({ bucketName }) => bucketName === bucket)?.bucketId);
  }

  async #authorize(signal: AbortSignal | undefined): Promise<Authorization> {
    const token = (this.#token ??= this.#startRequest());
    try {
      return await untilAborted(token.result, signal);
    } catch (error) {
      // Who gave up may have waited for an answer that never comes. The next one asks anew.
      if (token.authorization === undefined && this.#token === token) this.#token = undefined;
      throw error;
    }
  }

  #startRequest(): TokenRequest {
    const token: TokenRequest = { result: this.#requestToken(), authorization: undefined };
    token.result.then(
      (authorization) => (token.authorization = authorization),
      () => undefined,
    );
    return token;
  }

  async #requestToken(): Promise<Authorization> {
    let answer: Readonly<Record<string, unknown>>;
    try {
      answer = await this.#client.authorize();
    } catch (error) {
      if (!(error instanceof B2Failure) || error.status !== 401) throw error;
      if (error.code === "unsupported") throw error;
      throw new TsbakError(
        "denied",
        "B2 does not take the key; check B2_ACCOUNT_ID and B2_ACCOUNT_KEY",
        { cause: error },
      );
    }
    const needed = ["authorizationToken", "apiUrl", "downloadUrl"];
    if (!needed.every((name) => textOf(answer[name]) !== undefined)) {
      throw new TsbakError("unavailable", "what answers is not B2; check b2.endpoint");
    }
    const allowed = asRecord(answer.allowed);
    const authorization = {
      capabilities: Array.isArray(allowed.capabilities) ? allowed.capabilities.map(String) : [],
      bucketId: textOf(allowed.bucketId),
      bucketName: textOf(allowed.bucketName),
    };
    checkRestrictions(this.#location, authorization, textOf(allowed.namePrefix) ?? "");
    return authorization;
  }
}

/** Said at once and clearly, where B2 would answer 401 to every call. */
function checkRestrictions(
  { bucket, root }: B2Location,
  { bucketId, bucketName }: Authorization,
  namePrefix: string,
): void {
  if (bucketId !== undefined && bucketName !== bucket) {
    const other = bucketName === undefined ? "one that is not there" : `"${bucketName}"`;
    throw new TsbakError("denied", `the key is only for another bucket, ${other}`);
  }
  if (!root.startsWith(namePrefix)) {
    throw new TsbakError(
      "denied",
      `the key is only for names that begin with "${namePrefix}"; use b2:${bucket}:${namePrefix}`,
    );
  }
}

/** An aborted request is an interruption, whatever the failure looks like. */
async function withSignal<T>(
  signal: AbortSignal | undefined,
  request: () => Promise<T>,
): Promise<T> {
  throwIfAborted(signal);
  try {
    return await request();
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
