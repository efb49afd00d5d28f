/** A moment: `seconds` since 1970 may be negative, nanoseconds are 0 to 999,999,999. */
export interface ArchiveTime {
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Of the place where it was recorded, east of UTC: for formats that know only clocks on walls. */
  readonly offsetSeconds: number;
}

/** An extended attribute; ACLs have the names and binary values of Linux. */
export interface ArchiveAttribute {
  readonly name: string;
  readonly value: Uint8Array;
}

/** What can be in an archive. */
export type ArchiveKind = "file" | "dir" | "symlink" | "dev" | "chardev" | "fifo";

/** One entry of an archive, as a format that knows everything could hold it. */
export interface ArchiveEntry {
  /** Raw bytes, relative, without a slash at the end. */
  readonly path: Uint8Array;
  readonly kind: ArchiveKind;
  /** `st_mode`, with the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** "" if unknown; so is the group. */
  readonly user: string;
  readonly group: string;
  /** Of a file, in bytes: exactly what its contents will have. Else 0. */
  readonly size: number;
  readonly mtime: ArchiveTime;
  readonly atime: ArchiveTime;
  readonly linkTarget: Uint8Array;
  readonly device: { readonly major: number; readonly minor: number };
  readonly attributes: readonly ArchiveAttribute[];
}

/** An entry and the contents of a file, which must be taken before the next entry is asked for. */
export interface ArchiveItem {
  readonly entry: ArchiveEntry;
  readonly contents: AsyncIterable<Uint8Array>;
}
