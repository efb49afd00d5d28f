import { toBase64 } from "./base64.ts";
import { Fields } from "./fields.ts";
import { codePointAt, quoteName, unquoteName } from "./go-quote.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { encodeExtra, encodeMembers, quoteJson } from "./json.ts";
import { ZERO_TIME } from "./time.ts";

/** An extended attribute. `null` and an empty value are different, and both occur. */
export interface ExtendedAttribute {
  name: string;
  value: Uint8Array | null;
}

/** One entry of a tree: a file, directory or other thing with its metadata (format section 8). */
export interface Node {
  /** Raw bytes as the operating system gave them. */
  name: Uint8Array;
  /** `file`, `dir`, `symlink`, `dev`, `chardev`, `fifo`, `socket`, `irregular`, or what another program wrote. */
  type: string;
  /** Go's `FileMode`, unsigned 32 bits: bit 31 is "directory", setuid is bit 23. Not `st_mode`. */
  mode: number;
  /** RFC 3339 text, exactly as stored; so are the other times. */
  mtime: string;
  atime: string;
  ctime: string;
  uid: number;
  gid: number;
  user: string;
  group: string;
  inode: bigint;
  deviceId: bigint;
  size: number;
  /** 0 if not recorded, as for directories. */
  links: number;
  /** Raw bytes, `undefined` if empty. */
  linkTarget: Uint8Array | undefined;
  extendedAttributes: ExtendedAttribute[];
  /** Attributes of Windows, and ours (`fs/own-attributes.ts`), verbatim. */
  genericAttributes: JsonObject | undefined;
  /** Device number of a device file. */
  device: bigint;
  /** Ids of the data blobs of a file, in order; `null` if there is no list, which is right for everything but a file. */
  content: string[] | null;
  /** Id of a directory's tree. */
  subtree: string | undefined;
  /** Written by old versions of restic only. */
  error: string;
  /** Unknown fields, written back after the known ones. */
  extra: JsonObject;
}

/** What is known of a node before its contents are stored. */
export type NodeHead = Omit<Node, "content" | "subtree" | "error" | "extra">;

/** The JSON of a node from its opening brace up to, and with, the comma before `"content"`. */
export function encodeNodeHead(node: NodeHead): string {
  const mode = node.mode === 0 ? "" : `"mode":${node.mode},`;
  const user = node.user === "" ? "" : `"user":${quoteJson(node.user)},`;
  const group = node.group === "" ? "" : `"group":${quoteJson(node.group)},`;
  const inode = node.inode === 0n ? "" : `"inode":${node.inode},`;
  const deviceId = node.deviceId === 0n ? "" : `"device_id":${node.deviceId},`;
  const size = node.size === 0 ? "" : `"size":${node.size},`;
  const links = node.links === 0 ? "" : `"links":${node.links},`;
  const target = node.linkTarget === undefined ? "" : encodeLinkTarget(node.linkTarget);
  const attributes =
    node.extendedAttributes.length === 0 ? "" : encodeAttributes(node.extendedAttributes);
  const generic = encodeGenericAttributes(node.genericAttributes);
  const device = node.device === 0n ? "" : `"device":${node.device},`;
  return (
    `{"name":"${quoteName(node.name)}","type":${quoteJson(node.type)},${mode}` +
    `"mtime":"${node.mtime}","atime":"${node.atime}","ctime":"${node.ctime}","uid":${node.uid},"gid":${node.gid},` +
    user +
    group +
    inode +
    deviceId +
    size +
    links +
    target +
    attributes +
    generic +
    device
  );
}

/** The rest of the JSON of a node: its contents and the closing brace. */
export function encodeNodeTail(
  content: readonly string[] | null,
  subtree?: string,
  error?: string,
): string {
  const list =
    content === null ? "null" : content.length === 0 ? "[]" : `["${content.join('","')}"]`;
  const tree = subtree === undefined ? "" : `,"subtree":"${subtree}"`;
  const failure = error === undefined || error === "" ? "" : `,"error":${quoteJson(error)}`;
  return `"content":${list}${tree}${failure}}`;
}

/** The JSON of a node as restic writes it, followed by its unknown fields. */
export function encodeNode(node: Node): string {
  const extra = encodeExtra(node.extra);
  const tail = encodeNodeTail(node.content, node.subtree, node.error);
  return encodeNodeHead(node) + (extra === "" ? tail : `${tail.slice(0, -1)}${extra}}`);
}

function encodeLinkTarget(target: Uint8Array): string {
  if (target.length === 0) return "";
  let text = "";
  let isValid = true;
  for (let at = 0; at < target.length;) {
    const codePoint = codePointAt(target, at);
    isValid &&= codePoint >= 0;
    // A lone surrogate is what quoteJson turns into Go's \ufffd, one for each invalid byte.
    text += codePoint < 0 ? "\ud800" : String.fromCodePoint(codePoint);
    at += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
  }
  return `"linktarget":${quoteJson(text)},${isValid ? "" : `"linktarget_raw":"${toBase64(target)}",`}`;
}

function encodeAttributes(attributes: readonly ExtendedAttribute[]): string {
  const texts = attributes.map(({ name, value }) => {
    return `{"name":${quoteJson(name)},"value":${value === null ? "null" : `"${toBase64(value)}"`}}`;
  });
  return `"extended_attributes":[${texts.join(",")}],`;
}

/** The field of a node with the comma after it; "" if there are none. Go writes maps with sorted keys, by bytes. */
export function encodeGenericAttributes(attributes: JsonObject | undefined): string {
  if (attributes === undefined) return "";
  const keys = Object.keys(attributes).sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  if (keys.length === 0) return "";
  const sorted = Object.fromEntries(keys.map((key) => [key, attributes[key] ?? null]));
  return `"generic_attributes":{${encodeMembers(sorted)}},`;
}

/**
 * A node from parsed JSON of any form, with Go's zero values for missing fields.
 *
 * @throws {TsbakError} `corrupt` if a field is malformed, or a size or link count exceeds 2^53.
 */
export function decodeNode(value: JsonValue): Node {
  const fields = new Fields(value, "tree");
  const raw = fields.optionalBytes("linktarget_raw");
  const target = fields.string("linktarget");
  return {
    name: unquoteName(fields.string("name")),
    type: fields.string("type"),
    mode: fields.uint32("mode"),
    mtime: fields.optionalTime("mtime") ?? ZERO_TIME,
    atime: fields.optionalTime("atime") ?? ZERO_TIME,
    ctime: fields.optionalTime("ctime") ?? ZERO_TIME,
    uid: fields.uint32("uid"),
    gid: fields.uint32("gid"),
    user: fields.string("user"),
    group: fields.string("group"),
    inode: fields.uint64("inode"),
    deviceId: fields.uint64("device_id"),
    size: fields.uint("size"),
    links: fields.uint("links"),
    linkTarget: raw ?? (target === "" ? undefined : new TextEncoder().encode(target)),
    extendedAttributes: (fields.array("extended_attributes") ?? []).map(decodeAttribute),
    genericAttributes: fields.object("generic_attributes"),
    device: fields.uint64("device"),
    content: fields.ids("content"),
    subtree: fields.optionalId("subtree"),
    error: fields.string("error"),
    extra: fields.rest(),
  };
}

function decodeAttribute(value: JsonValue): ExtendedAttribute {
  const fields = new Fields(value, "tree");
  return { name: fields.string("name"), value: fields.optionalBytes("value") ?? null };
}
