import { ByteScan, ascii } from "./byte-scan.ts";
import { daysInMonth } from "./time.ts";
import {
  START,
  END,
  NAME,
  MODE,
  MTIME,
  ATIME,
  CTIME,
  UID,
  GID,
  USER,
  GROUP,
  INODE,
  DEVICE_ID,
  SIZE,
  LINKS,
  LINK_TARGET,
  SUBTREE,
} from "./tree-text.ts";

/** Is told what a tree refers to. The memory of an id is used again; `false` ends the scan. */
export interface LinkSink {
  content(id: Uint8Array): boolean;
  subtree(id: Uint8Array): boolean;
}

const FILE = ascii(',"type":"file"');
const DIRECTORY = ascii(',"type":"dir"');
const SYMLINK = ascii(',"type":"symlink"');
const CONTENT = ascii(',"content":[');
const NO_CONTENT = ascii(',"content":null');
const UTC = ascii('Z"');

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const CLOSE = 0x7d;
const DOT = 0x2e;
const MAX_UINT32 = 0xffff_ffff;

/**
 * Pass all ids in a tree to `sink`, without making its nodes: three times as fast as `decodeTree`. True if the tree has files,
 * directories and symlinks only, all in Go's form with plain values, as nearly all trees do. After a `false` nothing is known:
 * the tree may be as good as any, and must be decoded to find out.
 */
export function scanLinks(bytes: Uint8Array, sink: LinkSink): boolean {
  return new LinkScan(bytes, sink).run();
}

class LinkScan {
  readonly #scan: ByteScan;
  readonly #sink: LinkSink;
  readonly #id = new Uint8Array(32);

  constructor(bytes: Uint8Array, sink: LinkSink) {
    this.#scan = new ByteScan(bytes);
    this.#sink = sink;
  }

  run(): boolean {
    const scan = this.#scan;
    if (!scan.accept(START)) return false;
    if (scan.bytes[scan.at] !== CLOSE_LIST) {
      do {
        if (!this.#node()) return false;
      } while (scan.acceptByte(COMMA));
    }
    if (!scan.accept(END)) return false;
    scan.acceptByte(0x0a);
    return scan.at === scan.bytes.length;
  }

  #node(): boolean {
    const scan = this.#scan;
    if (!scan.accept(NAME) || scan.bytes[scan.at] === QUOTE || !this.#text()) return false;
    const isFile = scan.accept(FILE);
    const isDirectory = !isFile && scan.accept(DIRECTORY);
    if (!isFile && !isDirectory && !scan.accept(SYMLINK)) return false;
    if (!this.#metadata()) return false;
    if (isFile) return this.#content() && scan.acceptByte(CLOSE);
    if (!isDirectory) {
      if (!scan.accept(LINK_TARGET) || !this.#text()) return false;
    }
    if (!scan.accept(NO_CONTENT)) return false;
    if (isDirectory) {
      if (!scan.accept(SUBTREE) || !scan.hexInto(this.#id) || !scan.acceptByte(QUOTE)) return false;
      if (!this.#sink.subtree(this.#id)) return false;
    }
    return scan.acceptByte(CLOSE);
  }

  #metadata(): boolean {
    return (
      this.#number(MODE, MAX_UINT32) &&
      this.#time(MTIME) &&
      this.#time(ATIME) &&
      this.#time(CTIME) &&
      this.#number(UID, MAX_UINT32) &&
      this.#number(GID, MAX_UINT32) &&
      this.#optionalText(USER) &&
      this.#optionalText(GROUP) &&
      this.#number(INODE) &&
      this.#number(DEVICE_ID) &&
      this.#number(SIZE) &&
      this.#number(LINKS)
    );
  }

  #content(): boolean {
    const scan = this.#scan;
    if (!scan.accept(CONTENT)) return false;
    if (scan.acceptByte(CLOSE_LIST)) return true;
    do {
      if (!scan.acceptByte(QUOTE) || !scan.hexInto(this.#id) || !scan.acceptByte(QUOTE))
        return false;
      if (!this.#sink.content(this.#id)) return false;
    } while (scan.acceptByte(COMMA));
    return scan.acceptByte(CLOSE_LIST);
  }

  /** No field at all is as good as a number: Go leaves out zeros. */
  #number(field: Uint8Array, max: number = Number.MAX_SAFE_INTEGER): boolean {
    if (!this.#scan.accept(field)) return true;
    const value = this.#scan.uint();
    return value >= 0 && value <= max;
  }

  #optionalText(field: Uint8Array): boolean {
    return !this.#scan.accept(field) || this.#text();
  }

  /** The rest of a string in which nothing is escaped or beyond ASCII, with its closing quote. */
  #text(): boolean {
    const { bytes, at: start } = this.#scan;
    for (let at = start; ; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.#scan.at = at + 1;
        return true;
      }
      if (byte < 0x20 || byte >= 0x80 || byte === BACKSLASH) return false;
    }
  }

  /** A time that `parseTime` reads, with its closing quote. */
  #time(field: Uint8Array): boolean {
    const scan = this.#scan;
    if (!scan.accept(field)) return false;
    const { bytes, at } = scan;
    const year = this.#digits(at, 4);
    const month = this.#digits(at + 5, 2);
    const isDate =
      year >= 0 &&
      bytes[at + 4] === 0x2d &&
      isWithin(month, 1, 12) &&
      bytes[at + 7] === 0x2d &&
      isWithin(this.#digits(at + 8, 2), 1, daysInMonth(year, month)) &&
      bytes[at + 10] === 0x54;
    const isClock =
      isWithin(this.#digits(at + 11, 2), 0, 23) &&
      bytes[at + 13] === 0x3a &&
      isWithin(this.#digits(at + 14, 2), 0, 59) &&
      bytes[at + 16] === 0x3a &&
      isWithin(this.#digits(at + 17, 2), 0, 59);
    scan.at = at + 19;
    return isDate && isClock && this.#fraction() && this.#zone();
  }

  #fraction(): boolean {
    const scan = this.#scan;
    if (!scan.acceptByte(DOT)) return true;
    const start = scan.at;
    while (isDigit(scan.bytes[scan.at])) scan.at++;
    return scan.at > start;
  }

  #zone(): boolean {
    const scan = this.#scan;
    if (scan.accept(UTC)) return true;
    const { bytes, at } = scan;
    const isZone =
      (bytes[at] === 0x2b || bytes[at] === 0x2d) &&
      isWithin(this.#digits(at + 1, 2), 0, 23) &&
      bytes[at + 3] === 0x3a &&
      isWithin(this.#digits(at + 4, 2), 0, 59);
    scan.at = at + 6;
    return isZone && scan.acceptByte(QUOTE);
  }

  /** The number that `count` digits from `start` on are, or -1. */
  #digits(start: number, count: number): number {
    let value = 0;
    for (let at = start; at < start + count; at++) {
      const byte = this.#scan.bytes[at];
      if (!isDigit(byte)) return -1;
      value = value * 10 + ((byte ?? 0) - 0x30);
    }
    return value;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
