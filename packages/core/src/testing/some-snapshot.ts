import { randomBytes } from "node:crypto";

import { toHex } from "../bytes/hex.ts";
import { NO_COUNTS, type Snapshot } from "../format/snapshot.ts";
import type { SnapshotEntry } from "../repository/snapshots.ts";

/** What a test says of a snapshot; the rest is the same for all. */
export interface SnapshotWish extends Partial<Snapshot> {
  readonly modifiedMs?: number;
  /** Of its summary. */
  readonly files?: number;
  readonly bytes?: number;
}

/** A snapshot of nothing that lies nowhere, with an id that no other has. */
export function someSnapshot({ modifiedMs, files, bytes, ...wish }: SnapshotWish): SnapshotEntry {
  const time = wish.time ?? "2026-01-01T00:00:00Z";
  const summary =
    files === undefined && bytes === undefined ? {} : { summary: someSummary(time, files, bytes) };
  const snapshot: Snapshot = {
    time,
    tree: "1".repeat(64),
    paths: ["/home"],
    hostname: "host",
    username: "user",
    uid: 0,
    gid: 0,
    excludes: [],
    tags: [],
    programVersion: "test",
    extra: {},
    ...summary,
    ...wish,
  };
  const entry = { id: toHex(randomBytes(32)), snapshot };
  return modifiedMs === undefined ? entry : { ...entry, modifiedMs };
}

function someSummary(time: string, files = 0, bytes = 0): NonNullable<Snapshot["summary"]> {
  return {
    backupStart: time,
    backupEnd: time,
    ...NO_COUNTS,
    filesUnmodified: files,
    totalFilesProcessed: files,
    totalBytesProcessed: bytes,
    extra: {},
  };
}
