import { createHash, randomBytes } from "node:crypto";

import { badRequest, Refusal } from "./refusal.ts";

/** What a version is: bytes, a marker that hides the older ones, or a large file whose parts are still coming. */
export type Action = "upload" | "hide" | "start";

/** One version of a file. */
export interface FileVersion {
  readonly fileId: string;
  readonly fileName: string;
  readonly bucketId: string;
  readonly action: Action;
  readonly bytes: Buffer;
  /** In hex; null for what was uploaded in parts. */
  readonly sha1: string | null;
  readonly contentType: string;
  readonly info: Readonly<Record<string, string>>;
  /** Milliseconds since 1970, unlike that of any other version. */
  readonly uploadTimestamp: number;
}

/** What somebody uploads: the version without what the store gives it. */
export type NewVersion = Omit<FileVersion, "fileId" | "uploadTimestamp" | "bucketId">;

/** The versions of each file, the newest first. */
export class Bucket {
  readonly bucketId: string = randomBytes(12).toString("hex");
  readonly bucketName: string;
  readonly bucketType: string;
  readonly #files = new Map<string, FileVersion[]>();
  #names: readonly string[] | undefined;
  #lastTimestamp = 0;

  constructor(bucketName: string, bucketType: string) {
    this.bucketName = bucketName;
    this.bucketType = bucketType;
  }

  /** All names, hidden ones too, in the order of their UTF-8 bytes. */
  names(): readonly string[] {
    this.#names ??= [...this.#files.keys()]
      .map((name) => Buffer.from(name))
      .sort((a, b) => Buffer.compare(a, b))
      .map(String);
    return this.#names;
  }

  versions(name: string): readonly FileVersion[] {
    return this.#files.get(name) ?? [];
  }

  /** What a download by name gives: the newest version, unless that hides the file. */
  visible(name: string): FileVersion | undefined {
    const newest = this.versions(name).find((version) => version.action !== "start");
    return newest?.action === "upload" ? newest : undefined;
  }

  add(file: NewVersion): FileVersion {
    this.#lastTimestamp = Math.max(Date.now(), this.#lastTimestamp + 1);
    const fileId = `4_z${this.bucketId}_f1${randomBytes(8).toString("hex")}_u${this.#lastTimestamp}`;
    const { bucketId } = this;
    const version = { ...file, bucketId, fileId, uploadTimestamp: this.#lastTimestamp };
    if (!this.#files.has(file.fileName)) this.#names = undefined;
    this.#files.set(file.fileName, [version, ...this.versions(file.fileName)]);
    return version;
  }

  /** @throws {Refusal} If there is no such version. */
  remove(fileName: string, fileId: string): void {
    const rest = this.versions(fileName).filter((version) => version.fileId !== fileId);
    if (rest.length === this.versions(fileName).length) {
      throw new Refusal(400, "file_not_present", `File not present: ${fileName} ${fileId}`);
    }
    this.#files.set(fileName, rest);
    if (rest.length > 0) return;
    this.#files.delete(fileName);
    this.#names = undefined;
  }
}

/** All buckets of the account. */
export class BucketStore {
  readonly #buckets = new Map<string, Bucket>();

  all(): readonly Bucket[] {
    return [...this.#buckets.values()];
  }

  find(bucketName: string): Bucket | undefined {
    return this.all().find((bucket) => bucket.bucketName === bucketName);
  }

  /** @throws {Refusal} For a name that is taken or no name. */
  create(bucketName: string, bucketType = "allPrivate"): Bucket {
    if (!/^(?!b2-)[A-Za-z0-9-]{6,63}$/.test(bucketName)) throw badRequest("Invalid bucketName");
    if (this.find(bucketName)) {
      throw new Refusal(400, "duplicate_bucket_name", "Bucket name is already in use.");
    }
    const bucket = new Bucket(bucketName, bucketType);
    this.#buckets.set(bucket.bucketId, bucket);
    return bucket;
  }

  /** @throws {Refusal} If there is no such bucket. */
  get(bucketId: string): Bucket {
    const bucket = this.#buckets.get(bucketId);
    if (bucket === undefined) {
      throw new Refusal(400, "bad_bucket_id", `Bucket ${bucketId} does not exist`);
    }
    return bucket;
  }

  /** @throws {Refusal} If there is no such bucket, or something in it. */
  delete(bucketId: string): Bucket {
    const bucket = this.get(bucketId);
    if (bucket.names().length > 0) {
      throw new Refusal(400, "cannot_delete_non_empty_bucket", "Bucket is not empty");
    }
    this.#buckets.delete(bucketId);
    return bucket;
  }

  /** The version with this id, in whatever bucket. */
  findVersion(fileId: string): FileVersion | undefined {
    const bucket = this.#buckets.get(/^4_z([0-9a-f]+)_/.exec(fileId)?.[1] ?? "");
    for (const name of bucket?.names() ?? []) {
      const found = bucket?.versions(name).find((version) => version.fileId === fileId);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** @throws {Refusal} For a name that B2 does not take. */
export function checkFileName(name: string): void {
  const length = Buffer.byteLength(name);
  if (length < 1 || length > 1024) throw badRequest("File names must be 1 to 1024 bytes");
  if (/^\/|\/$|\/\//.test(name)) throw badRequest("File names must not have empty parts");
  if (/[\u0000-\u001f\u007f\\]/.test(name)) throw badRequest("File names must be printable");
}

export function sha1Of(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** A version as answers show it. */
export function fileJson(version: FileVersion): Record<string, unknown> {
  return {
    accountId: "account",
    action: version.action,
    bucketId: version.bucketId,
    contentLength: version.bytes.length,
    contentMd5: null,
    contentSha1: version.sha1 ?? "none",
    contentType: version.contentType,
    fileId: version.fileId,
    fileInfo: version.info,
    fileName: version.fileName,
    // The first version of the protocol called it so in listings.
    size: version.bytes.length,
    uploadTimestamp: version.uploadTimestamp,
  };
}
