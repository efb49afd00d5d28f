import { CreateBucketCommand, DeleteObjectCommand, HeadBucketCommand } from "@aws-sdk/client-s3";

import {
  checkRange,
  defaultLayoutPath,
  describeFile,
  describeFiles,
  isId,
  KIND_FOLDERS,
  throwIfAborted,
  TsbakError,
} from "@tsbak/core";
import type {
  Backend,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
  ReadOptions,
  RemoveFailure,
  WriteOptions,
} from "@tsbak/core";

import { discardBody, readAnswer } from "./s3-body.ts";
import type { S3Connection } from "./s3-connection.ts";
import { s3Error } from "./s3-error.ts";
import { readFailure } from "./s3-failure.ts";
import { abortOptions, getObject, sizeOfObject } from "./s3-find.ts";
import type { S3Place } from "./s3-find.ts";
import { listObjects } from "./s3-list.ts";
import type { ListedObject } from "./s3-list.ts";
import type { S3Location } from "./s3-location.ts";
import type { S3Options } from "./s3-options.ts";
import { priceClassesOf } from "./s3-prices.ts";
import { S3Remover } from "./s3-remove.ts";
import { S3Uploader } from "./s3-upload.ts";
import { listConfig } from "../list-config.ts";

/**
 * A repository in a bucket of a store that speaks S3, in restic's layout: a key for each file, `prefix/data/0a/0a1b...`.
 * Objects are atomic and durable by what S3 is. How a write creates only is told in `s3-upload.ts`.
 */
