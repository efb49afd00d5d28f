import { badRequest, Refusal } from "./refusal.ts";
import { fileJson, sha1Of, type BucketStore, type FileVersion } from "./store.ts";

/** The least that every part but the last has. */
export const SMALLEST_PART = 5_000_000;

interface Part {
  readonly bytes: Buffer;
  readonly sha1: string;
}

/** Files that come in parts: nobody sees them until they are finished. */
export class LargeFiles {
  readonly #store: BucketStore;
  readonly #parts = new Map<string, Map<number, Part>>();

  constructor(store: BucketStore) {
    this.#store = store;
  }

  /** b2_start_large_file. */
  start(file: {
    readonly bucketId: string;
    readonly fileName: string;
    readonly contentType: string;
    readonly info: Readonly<Record<string, string>>;
  }): Record<string, unknown> {
    const { fileName, contentType, info } = file;
    const nothing = { action: "start", bytes: Buffer.alloc(0), sha1: null } as const;
    const version = this.#store.get(file.bucketId).add({ ...nothing, fileName, contentType, info });
    this.#parts.set(version.fileId, new Map());
    return fileJson(version);
  }

  addPart(fileId: string, partNumber: number, part: Part): Record<string, unknown> {
    if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > 10_000) {
      throw badRequest("X-Bz-Part-Number must be 1 to 10000");
    }
    this.#partsOf(fileId).set(partNumber, part);
    return partJson(fileId, partNumber, part);
  }

  /** b2_list_parts, all on one page. */
  list(fileId: string): Record<string, unknown> {
    const parts = [...this.#partsOf(fileId)].sort(([a], [b]) => a - b);
    return {
      parts: parts.map(([number, part]) => partJson(fileId, number, part)),
      nextPartNumber: null,
    };
  }

  /** b2_finish_large_file: the parts become one file if all hashes are as they came. */
  finish(fileId: string, hashes: unknown): Record<string, unknown> {
    const parts = this.#partsOf(fileId);
    const version = this.#versionOf(fileId);
    if (!Array.isArray(hashes) || hashes.length !== parts.size || hashes.length < 1) {
      throw badRequest("partSha1Array must name every part");
    }
    const ordered = hashes.map((sha1, at) => {
      const part = parts.get(at + 1);
      if (part === undefined || part.sha1 !== sha1) throw badRequest(`Part ${at + 1} differs`);
      if (at + 1 < hashes.length && part.bytes.length < SMALLEST_PART) {
        throw badRequest(`Part ${at + 1} is smaller than the minimum`);
      }
      return part.bytes;
    });
    const bucket = this.#store.get(version.bucketId);
    bucket.remove(version.fileName, fileId);
    this.#parts.delete(fileId);
    return fileJson(
      bucket.add({ ...version, action: "upload", bytes: Buffer.concat(ordered), sha1: null }),
    );
  }

  /** b2_cancel_large_file. */
  cancel(fileId: string): Record<string, unknown> {
    const { fileName, bucketId } = this.#versionOf(fileId);
    this.#store.get(bucketId).remove(fileName, fileId);
    this.#parts.delete(fileId);
    return { accountId: "account", bucketId, fileId, fileName };
  }

  /** b2_list_unfinished_large_files, all on one page. */
  unfinished(bucketId: string): Record<string, unknown> {
    const files = [...this.#parts.keys()]
      .map((fileId) => this.#versionOf(fileId))
      .filter((version) => version.bucketId === bucketId);
    return { files: files.map(fileJson), nextFileId: null };
  }

  #versionOf(fileId: string): FileVersion {
    const version = this.#parts.has(fileId) ? this.#store.findVersion(fileId) : undefined;
    if (version === undefined) throw badRequest(`No active upload for: ${fileId}`);
    return version;
  }

  #partsOf(fileId: string): Map<number, Part> {
    const parts = this.#parts.get(fileId);
    if (parts === undefined) throw new Refusal(400, "bad_request", `No active upload: ${fileId}`);
    return parts;
  }
}

function partJson(fileId: string, partNumber: number, part: Part): Record<string, unknown> {
  const { length } = part.bytes;
  const contentSha1 = part.sha1 || sha1Of(part.bytes);
  return { fileId, partNumber, contentLength: length, contentSha1, uploadTimestamp: 0 };
}
