import {
  encodeJson,
  encodeSnapshot,
  parseTime,
  unixMode,
  type Node,
  type Snapshot,
  type WalkEntry,
} from "@tsbak/core";
import { jsonText } from "./json-text.ts";
import type { Output } from "./output.ts";

/** In bytes. */
const BLOCK_SIZE = 512;
/** Permissions with set-id and sticky bits, without the type. */
const PERMISSIONS = 0o7777;

/** Prints a tree in the export format of ncdu, version 1.2, laid out as restic does. */
export class NcduExport {
  readonly #output: Output;
  /** The line that is still to be ended, by a comma if another item follows. */
  #line = "";
  /** Paths of the directories that are not closed yet, as Latin-1. */
  readonly #open: string[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  head(snapshot: Snapshot): void {
    const about = Buffer.from(encodeSnapshot(snapshot)).toString();
    this.#line = `[1, 2, ${about}, [{"name":"/"}`;
  }

  /** A directory comes before what is in it, and all that at once. */
  entry({ path, node }: WalkEntry): void {
    const text = Buffer.from(path).toString("latin1");
    while (this.#open.length > 0 && !text.startsWith(`${this.#open.at(-1)}/`)) this.#leave();
    this.#output.print(`${this.#line},`);
    if (node.type === "dir") {
      this.#output.print(`${this.#indent()}[`);
      this.#open.push(text);
    }
    this.#line = this.#indent() + nodeJson(node);
  }

  close(): void {
    while (this.#open.length > 0) this.#leave();
    this.#output.print(`${this.#line}\n]\n]`);
  }

  #leave(): void {
    this.#open.pop();
    this.#output.print(this.#line);
    this.#line = `${this.#indent()}]`;
  }

  #indent(): string {
    return "  ".repeat(this.#open.length + 1);
  }
}

function nodeJson(node: Node): string {
  const size = node.type === "file" ? node.size : 0;
  return encodeJson({
    name: jsonText(node.name),
    asize: size,
    dsize: Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE,
    dev: node.deviceId,
    ino: node.inode,
    nlink: node.links,
    notreg: node.type !== "dir" && node.type !== "file",
    uid: node.uid,
    gid: node.gid,
    mode: unixMode(node.mode) & PERMISSIONS,
    // ncdu knows no time before 1970.
    mtime: Math.max(0, parseTime(node.mtime).seconds),
  });
}