export class S3Backend implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly reportsPieces = true;
  readonly priceClasses: Backend["priceClasses"];
  readonly #connection: S3Connection;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #options: S3Options;
  readonly #place: S3Place;
  readonly #uploader: S3Uploader;
  readonly #remover: S3Remover;

  /** The connection is the backend's, which closes it. */
  constructor(connection: S3Connection, location: S3Location, options: S3Options) {
    this.location = location.text;
    this.priceClasses = priceClassesOf(location.host);
    this.connections = options.connections;
    this.#connection = connection;
    this.#bucket = location.bucket;
    this.#prefix = location.prefix;
    this.#options = options;
    this.#place = { connection, bucket: location.bucket, options };
    this.#uploader = new S3Uploader(this.#place);
    this.#remover = new S3Remover(this.#place);
  }

  /** Makes the bucket if it is not there; where a retention is wished for, one that can lock objects. */
  async create({ signal }: CallOptions = {}): Promise<void> {
    await this.#attempt(`Cannot create a repository in ${this.location}`, signal, async () => {
      if (!(await this.#hasBucket(signal))) await this.#createBucket(signal);
      await this.#uploader.probe(`${this.#prefix}${KIND_FOLDERS.lock}/`, { signal });
    });
  }

  write(ref: FileRef, bytes: Uint8Array, call: WriteOptions = {}): Promise<void> {
    return this.#put(ref, call, (key) => this.#uploader.upload(ref.kind, key, bytes, call));
  }

  replace(ref: FileRef, bytes: Uint8Array, call: CallOptions = {}): Promise<void> {
    return this.#put(ref, call, (key) => this.#uploader.replace(ref.kind, key, bytes, call));
  }

  async read(
    ref: FileRef,
    range?: ByteRange,
    { signal, into, onBytes }: ReadOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    const key = this.#keyOf(ref);
    return await this.#attempt(
      `Cannot read ${describeFile(ref)} from ${this.location}`,
      signal,
      async () => {
        const answer = await getObject(this.#place, key, range, signal);
        const { Body: body, ContentLength: length, ContentRange: contentRange } = answer;
        return await readAnswer({ body, length, contentRange }, range, { into, onBytes });
      },
    );
  }

  async stat(ref: FileRef, { signal }: CallOptions = {}): Promise<FileInfo> {
    const key = this.#keyOf(ref);
    return await this.#attempt(
      `Cannot read ${describeFile(ref)} from ${this.location}`,
      signal,
      async () => ({ name: ref.name, size: await sizeOfObject(this.#place, key, signal) }),
    );
  }

  async clock(ref: FileRef, { signal }: CallOptions = {}): Promise<number> {
    const action = `Cannot read ${describeFile(ref)} from ${this.location}`;
    return await this.#attempt(action, signal, async () => {
      const answer = await getObject(this.#place, this.#keyOf(ref), undefined, signal);
      discardBody(answer.Body);
      if (answer.LastModified !== undefined) return answer.LastModified.getTime();
      throw new TsbakError("unavailable", "the store does not say when it was written");
    });
  }

  /** Where there is no bucket yet, nothing was ever written. */
  async *list(kind: FileKind, { signal }: CallOptions = {}): AsyncIterable<FileInfo> {
    throwIfAborted(signal);
    if (kind === "config") return yield* listConfig(this, { signal });
    const prefix = `${this.#prefix}${KIND_FOLDERS[kind]}/`;
    const query = { bucket: this.#bucket, prefix, isV1: this.#options.listsObjectsV1 };
    const objects = listObjects(this.#connection, query, abortOptions(signal))[
      Symbol.asyncIterator
    ]();
    for (;;) {
      const action = `Cannot list ${KIND_FOLDERS[kind]} in ${this.location}`;
      const next = await this.#attempt(action, signal, () => nextUnlessNoBucket(objects));
      if (next.done === true) return;
      const { key, size, modified } = next.value;
      const name = key.slice(key.lastIndexOf("/") + 1);
      // What has the right name in a wrong place would be listed but not found by read().
      if (!isId(name) || key !== this.#keyOf({ kind, name })) continue;
      yield { name, size, modifiedMs: modified?.getTime() };
    }
  }

  async remove(ref: FileRef, { signal }: CallOptions = {}): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(ref) });
    await this.#attempt(
      `Cannot remove ${describeFile(ref)} from ${this.location}`,
      signal,
      async () => {
        try {
          await this.#connection.call((client) => client.send(command, abortOptions(signal)));
        } catch (error) {
          if (readFailure(error).status !== 404) throw error;
        }
      },
    );
  }

  async removeMany(
    refs: readonly FileRef[],
    { signal }: CallOptions = {},
  ): Promise<readonly RemoveFailure[]> {
    const [first] = refs;
    if (first === undefined) return [];
    const action = `Cannot remove ${describeFiles(first, refs.length)} from ${this.location}`;
    return await this.#attempt(action, signal, async () => {
      const byKey = new Map(refs.map((ref) => [this.#keyOf(ref), ref]));
      const refusals = await this.#remover.remove([...byKey.keys()], signal);
      return refusals.flatMap(({ key, error }) => {
        const ref = byKey.get(key);
        if (ref === undefined) return [];
        const what = `Cannot remove ${describeFile(ref)} from ${this.location}`;
        return [{ ref, error: s3Error(error, what) }];
      });
    });
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #put(
    ref: FileRef,
    { signal }: CallOptions,
    upload: (key: string) => Promise<void>,
  ): Promise<void> {
    const key = this.#keyOf(ref);
    await this.#attempt(
      `Cannot write ${describeFile(ref)} to ${this.location}`,
      signal,
      async () => {
        try {
          await upload(key);
        } catch (error) {
          throw explainRetention(error, this.#options);
        }
      },
    );
  }

  #keyOf(ref: FileRef): string {
    return this.#prefix + defaultLayoutPath(ref);
  }

  /** Whatever fails after the signal was aborted fails because of it. */
  async #attempt<T>(
    action: string,
    signal: AbortSignal | undefined,
    call: () => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    try {
      return await call();
    } catch (error) {
      throwIfAborted(signal);
      throw s3Error(error, action);
    }
  }

  async #hasBucket(signal: AbortSignal | undefined): Promise<boolean> {
    const command = new HeadBucketCommand({ Bucket: this.#bucket });
    try {
      await this.#connection.call((client) => client.send(command, abortOptions(signal)));
      return true;
    } catch (error) {
      const { status } = readFailure(error);
      if (status === 404) return false;
      // Who may not ask may still use it; and the answer to HEAD says nothing, but that to the next request will.
      if (status === 403 || status === 400) return true;
      throw error;
    }
  }

  async #createBucket(signal: AbortSignal | undefined): Promise<void> {
    const command = new CreateBucketCommand({
      Bucket: this.#bucket,
      ...(this.#options.retention === undefined ? {} : { ObjectLockEnabledForBucket: true }),
    });
    try {
      await this.#connection.call((client) => client.send(command, abortOptions(signal)));
    } catch (error) {
      if (readFailure(error).name !== "BucketAlreadyOwnedByYou") throw error;
    }
  }
}

async function nextUnlessNoBucket(
  objects: AsyncIterator<ListedObject>,
): Promise<IteratorResult<ListedObject>> {
  try {
    return await objects.next();
  } catch (error) {
    if (readFailure(error).name === "NoSuchBucket") return { done: true, value: undefined };
    throw error;
  }
}

/** Stores refuse locks on objects with words that say little. */
function explainRetention(error: unknown, { retention }: S3Options): unknown {
  if (retention === undefined || readFailure(error).status !== 400) return error;
  const { message, name } = readFailure(error);
  if (name !== "InvalidRequest" && !/lock/i.test(message)) return error;
  return new TsbakError(
    "denied",
    `the bucket takes no -o s3.retention (${message}); it needs object lock, which is switched on when a bucket is made`,
    { cause: new Error(`${name}: ${message}`) },
  );
}
