import { Fields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { encodeExtra, encodeJson, parseJsonBytes, quoteJson } from "./json.ts";

/** What a backup did, as recorded in its snapshot. Times are RFC 3339, sizes bytes, all else counts. */
export interface SnapshotSummary {
  backupStart: string;
  backupEnd: string;
  filesNew: number;
  filesChanged: number;
  filesUnmodified: number;
  dirsNew: number;
  dirsChanged: number;
  dirsUnmodified: number;
  dataBlobs: number;
  treeBlobs: number;
  /** Plain bytes of new blobs. */
  dataAdded: number;
  /** Bytes that new blobs take in packs. */
  dataAddedPacked: number;
  totalFilesProcessed: number;
  totalBytesProcessed: number;
  extra: JsonObject;
}

/** The counts in a summary. */
export type SummaryCounts = Omit<SnapshotSummary, "backupStart" | "backupEnd" | "extra">;

/** Those of a backup that has done nothing. */
export const NO_COUNTS: Readonly<SummaryCounts> = {
  filesNew: 0,
  filesChanged: 0,
  filesUnmodified: 0,
  dirsNew: 0,
  dirsChanged: 0,
  dirsUnmodified: 0,
  dataBlobs: 0,
  treeBlobs: 0,
  dataAdded: 0,
  dataAddedPacked: 0,
  totalFilesProcessed: 0,
  totalBytesProcessed: 0,
};

/** One backup: its root tree and where it came from (format section 9). Ids are 64 hex digits. */
export interface Snapshot {
  /** RFC 3339 with the offset of the machine, which decides the calendar day that `forget` counts. */
  time: string;
  parent?: string | undefined;
  tree: string;
  paths: string[];
  hostname: string;
  username: string;
  uid: number;
  gid: number;
  excludes: string[];
  tags: string[];
  /** The snapshot that this one was first made from, by tag, rewrite or copy. */
  original?: string | undefined;
  programVersion: string;
  summary?: SnapshotSummary | undefined;
  /** Unknown fields, such as rustic's `label`; written back after the known ones. */
  extra: JsonObject;
}

const COUNTS = [
  ["files_new", "filesNew"],
  ["files_changed", "filesChanged"],
  ["files_unmodified", "filesUnmodified"],
  ["dirs_new", "dirsNew"],
  ["dirs_changed", "dirsChanged"],
  ["dirs_unmodified", "dirsUnmodified"],
  ["data_blobs", "dataBlobs"],
  ["tree_blobs", "treeBlobs"],
  ["data_added", "dataAdded"],
  ["data_added_packed", "dataAddedPacked"],
  ["total_files_processed", "totalFilesProcessed"],
  ["total_bytes_processed", "totalBytesProcessed"],
] as const;

/** The JSON of a snapshot in restic's field order, without a newline; what Go omits when empty is left out. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array<ArrayBuffer> {
  const members = [
    `"time":${quoteJson(snapshot.time)}`,
    snapshot.parent === undefined ? "" : `"parent":"${snapshot.parent}"`,
    `"tree":"${snapshot.tree}"`,
    `"paths":${encodeJson(snapshot.paths)}`,
    snapshot.hostname === "" ? "" : `"hostname":${quoteJson(snapshot.hostname)}`,
    snapshot.username === "" ? "" : `"username":${quoteJson(snapshot.username)}`,
    snapshot.uid === 0 ? "" : `"uid":${snapshot.uid}`,
    snapshot.gid === 0 ? "" : `"gid":${snapshot.gid}`,
    snapshot.excludes.length === 0 ? "" : `"excludes":${encodeJson(snapshot.excludes)}`,
    snapshot.tags.length === 0 ? "" : `"tags":${encodeJson(snapshot.tags)}`,
    snapshot.original === undefined ? "" : `"original":"${snapshot.original}"`,
    snapshot.programVersion === "" ? "" : `"program_version":${quoteJson(snapshot.programVersion)}`,
    snapshot.summary === undefined ? "" : `"summary":${encodeSummary(snapshot.summary)}`,
  ].filter((member) => member !== "");
  return new TextEncoder().encode(`{${members.join(",")}${encodeExtra(snapshot.extra)}}`);
}

function encodeSummary(summary: SnapshotSummary): string {
  const times = `"backup_start":${quoteJson(summary.backupStart)},"backup_end":${quoteJson(summary.backupEnd)}`;
  const counts = COUNTS.map(([field, name]) => `,"${field}":${summary[name]}`).join("");
  return `{${times}${counts}${encodeExtra(summary.extra)}}`;
}

/** @throws {TsbakError} `corrupt` if it is not JSON, has no time or tree, or a field is malformed. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const fields = new Fields(parseJsonBytes(bytes, "snapshot"), "snapshot");
  const time = fields.requiredTime("time");
  const parent = fields.optionalId("parent");
  const original = fields.optionalId("original");
  const summary = fields.object("summary");
  return {
    time,
    ...(parent === undefined ? {} : { parent }),
    tree: fields.requiredId("tree"),
    paths: fields.strings("paths"),
    hostname: fields.string("hostname"),
    username: fields.string("username"),
    uid: fields.uint32("uid"),
    gid: fields.uint32("gid"),
    excludes: fields.strings("excludes"),
    tags: fields.strings("tags"),
    ...(original === undefined ? {} : { original }),
    programVersion: fields.string("program_version"),
    ...(summary === undefined ? {} : { summary: decodeSummary(summary) }),
    extra: fields.rest(),
  };
}

function decodeSummary(object: JsonObject): SnapshotSummary {
  const fields = new Fields(object, "snapshot summary");
  const backupStart = fields.requiredTime("backup_start");
  const backupEnd = fields.requiredTime("backup_end");
  const counts = Object.fromEntries(
    COUNTS.map(([field, name]) => [name, fields.uint(field)]),
  ) as SummaryCounts;
  return { backupStart, backupEnd, ...counts, extra: fields.rest() };
}
