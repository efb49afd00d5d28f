import { quoteJson } from "../format/json.ts";
import { quoteName } from "../format/go-quote.ts";
import { encodeGenericAttributes } from "../format/node.ts";
import { formatTime } from "../format/time.ts";
import { goMode } from "../fs/mode.ts";
import { ownAttributes, type OwnAttributesWish } from "../fs/own-attributes.ts";
import type { OwnerNames } from "../fs/owners.ts";
import { deviceNumber, LITTLE, STATX, type StatxBuffer, wideNumber } from "../fs/statx.ts";
import { localOffsetSeconds } from "../fs/zone.ts";
import type { SharedIndexView } from "../repository/shared-index.ts";
import { TextCursor } from "./text-cursor.ts";

/** What matching takes. */
export interface MatcherParts extends OwnAttributesWish {
  readonly index: SharedIndexView;
  readonly owners: OwnerNames;
  readonly withAtime: boolean;
}

/** Types of which there are many; a directory with another one is compared in the usual way. */
const KINDS: readonly (EntryKind | undefined)[] = Array.from({ length: 16 }, (_, bits) =>
  bits === 0o10
    ? entryKind("file")
    : bits === 0o04
      ? entryKind("dir")
      : bits === 0o12
        ? entryKind("symlink")
        : undefined,
);

interface EntryKind {
  readonly name: "file" | "dir" | "symlink";
  /** What stands between a name and a mode. */
  readonly text: Uint8Array;
}

function entryKind(name: EntryKind["name"]): EntryKind {
  return { name, text: ascii(`","type":"${name}","mode":`) };
}

const NAME = ascii('{"name":"');
const MTIME = ascii(',"mtime":"');
const ATIME = ascii('","atime":"');
const CTIME = ascii('","ctime":"');
const AFTER_TIMES = ascii('",');
const INODE = ascii('"inode":');
const SIZE = ascii('"size":');
const LINKS = ascii('"links":');
const LINK_TARGET = ascii('"linktarget":"');
const ATTRIBUTES = ascii('"extended_attributes":[');
const AFTER_LIST = ascii("],");
const NO_CONTENT = ascii('"content":null');
const CONTENT = ascii('"content":[');
const SUBTREE = ascii(',"subtree":"');
const COMMA = ascii(",");
const [QUOTE, BACKSLASH, CLOSE_BRACKET] = [0x22, 0x5c, 0x5d];

const TIMES_KEPT = 256;

/**
 * Compares entries, as statx(2) describes them, with the nodes of an old tree in their order, without making an object for
 * any: what `encodeNodeHead` would write must stand in the tree, byte for byte. Anything out of the common makes `match`
 * say no, and then the directory is compared in the usual way; a yes is always right.
 *
 * The target of a symlink and extended attributes are not compared: with the same inode and ctime they are the same.
 */
export class NodeMatcher {
  /** Of the node that matched: where it starts, where its `"content"` begins, and where it ends, in the tree. */
  start = 0;
  contentAt = 0;
  end = 0;
  /** True if it is a regular file. */
  isFile = false;
  /** Where the id of its tree begins, if it is a directory; else 0. */
  subtreeAt = 0;
  readonly #parts: MatcherParts;
  readonly #cursor = new TextCursor();
  readonly #times = new Array<TimeText | undefined>(TIMES_KEPT);
  #owner: OwnerText = { uid: -1, gid: -1, text: new Uint8Array(0) };
  #device: DeviceText = { id: -1n, text: new Uint8Array(0) };

  constructor(parts: MatcherParts) {
    this.#parts = parts;
  }

  /** Begin with a tree, which is borrowed until the next `open`. False if it does not look like one. */
  open(tree: Uint8Array): boolean {
    return this.#cursor.open(tree);
  }

  /** True if everything in the tree was met. */
  get isExhausted(): boolean {
    return this.#cursor.isAtEnd;
  }

  /** True if the next node is this entry, unchanged. Each character of `name` is one byte of the name. */
  match(name: string, state: StatxBuffer): boolean {
    const mode = state.getUint16(STATX.mode, LITTLE);
    const kind = KINDS[mode >> 12];
    if (kind === undefined) return false;
    const cursor = this.#cursor;
    this.start = cursor.at;
    this.isFile = kind.name === "file";
    const isSame =
      cursor.literal(NAME) &&
      this.#name(name) &&
      cursor.literal(kind.text) &&
      cursor.number(goMode(mode)) &&
      this.#timesMatch(state) &&
      this.#ownerMatches(state) &&
      this.#placeMatches(state) &&
      this.#rest(kind.name, state);
    // With the brace that is looked at next.
    this.end = cursor.at + 1;
    return isSame && cursor.endOfNode();
  }

  #name(name: string): boolean {
    if (this.#cursor.plainName(name)) return true;
    return this.#cursor.literal(Buffer.from(quoteName(Buffer.from(name, "latin1"))));
  }

