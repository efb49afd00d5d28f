/**
 * Uploads that create only. The store is asked to refuse where the key exists (`If-None-Match: *`). Whether it does is found
 * out once: by `probe`, or with the first upload where the store says that it does not know this. If it does not, the key is
 * asked for first. Writers of this process wait for each other, but two processes may then both write one key. Since names
 * are hashes of what is written, only two that create a repository in one place at the same time would disturb each other.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";

import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import type { PutObjectCommandInput, StorageClass } from "@aws-sdk/client-s3";

import { isTsbakError, TsbakError } from "@tsbak/core";
import type { CallOptions, FileKind, WriteOptions } from "@tsbak/core";

import { readFailure } from "./s3-failure.ts";
import { abortOptions, sizeOfObject } from "./s3-find.ts";
import type { S3Place } from "./s3-find.ts";
import type { S3Options } from "./s3-options.ts";
import { putObject } from "./s3-put.ts";
import type { Upload } from "./s3-put.ts";

/** Classes in which nothing can be read before somebody asks for it to be brought back. */
const ARCHIVE_CLASSES = new Set(["GLACIER", "DEEP_ARCHIVE"]);

/** See the module comment. */
export class S3Uploader {
  readonly #place: S3Place;
  /** Undefined until it is known. */
  #isConditional: boolean | undefined;
  /** Uploads of this process that asked for their key first. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(place: S3Place) {
    this.#place = place;
  }

  /** @throws {unknown} What the SDK throws; a TsbakError `already-exists` if the key exists. */
  async upload(kind: FileKind, key: string, bytes: Uint8Array, call: WriteOptions): Promise<void> {
    const input = this.#inputOf(kind, key, bytes, call.isContents);
    if (this.#isConditional !== false && (await this.#tryConditional(input, call))) return;
    const before = this.#underWay.get(key);
    const uploading = this.#uploadAfter(before, input, call);
    this.#underWay.set(key, uploading);
    try {
      await uploading;
    } finally {
      if (this.#underWay.get(key) === uploading) this.#underWay.delete(key);
    }
  }

  /**
   * Upload over what has the key. Where the bucket keeps versions, the old one stays as an older version, as of removed files.
   *
   * @throws {unknown} What the SDK throws.
   */
  async replace(kind: FileKind, key: string, bytes: Uint8Array, call: CallOptions): Promise<void> {
    await putObject(this.#place.connection, this.#inputOf(kind, key, bytes), call);
  }

  /**
   * Find out whether the store honours the condition, or ignores it without a word: upload an object twice under a name below
   * `folder` that no repository has, and remove it.
   *
   * @throws {unknown} What the SDK throws.
   */
  async probe(folder: string, call: CallOptions): Promise<void> {
    if (this.#isConditional !== undefined) return;
    const key = `${folder}tsbak-probe-${randomBytes(8).toString("hex")}`;
    const input = this.#inputOf("lock", key, new Uint8Array(1));
    if (!(await this.#tryConditional(input, call))) return;
    this.#isConditional = await this.#isRefused(input, call);
    const { connection, bucket } = this.#place;
    try {
      await connection.call((client) =>
        client.send(
          new DeleteObjectCommand({ Bucket: bucket, Key: key }),
          abortOptions(call.signal),
        ),
      );
    } catch {
      // Whoever may only add to a store leaves a byte behind, which no listing shows.
    }
  }

  async #isRefused(input: Upload, call: CallOptions): Promise<boolean> {
    try {
      return !(await this.#tryConditional(input, call));
    } catch (error) {
      if (readFailure(error).status === 412) return true;
      throw error;
    }
  }

  /** False if the store does not know conditions; then nothing was uploaded. */
  async #tryConditional(input: Upload, call: CallOptions): Promise<boolean> {
    try {
      await putObject(this.#place.connection, { ...input, IfNoneMatch: "*" }, call);
      return true;
    } catch (error) {
      const { name, status } = readFailure(error);
      if (status !== 501 && name !== "NotImplemented") throw error;
      this.#isConditional = false;
      return false;
    }
  }

  async #uploadAfter(
    before: Promise<void> | undefined,
    input: Upload,
    call: CallOptions,
  ): Promise<void> {
    await before?.catch(() => undefined);
    if (await this.#exists(input.Key, call.signal)) {
      throw new TsbakError("already-exists", "it is there already");
    }
    await putObject(this.#place.connection, input, call);
  }

  async #exists(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await sizeOfObject(this.#place, key, signal);
      return true;
    } catch (error) {
      if (isTsbakError(error, "not-found")) return false;
      throw error;
    }
  }

  #inputOf(kind: FileKind, key: string, bytes: Uint8Array, isContents = false): Upload {
    const { bucket, options } = this.#place;
    // A Buffer may lie in shared memory, where the SDK takes no other array.
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      Bucket: bucket,
      Key: key,
      Body: body,
      ContentLength: body.length,
      ContentMD5: createHash("md5").update(body).digest("base64"),
      ...storageClassOf(options.storageClass, isContents),
      ...retentionOf(kind, options.retention),
    };
  }
}

/** As in restic, only what a restore alone needs goes to an archive: trees are read by every backup. */
function storageClassOf(
  storageClass: string | undefined,
  isContents: boolean,
): Pick<PutObjectCommandInput, "StorageClass"> {
  if (storageClass === undefined) return {};
  if (ARCHIVE_CLASSES.has(storageClass.toUpperCase()) && !isContents) return {};
  return { StorageClass: storageClass as StorageClass };
}

/** Locks are taken away again within minutes. */
function retentionOf(
  kind: FileKind,
  retention: S3Options["retention"],
): Pick<PutObjectCommandInput, "ObjectLockMode" | "ObjectLockRetainUntilDate"> {
  if (retention === undefined || kind === "lock") return {};
  return {
    ObjectLockMode: retention.mode,
    ObjectLockRetainUntilDate: new Date(Date.now() + retention.durationMs),
  };
}
