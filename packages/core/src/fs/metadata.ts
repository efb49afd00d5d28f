import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  openSync,
  utimesSync,
} from "node:fs";

import { TsbakError } from "../errors.ts";
import type { ExtendedAttribute } from "../format/node.ts";
import type { AttributeTarget } from "./attribute-calls.ts";
import type { AttributeTest } from "./attribute-rule.ts";
import { nodePath, printablePath } from "./path.ts";
import { loadPosix } from "./posix.ts";
import type { Posix, TimeSpec } from "./posix.ts";
import { REFUSED } from "./refusals.ts";
import { restoreAttributes, type AttributeOutcome } from "./restore-attributes.ts";

/** What a restored entry gets after its contents. */
export interface EntryMetadata {
  readonly uid: number;
  readonly gid: number;
  /** `st_mode`; only permissions, setuid, setgid and sticky are used. */
  readonly mode: number;
  readonly atime: TimeSpec;
  readonly mtime: TimeSpec;
  /** All extended attributes that the entry shall have; without the list they are left as they are. */
  readonly attributes?: readonly ExtendedAttribute[] | undefined;
}

/** open(2): a handle on the entry itself, without the right or the side effects of opening it. Linux only. */
const O_PATH = 0o10000000;
const SET_ID_BITS = 0o6000;

/**
 * Gives entries their owner, extended attributes, mode and times, in this order: chown clears setuid, setgid and capabilities,
 * and a mode may take the right to set attributes. The calls return what the system refused, as bits of `REFUSED`.
 *
 * Who is not root may not give files away: the system's refusal is ignored, as in restic, but then setuid and setgid
 * are left out, because they would lend the rights of somebody else than was meant.
 */
export class MetadataSetter {
  readonly #posix: Posix | undefined;
  readonly #isRoot = process.geteuid?.() === 0;

  readonly #isWanted: AttributeTest | undefined;

  /**
   * `posix` is what this machine has unless given; null for what Node alone can do. Extended attributes that `isWanted` refuses are
   * left as they are.
   */
  constructor(posix: Posix | null = loadPosix() ?? null, isWanted?: AttributeTest) {
    this.#posix = posix ?? undefined;
    this.#isWanted = isWanted;
  }

  /** False if times lose what is below a microsecond. */
  get keepsNanoseconds(): boolean {
    return this.#posix !== undefined;
  }

  /** The cheapest way, for a file that was just written. The descriptor stays open. Owner and mode may be right already. */
  setByDescriptor(fd: number, metadata: EntryMetadata, isRight = false): number {
    const owned = isRight
      ? undefined
      : this.#chown(metadata, () => fchownSync(fd, metadata.uid, metadata.gid));
    const outcome = metadata.attributes && this.#setAttributes({ fd }, metadata.attributes);
    if (owned !== undefined) fchmodSync(fd, owned.mode);
    if (this.#posix !== undefined) {
      this.#posix.setDescriptorTimes(fd, metadata.atime, metadata.mtime);
    } else {
      futimesSync(fd, approximate(metadata.atime), approximate(metadata.mtime));
    }
    return (owned?.refused ?? 0) | refusalOf(outcome);
  }

  /** For a symlink, which has no mode of its own. `path` must not be led elsewhere by its parents. */
  setSymlink(path: Uint8Array, metadata: EntryMetadata): number {
    const owned = this.#chown(metadata, () =>
      lchownSync(nodePath(path), metadata.uid, metadata.gid),
    );
    const target = { path, follow: false };
    const outcome = metadata.attributes && this.#setAttributes(target, metadata.attributes);
    this.#setTimes(path, metadata, false);
    return owned.refused | refusalOf(outcome);
  }

  /**
   * For anything but a symlink. With `useProc` the entry is held while it is changed, so that a symlink put in its
   * place is never followed.
   */
  setEntry(path: Uint8Array, metadata: EntryMetadata, useProc: boolean): number {
    if (!useProc) {
      if (lstatSync(nodePath(path)).isSymbolicLink()) throw isSymlink(path);
      return this.#setByPath(path, metadata);
    }
    const fd = openSync(nodePath(path), O_PATH | constants.O_NOFOLLOW);
    try {
      if (fstatSync(fd).isSymbolicLink()) throw isSymlink(path);
      return this.#setByPath(Buffer.from(`/proc/self/fd/${fd}`), metadata);
    } finally {
      closeSync(fd);
    }
  }

  #setByPath(path: Uint8Array, metadata: EntryMetadata): number {
    const owned = this.#chown(metadata, () =>
      chownSync(nodePath(path), metadata.uid, metadata.gid),
    );
    const target = { path, follow: true };
    const outcome = metadata.attributes && this.#setAttributes(target, metadata.attributes);
    chmodSync(nodePath(path), owned.mode);
    this.#setTimes(path, metadata, true);
    return owned.refused | refusalOf(outcome);
  }

  #setAttributes(
    target: AttributeTarget,
    attributes: readonly ExtendedAttribute[],
  ): AttributeOutcome {
    if (this.#posix !== undefined) {
      const { attributes: calls } = this.#posix;
      return restoreAttributes(calls, target, attributes, this.#isRoot, this.#isWanted);
    }
    return attributes.length === 0 ? "kept" : "refused";
  }

  /** What was refused, and the mode that the entry may have after this. */
  #chown(metadata: EntryMetadata, change: () => void): { refused: number; mode: number } {
    const mode = metadata.mode & 0o7777;
    try {
      change();
      return { refused: 0, mode };
    } catch (error) {
      if (this.#isRoot || !isRefusal(error)) throw error;
      return { refused: REFUSED.owner, mode: mode & ~SET_ID_BITS };
    }
  }

  #setTimes(path: Uint8Array, { atime, mtime }: EntryMetadata, followSymlink: boolean): void {
    if (this.#posix !== undefined) this.#posix.setTimes(path, atime, mtime, followSymlink);
    else if (followSymlink) utimesSync(nodePath(path), approximate(atime), approximate(mtime));
    else lutimesSync(nodePath(path), approximate(atime), approximate(mtime));
  }
}

/** A failure is thrown last, so that it costs the entry nothing else. */
function refusalOf(outcome: AttributeOutcome | undefined): number {
  if (outcome instanceof Error) throw outcome;
  return outcome === "refused" ? REFUSED.attributes : 0;
}

/** As text, because Node takes a negative number for "now" but a negative text for what it says. */
function approximate(time: TimeSpec): string {
  return String(time.seconds + time.nanoseconds / 1e9);
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPERM";
}

function isSymlink(path: Uint8Array): TsbakError {
  return new TsbakError(
    "denied",
    `Cannot set the metadata of "${printablePath(path)}": a symlink was put in its place`,
  );
}