  #timesMatch(state: StatxBuffer): boolean {
    const cursor = this.#cursor;
    return (
      cursor.literal(MTIME) &&
      this.#time(state, STATX.mtime) &&
      cursor.literal(ATIME) &&
      this.#time(state, this.#parts.withAtime ? STATX.atime : STATX.mtime) &&
      cursor.literal(CTIME) &&
      this.#time(state, STATX.ctime) &&
      cursor.literal(AFTER_TIMES)
    );
  }

  #time(state: StatxBuffer, offset: number): boolean {
    const { second, zone } = this.#timeText(wideNumber(state, offset));
    const cursor = this.#cursor;
    return (
      cursor.literal(second) &&
      cursor.fraction(state.getUint32(offset + 8, LITTLE)) &&
      cursor.literal(zone)
    );
  }

  #timeText(seconds: number): TimeText {
    const slot = Math.abs(seconds) % TIMES_KEPT;
    const kept = this.#times[slot];
    if (kept?.seconds === seconds) return kept;
    const offsetSeconds = localOffsetSeconds(seconds);
    const text = formatTime({ seconds, nanoseconds: 0, offsetSeconds });
    const made = { seconds, second: ascii(text.slice(0, 19)), zone: ascii(text.slice(19)) };
    this.#times[slot] = made;
    return made;
  }

  #ownerMatches(state: StatxBuffer): boolean {
    const uid = state.getUint32(STATX.uid, LITTLE);
    const gid = state.getUint32(STATX.gid, LITTLE);
    if (this.#owner.uid !== uid || this.#owner.gid !== gid) {
      this.#owner = { uid, gid, text: this.#ownerText(uid, gid) };
    }
    return this.#cursor.literal(this.#owner.text);
  }

  #ownerText(uid: number, gid: number): Uint8Array {
    const user = this.#parts.owners.user(uid);
    const group = this.#parts.owners.group(gid);
    const userText = user === "" ? "" : `"user":${quoteJson(user)},`;
    const groupText = group === "" ? "" : `"group":${quoteJson(group)},`;
    return Buffer.from(`"uid":${uid},"gid":${gid},${userText}${groupText}`);
  }

  #placeMatches(state: StatxBuffer): boolean {
    const cursor = this.#cursor;
    return (
      cursor.literal(INODE) &&
      cursor.number(wideNumber(state, STATX.inode)) &&
      cursor.literal(COMMA) &&
      cursor.literal(this.#deviceText(state))
    );
  }

  #deviceText(state: StatxBuffer): Uint8Array {
    const id = deviceNumber(
      state.getUint32(STATX.devMajor, LITTLE),
      state.getUint32(STATX.devMinor, LITTLE),
    );
    if (this.#device.id !== id) {
      this.#device = { id, text: ascii(id === 0n ? "" : `"device_id":${id},`) };
    }
    return this.#device.text;
  }

  #rest(kind: EntryKind["name"], state: StatxBuffer): boolean {
    this.subtreeAt = 0;
    if (kind === "dir") return this.#attributes(state) && this.#subtree();
    if (kind === "file") return this.#size(state) && this.#links(state) && this.#contents(state);
    return this.#links(state) && this.#linkTarget() && this.#attributes(state) && this.#nothing();
  }

  #size(state: StatxBuffer): boolean {
    const size = wideNumber(state, STATX.bytes);
    if (size === 0) return true;
    const cursor = this.#cursor;
    return cursor.literal(SIZE) && cursor.number(size) && cursor.literal(COMMA);
  }

  #links(state: StatxBuffer): boolean {
    const cursor = this.#cursor;
    const links = state.getUint32(STATX.links, LITTLE);
    return cursor.literal(LINKS) && cursor.number(links) && cursor.literal(COMMA);
  }

  /** A target that needs no escapes, and is not given as raw bytes after it. */
  #linkTarget(): boolean {
    const cursor = this.#cursor;
    if (!cursor.literal(LINK_TARGET)) return false;
    const end = cursor.indexOf(QUOTE);
    if (end < 0 || cursor.contains(BACKSLASH, end)) return false;
    cursor.at = end + 1;
    return cursor.literal(COMMA);
  }

  #attributes(state: StatxBuffer): boolean {
    return this.#skipExtendedAttributes() && this.#ownAttributes(state);
  }

  /** All of them: whoever does not want them now must not keep those that an earlier backup recorded. */
  #ownAttributes(state: StatxBuffer): boolean {
    const { withBirthTime, withInodeFlags } = this.#parts;
    if (!withBirthTime && !withInodeFlags) return true;
    const text = encodeGenericAttributes(ownAttributes(state, this.#parts));
    return text === "" || this.#cursor.literal(ascii(text));
  }

  /** A list in which no attribute has a bracket in its name. */
  #skipExtendedAttributes(): boolean {
    const cursor = this.#cursor;
    if (!cursor.literal(ATTRIBUTES)) return true;
    const end = cursor.indexOf(CLOSE_BRACKET);
    if (end < 0) return false;
    cursor.at = end;
    return cursor.literal(AFTER_LIST);
  }

  #nothing(): boolean {
    this.contentAt = this.#cursor.at;
    return this.#cursor.literal(NO_CONTENT);
  }

  #subtree(): boolean {
    const cursor = this.#cursor;
    if (!this.#nothing() || !cursor.literal(SUBTREE)) return false;
    this.subtreeAt = cursor.at;
    return cursor.id() && cursor.byte(QUOTE);
  }

  /** The blobs of a file, all of which the repository must still have (restic format, section 12). */
  #contents(state: StatxBuffer): boolean {
    const cursor = this.#cursor;
    if (!this.#attributes(state)) return false;
    this.contentAt = cursor.at;
    if (!cursor.literal(CONTENT)) return false;
    // A list that is empty for a file of some size was written by a program at fault: read the file.
    if (cursor.byte(CLOSE_BRACKET)) return wideNumber(state, STATX.bytes) === 0;
    do {
      if (!cursor.byte(QUOTE) || !cursor.id() || !cursor.byte(QUOTE)) return false;
      if (!this.#parts.index.has("data", cursor.lastId)) return false;
    } while (cursor.literal(COMMA));
    return cursor.byte(CLOSE_BRACKET);
  }
}

interface TimeText {
  readonly seconds: number;
  readonly second: Uint8Array;
  readonly zone: Uint8Array;
}

interface OwnerText {
  readonly uid: number;
  readonly gid: number;
  readonly text: Uint8Array;
}

interface DeviceText {
  readonly id: bigint;
  readonly text: Uint8Array;
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
