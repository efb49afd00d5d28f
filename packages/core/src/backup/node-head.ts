import type { NodeHead } from "../format/node.ts";
import { formatTime } from "../format/time.ts";
import { goMode, nodeType } from "../fs/mode.ts";
import { readOwnAttributes, type OwnAttributesWish } from "../fs/own-attributes.ts";
import type { OwnerNames } from "../fs/owners.ts";
import { readLink } from "../fs/source-file.ts";
import type { FileStat } from "../fs/stat.ts";
import { localOffsetSeconds } from "../fs/zone.ts";

/** What backup was asked to record beside the usual. */
export interface MetadataOptions extends OwnAttributesWish {
  /** Keep access times; otherwise they are written as modification times, so that reading changes no tree. */
  readonly withAtime: boolean;
  readonly owners: OwnerNames;
}

/**
 * A node's metadata as restic records it (restic format, section 8): sizes of files only, link counts of everything but
 * directories, fifos and sockets.
 *
 * @throws the error of the operating system if a symbolic link or what else is wanted cannot be read.
 */
export function createNodeHead(
  name: Uint8Array,
  path: Uint8Array,
  stat: FileStat,
  options: MetadataOptions,
): NodeHead {
  const type = nodeType(stat.mode);
  const mtime = localTime(stat.mtimeSeconds, stat.mtimeNanoseconds);
  const isDevice = type === "dev" || type === "chardev";
  return {
    name,
    type,
    mode: goMode(stat.mode),
    mtime,
    atime: options.withAtime ? localTime(stat.atimeSeconds, stat.atimeNanoseconds) : mtime,
    ctime: localTime(stat.ctimeSeconds, stat.ctimeNanoseconds),
    uid: stat.uid,
    gid: stat.gid,
    user: options.owners.user(stat.uid),
    group: options.owners.group(stat.gid),
    inode: stat.inode,
    deviceId: stat.deviceId,
    size: type === "file" ? stat.size : 0,
    links: type === "file" || type === "symlink" || isDevice ? stat.links : 0,
    linkTarget: type === "symlink" ? readLink(path) : undefined,
    extendedAttributes: [],
    genericAttributes: readOwnAttributes(path, stat.inode, options),
    device: isDevice ? stat.rdev : 0n,
  };
}

function localTime(seconds: number, nanoseconds: number): string {
  return formatTime({ seconds, nanoseconds, offsetSeconds: localOffsetSeconds(seconds) });
}
