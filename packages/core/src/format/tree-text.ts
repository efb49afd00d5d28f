/**
 * The pieces of text between the values of a tree, in the order in which Go writes them (restic format, section 8).
 *
 * @module
 */
import { ascii } from "./byte-scan.ts";

export const START: Uint8Array = ascii('{"nodes":[');
export const END: Uint8Array = ascii("]}");
export const NAME: Uint8Array = ascii('{"name":"');
export const TYPE: Uint8Array = ascii(',"type":"');
export const MODE: Uint8Array = ascii(',"mode":');
export const MTIME: Uint8Array = ascii(',"mtime":"');
export const ATIME: Uint8Array = ascii(',"atime":"');
export const CTIME: Uint8Array = ascii(',"ctime":"');
export const UID: Uint8Array = ascii(',"uid":');
export const GID: Uint8Array = ascii(',"gid":');
export const USER: Uint8Array = ascii(',"user":"');
export const GROUP: Uint8Array = ascii(',"group":"');
export const INODE: Uint8Array = ascii(',"inode":');
export const DEVICE_ID: Uint8Array = ascii(',"device_id":');
export const SIZE: Uint8Array = ascii(',"size":');
export const LINKS: Uint8Array = ascii(',"links":');
export const LINK_TARGET: Uint8Array = ascii(',"linktarget":"');
export const DEVICE: Uint8Array = ascii(',"device":');
export const CONTENT: Uint8Array = ascii(',"content":');
export const NULL: Uint8Array = ascii("null");
export const SUBTREE: Uint8Array = ascii(',"subtree":"');
