import { printablePath } from "../fs/path.ts";
import { REFUSED } from "../fs/refusals.ts";

/** What a restore tells while it runs. Paths are those inside the snapshot, made printable. Sizes in bytes. */
export type RestoreNotice =
  /** At most ten times a second. */
  | ({ readonly kind: "progress"; readonly current: string } & RestoreState)
  /** Only with the option `reportItems`: what was done about an entry, or would be. The path of a deleted one begins at the root. */
  | {
      readonly kind: "item";
      readonly action: "restored" | "updated" | "unchanged" | "deleted";
      /** `link`: a further name of a file. */
      readonly type: "file" | "link" | "dir" | "other";
      readonly path: string;
      readonly size: number;
    }
  /** An entry could not be restored, or not as it was. */
  | { readonly kind: "error"; readonly path: string; readonly message: string }
  /** Something about the restore as a whole, such as what this user or machine cannot restore. */
  | { readonly kind: "warning"; readonly message: string };

/** What a restore counted. */
export interface RestoreCounts {
  /** Files restored, hard links among them. */
  files: number;
  directories: number;
  /** Symlinks, devices and fifos. */
  others: number;
  /** Bytes of the contents of restored files, whether they were fetched or found in their place. */
  bytes: number;
  /** Files and other entries that were as they should be, or were to be left alone; directories never are. */
  unchanged: number;
  /** Bytes of their contents. */
  unchangedBytes: number;
  /** Entries deleted that the snapshot does not have. */
  deleted: number;
  /** Entries left out on purpose: sockets. */
  skipped: number;
  /** Entries that could not be restored, or not as they were. */
  errors: number;
}

/** How far a restore has come. The totals are there once the trees have been read. */
export interface RestoreState {
  readonly filesDone: number;
  readonly bytesDone: number;
  readonly unchanged: number;
  readonly unchangedBytes: number;
  readonly deleted: number;
  readonly errors: number;
  readonly totalFiles: number | undefined;
  readonly totalBytes: number | undefined;
}

type ItemAction = Extract<RestoreNotice, { kind: "item" }>["action"];
type EntryType = Extract<RestoreNotice, { kind: "item" }>["type"];

const INTERVAL_MS = 100;

/** Counts what a restore does and tells whoever listens. */
export class RestoreProgress {
  readonly counts: RestoreCounts = {
    files: 0,
    directories: 0,
    others: 0,
    bytes: 0,
    unchanged: 0,
    unchangedBytes: 0,
    deleted: 0,
    skipped: 0,
    errors: 0,
  };
  readonly #onEvent: ((notice: RestoreNotice) => void) | undefined;
  readonly #reportItems: boolean;
  #totals: { readonly files: number; readonly bytes: number } | undefined;
  #lastNotice = 0;
  /** Entries that did not get what they should have. */
  #owners = 0;
  #attributes = 0;
  #flags = 0;
  #devices = 0;
  #firstDevice: Uint8Array | undefined;

  constructor(onEvent: ((notice: RestoreNotice) => void) | undefined, reportItems: boolean) {
    this.#onEvent = onEvent;
    this.#reportItems = reportItems;
  }

  setTotals(totals: { readonly files: number; readonly bytes: number }): void {
    this.#totals = totals;
  }

  /** Contents of files have been written. */
  wrote(bytes: number): void {
    this.counts.bytes += bytes;
  }

  /** An entry is in its place. `path` is asked for only if somebody wants to know. `isUpdate`: it replaced one of its kind. */
  done(type: EntryType, size: number, path: () => Uint8Array, isUpdate = false): void {
    if (type === "file" || type === "link") this.counts.files++;
    else if (type === "dir") this.counts.directories++;
    else this.counts.others++;
    this.#tell(isUpdate ? "updated" : "restored", type, size, path);
  }

  /** An entry is as it should be but for its metadata, or is to be left alone. */
  unchanged(type: EntryType, size: number, path: () => Uint8Array): void {
    this.counts.unchanged++;
    this.counts.unchangedBytes += size;
    this.#tell("unchanged", type, size, path);
  }

  /** An entry of the target that is not in the snapshot is gone. `path` begins at the root of the file system. */
  deleted(path: () => Uint8Array): void {
    this.counts.deleted++;
    this.#tell("deleted", "other", 0, path);
  }

  #tell(action: ItemAction, type: EntryType, size: number, path: () => Uint8Array): void {
    if (this.#onEvent === undefined) return;
    if (this.#reportItems) {
      this.#onEvent({ kind: "item", action, type, path: printablePath(path()), size });
    }
    this.lookingAt(path);
  }

  /** Something is being read or written at a path. */
  lookingAt(path: () => Uint8Array): void {
    const now = Date.now();
    if (this.#onEvent === undefined || now - this.#lastNotice < INTERVAL_MS) return;
    this.#lastNotice = now;
    this.#onEvent({
      kind: "progress",
      current: printablePath(path()),
      filesDone: this.counts.files,
      bytesDone: this.counts.bytes,
      unchanged: this.counts.unchanged,
      unchangedBytes: this.counts.unchangedBytes,
      deleted: this.counts.deleted,
      errors: this.counts.errors,
      totalFiles: this.#totals?.files,
      totalBytes: this.#totals?.bytes,
    });
  }

  error(path: Uint8Array, message: string): void {
    this.counts.errors++;
    this.#onEvent?.({ kind: "error", path: printablePath(path), message });
  }

  /** What the system refused to give an entry, as bits of `REFUSED`. Not an error: this user or machine cannot have it. */
  refused(bits: number): void {
    if ((bits & REFUSED.owner) !== 0) this.#owners++;
    if ((bits & REFUSED.attributes) !== 0) this.#attributes++;
    if ((bits & REFUSED.flags) !== 0) this.#flags++;
  }

  /** A device that this user may not make: an error, but a folder like `/dev` has too many of them to name each. */
  deviceRefused(path: Uint8Array): void {
    this.counts.errors++;
    this.#firstDevice ??= path;
    this.#devices++;
  }

  /** Sum up what was refused: one line of each kind. To be called at the end. */
  tellRefusals(): void {
    const [owners, attributes, devices] = [this.#owners, this.#attributes, this.#devices];
    if (owners > 0) {
      this.warning(
        `the owner of ${countOf(owners)} is not restored: this user cannot give files away`,
      );
    }
    if (attributes > 0) {
      this.warning(
        `some extended attributes of ${countOf(attributes)} are not restored: this user, system or file system cannot set them`,
      );
    }
    if (this.#flags > 0) {
      this.warning(
        `the inode flags of ${countOf(this.#flags)} are not restored: this user, system or file system cannot set them`,
      );
    }
    if (this.#firstDevice === undefined) return;
    const others = devices === 1 ? "" : `, and with it ${devices - 1} more`;
    const message = `this device is not restored${others}: this user cannot make devices`;
    this.#onEvent?.({ kind: "error", path: printablePath(this.#firstDevice), message });
  }

  warning(message: string): void {
    this.#onEvent?.({ kind: "warning", message });
  }
}

function countOf(entries: number): string {
  return entries === 1 ? "1 entry" : `${entries} entries`;
}
