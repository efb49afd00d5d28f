import { createHash } from "node:crypto";

import { DeleteObjectsCommand } from "@aws-sdk/client-s3";

import { REMOVED_AT_ONCE, TsbakError } from "@tsbak/core";

import { replaceChecksum } from "./s3-client.ts";
import { readFailure } from "./s3-failure.ts";
import { abortOptions } from "./s3-find.ts";
import type { S3Place } from "./s3-find.ts";

/** A key that the store did not remove. `error` is as if the SDK had thrown it. */
export interface S3Refusal {
  readonly key: string;
  readonly error: Error;
}

/** What servers answer to a request that they do not know, or know in another form. */
const UNKNOWN_STATUS: ReadonlySet<number | undefined> = new Set([405, 411, 501]);
const UNKNOWN_CODES: ReadonlySet<string> = new Set([
  "InvalidArgument",
  "InvalidRequest",
  "MalformedXML",
  "MethodNotAllowed",
  "MissingContentMD5",
  "NotImplemented",
]);
/** Of one key among others: the store failed, and may succeed later. */
const PASSING_CODES: ReadonlySet<string> = new Set(["InternalError", "ServiceUnavailable"]);

/** Removes many objects with one request, as long as the server takes it. */
export class S3Remover {
  readonly #place: S3Place;
  #isUnknown = false;

  constructor(place: S3Place) {
    this.#place = place;
  }

  /**
   * Gives what was not removed; the rest is gone.
   *
   * @throws {unknown} What the SDK throws; a TsbakError `unsupported` if the server does not know the request.
   */
  async remove(
    keys: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly S3Refusal[]> {
    if (keys.length > REMOVED_AT_ONCE) throw new RangeError(`Cannot remove ${keys.length} at once`);
    if (this.#isUnknown) throw unknownRequest();
    try {
      return await this.#send(keys, signal);
    } catch (error) {
      const { status, name } = readFailure(error);
      if (!UNKNOWN_STATUS.has(status) && !UNKNOWN_CODES.has(name)) throw error;
      this.#isUnknown = true;
      throw unknownRequest();
    }
  }

  async #send(
    keys: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly S3Refusal[]> {
    const { connection, bucket } = this.#place;
    const answer = await connection.call((client) => {
      const command = new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
      });
      // Older servers ask for the MD5, which the SDK has given up for checksums that they do not know.
      replaceChecksum(command, (body) => createHash("md5").update(body).digest("base64"));
      return client.send(command, abortOptions(signal));
    });
    return (answer.Errors ?? []).flatMap(({ Key: key, Code = "", Message: message }) => {
      if (key === undefined || Code === "NoSuchKey") return [];
      return [{ key, error: refusal(Code, message) }];
    });
  }
}

/** As if the store had answered so to a request for this key alone. */
function refusal(code: string, message: string | undefined): Error {
  const httpStatusCode = PASSING_CODES.has(code) ? 503 : 400;
  return Object.assign(new Error(message), { Code: code, $metadata: { httpStatusCode } });
}

function unknownRequest(): TsbakError {
  return new TsbakError("unsupported", "the store removes objects one by one only");
}
