import type { NodeHead } from "./node.ts";

/**
 * The head of a node of which nothing else is known, because no entry of a file system stands behind it: of the superuser, without
 * inode or links. `name` is raw bytes, `mode` Go's, and `time` RFC 3339 text that serves for all three times.
 */
export function bareNodeHead(
  known: Pick<NodeHead, "name" | "type" | "mode">,
  time: string,
): NodeHead {
  return {
    ...known,
    mtime: time,
    atime: time,
    ctime: time,
    uid: 0,
    gid: 0,
    user: "",
    group: "",
    inode: 0n,
    deviceId: 0n,
    size: 0,
    links: 0,
    linkTarget: undefined,
    extendedAttributes: [],
    genericAttributes: undefined,
    device: 0n,
  };
}
