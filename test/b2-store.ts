import { randomBytes } from "node:crypto";

import { openBackend, type TlsSettings } from "@tsbak/backends";
import { defaultLayoutPath, type Backend, type FileRef } from "@tsbak/core";
import { afterAll, beforeAll, beforeEach } from "vitest";

import type { ApplicationKey } from "./servers/b2-fake/keys.ts";
import { startB2Fake, type B2Fake } from "./servers/b2-fake/start-b2-fake.ts";
import type { Bucket, FileVersion } from "./servers/b2-fake/store.ts";

/** Where stores are opened unless a test says otherwise. */
export const PREFIX = "some/prefix";

/** How a test reaches a store. */
export interface B2StoreOptions {
  /** `PREFIX` unless given. */
  readonly prefix?: string | undefined;
  readonly bucketName?: string | undefined;
  /** One that may do everything unless given. */
  readonly key?: Pick<ApplicationKey, "id" | "secret"> | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly tls?: TlsSettings | undefined;
}

/** A server for all tests of a file, with a bucket for each of them. */
export class B2Stores {
  readonly #opened: Backend[] = [];
  #fake: B2Fake | undefined;
  #bucket: Bucket | undefined;

  get fake(): B2Fake {
    if (this.#fake === undefined) throw new Error("The server is only there while tests run");
    return this.#fake;
  }

  /** Of the test that runs. */
  get bucket(): Bucket {
    if (this.#bucket === undefined) throw new Error("Buckets are only there while tests run");
    return this.#bucket;
  }

  /** Have it start and stop with the tests of the file. */
  register(): this {
    beforeAll(async () => {
      this.#fake = await startB2Fake();
    });
    beforeEach(() => {
      this.fake.faults.clear();
      this.#bucket = this.fake.store.create(`bucket-${randomBytes(6).toString("hex")}`);
    });
    afterAll(async () => {
      for (const backend of this.#opened) await backend.close?.();
      await this.#fake?.stop();
    });
    return this;
  }

  async open(wish: B2StoreOptions = {}): Promise<Backend> {
    const { prefix = PREFIX, key = this.fake.masterKey, options = {}, tls } = wish;
    const bucketName = wish.bucketName ?? this.bucket.bucketName;
    const location = `b2:${bucketName}${prefix === "" ? "" : `:${prefix}`}`;
    const backend = await openBackend(location, {
      options: { "b2.endpoint": this.fake.endpoint, ...options },
      environment: { B2_ACCOUNT_ID: key.id, B2_ACCOUNT_KEY: key.secret },
      tls,
    });
    this.#opened.push(backend);
    return backend;
  }

  /** How often the server was asked for an operation while `work` ran. */
  async countCalls(operation: string, work: () => Promise<unknown>): Promise<number> {
    const before = this.fake.calls.get(operation) ?? 0;
    await work();
    return (this.fake.calls.get(operation) ?? 0) - before;
  }

  /** Put a version of a file there, as another program could. */
  addFile(fileName: string, bytes: Uint8Array): FileVersion {
    const rest = { action: "upload", sha1: null, contentType: "application/octet-stream" } as const;
    return this.bucket.add({ ...rest, fileName, bytes: Buffer.from(bytes), info: {} });
  }

  /** What became of all versions of a file of the store, the newest first. */
  versionsOf(ref: FileRef): readonly FileVersion[] {
    return this.bucket.versions(`${PREFIX}/${defaultLayoutPath(ref)}`);
  }
}
