import { createHash } from "node:crypto";
import { Readable } from "node:stream";

import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";

import type { CallOptions } from "@tsbak/core";

import type { S3Connection } from "./s3-connection.ts";
import { setPayloadHash } from "./s3-client.ts";

/** An object that is to be uploaded. */
export type Upload = PutObjectCommandInput & { readonly Key: string; readonly Body: Buffer };

/** TLS keeps a copy of what is being written, so it gets little at once; and whoever paces transfers wants pieces. */
const PIECE_SIZE = 64 << 10;

/**
 * Upload an object in one request. The bytes may lie in shared memory, and are not copied here.
 *
 * @throws {unknown} What the SDK throws, or `call.onBytes`.
 */
export async function putObject(
  connection: S3Connection,
  upload: Upload,
  call: CallOptions,
): Promise<void> {
  await connection.call((client) => putOnce(client, upload, connection.isSecure, call));
}

async function putOnce(
  client: S3Client,
  upload: Upload,
  isSecure: boolean,
  { signal, onBytes }: CallOptions,
): Promise<void> {
  const stop = new AbortController();
  const forward = (): void => stop.abort(signal?.reason);
  const body = Readable.from(piecesOf(upload.Body, onBytes), { highWaterMark: 1 });
  // The SDK would wait for the rest for ever.
  let failure: unknown;
  body.on("error", (error) => {
    failure = error;
    stop.abort(error);
  });
  const command = new PutObjectCommand({
    ...upload,
    // A stream without data would be sent as one whose length is not known.
    Body: upload.Body.length === 0 ? upload.Body : body,
  });
  // Without TLS the signature protects the body, as in restic.
  if (!isSecure) setPayloadHash(command, createHash("sha256").update(upload.Body).digest("hex"));
  if (signal?.aborted) forward();
  signal?.addEventListener("abort", forward);
  try {
    await client.send(command, { abortSignal: stop.signal });
  } catch (error) {
    throw failure ?? error;
  } finally {
    signal?.removeEventListener("abort", forward);
    body.destroy();
  }
}

async function* piecesOf(
  body: Buffer,
  onBytes: CallOptions["onBytes"],
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += PIECE_SIZE) {
    const piece = body.subarray(at, at + PIECE_SIZE);
    await onBytes?.(piece.length);
    yield piece;
  }
}
