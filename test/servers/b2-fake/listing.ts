import { badRequest, Refusal } from "./refusal.ts";
import { fileJson, type Bucket, type FileVersion } from "./store.ts";

/** Of a request, which files are wanted. */
export interface ListRequest {
  readonly startFileName?: unknown;
  readonly startFileId?: unknown;
  readonly maxFileCount?: unknown;
  readonly prefix?: unknown;
  readonly delimiter?: unknown;
}

interface Wanted {
  readonly start: string;
  readonly count: number;
  readonly prefix: string;
  readonly delimiter: string;
}

/** The answer of b2_list_file_names: visible files, and folders where there is a delimiter, in order of names. */
export function listFileNames(bucket: Bucket, request: ListRequest): Record<string, unknown> {
  const wanted = readRequest(request);
  const files: Record<string, unknown>[] = [];
  for (const { name, isFolder } of entriesOf(bucket, wanted)) {
    const version = isFolder ? undefined : bucket.visible(name);
    if (version === undefined && !isFolder) continue;
    if (files.length === wanted.count) return { files, nextFileName: name };
    files.push(version === undefined ? folderJson(bucket, name) : fileJson(version));
  }
  return { files, nextFileName: null };
}

/** The answer of b2_list_file_versions: every version, markers too, the newest of a name first. */
export function listFileVersions(bucket: Bucket, request: ListRequest): Record<string, unknown> {
  const wanted = readRequest(request);
  const startId = typeof request.startFileId === "string" ? request.startFileId : undefined;
  const files: Record<string, unknown>[] = [];
  for (const { name, isFolder } of entriesOf(bucket, wanted)) {
    const versions = isFolder ? [undefined] : from(bucket.versions(name), name, wanted, startId);
    for (const version of versions) {
      if (files.length === wanted.count) {
        return { files, nextFileName: name, nextFileId: version?.fileId ?? null };
      }
      files.push(version === undefined ? folderJson(bucket, name) : fileJson(version));
    }
  }
  return { files, nextFileName: null, nextFileId: null };
}

function from(
  versions: readonly FileVersion[],
  name: string,
  wanted: Wanted,
  startId: string | undefined,
): readonly FileVersion[] {
  if (startId === undefined || name !== wanted.start) return versions;
  const at = versions.findIndex((version) => version.fileId === startId);
  if (at < 0) throw new Refusal(400, "invalid_file_id", `Invalid startFileId: ${startId}`);
  return versions.slice(at);
}

function* entriesOf(
  bucket: Bucket,
  wanted: Wanted,
): Generator<{ readonly name: string; readonly isFolder: boolean }> {
  let lastFolder: string | undefined;
  const names = bucket.names();
  for (let at = firstFrom(names, wanted.start); at < names.length; at++) {
    const name = names[at] ?? "";
    if (!name.startsWith(wanted.prefix)) continue;
    const end = wanted.delimiter ? name.indexOf(wanted.delimiter, wanted.prefix.length) : -1;
    if (end < 0) {
      yield { name, isFolder: false };
      continue;
    }
    const folder = name.slice(0, end + wanted.delimiter.length);
    if (folder === lastFolder || bucket.visible(name) === undefined) continue;
    lastFolder = folder;
    yield { name: folder, isFolder: true };
  }
}

/** Where in the sorted names to begin, by bisection: paging through many thousands would take the square of them. */
function firstFrom(names: readonly string[], start: string): number {
  const wanted = Buffer.from(start);
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(Buffer.from(names[middle] ?? ""), wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function readRequest(request: ListRequest): Wanted {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const count = request.maxFileCount ?? 100;
  if (typeof count !== "number" || !Number.isInteger(count)) throw badRequest("maxFileCount");
  if (count < 1 || count > 10_000) {
    throw new Refusal(400, "out_of_range", `maxFileCount out of range: ${count}`);
  }
  return {
    start: text(request.startFileName),
    count,
    prefix: text(request.prefix),
    delimiter: text(request.delimiter),
  };
}

function folderJson(bucket: Bucket, fileName: string): Record<string, unknown> {
  const { bucketId } = bucket;
  const nothing = { contentSha1: null, contentType: null, fileId: null, fileInfo: {} };
  return {
    accountId: "account",
    action: "folder",
    bucketId,
    contentLength: 0,
    fileName,
    size: 0,
    uploadTimestamp: 0,
    ...nothing,
  };
}
