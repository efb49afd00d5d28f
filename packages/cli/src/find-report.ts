import {
  encodeJson,
  printablePath,
  type FoundObject,
  type SnapshotEntry,
  type VisitedEntry,
} from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatEntry, type EntryFlags } from "./format-entry.ts";
import { formatLocalTime } from "./format-text.ts";
import { formatGoMode } from "./go-mode.ts";
import { JsonList } from "./json-list.ts";
import { jsonText } from "./json-text.ts";
import type { Output } from "./output.ts";

/** Prints what `find` finds, in restic's words. */
export interface FindReport {
  entry(snapshot: SnapshotEntry, entry: VisitedEntry): void;
  object(snapshot: SnapshotEntry, object: FoundObject): void;
  close(): void;
}

/** The report that the user asked for. */
export function createFindReport({ output }: Context, flags: EntryFlags): FindReport {
  return output.json ? new JsonFindReport(output) : new TextFindReport(output, flags);
}

class TextFindReport implements FindReport {
  readonly #output: Output;
  readonly #flags: EntryFlags;
  #snapshot = "";

  constructor(output: Output, flags: EntryFlags) {
    this.#output = output;
    this.#flags = flags;
  }

  entry({ id, snapshot }: SnapshotEntry, entry: VisitedEntry): void {
    if (id !== this.#snapshot) {
      if (this.#snapshot !== "") this.#output.say("");
      const time = formatLocalTime(snapshot.time);
      this.#output.say(`Found matching entries in snapshot ${id.slice(0, 8)} from ${time}`);
      this.#snapshot = id;
    }
    this.#output.print(formatEntry(entry, this.#flags));
  }

  object({ id, snapshot }: SnapshotEntry, found: FoundObject): void {
    const path = printablePath(found.path);
    this.#output.print(`Found ${found.kind} ${found.id}`);
    if (found.kind === "tree") this.#output.print(` ... path ${path}`);
    else {
      this.#output.print(` ... in file ${path}`);
      this.#output.print(`     (tree ${found.parentTree})`);
    }
    const time = formatLocalTime(snapshot.time);
    this.#output.print(` ... in snapshot ${id.slice(0, 8)} (${time})`);
  }

  close(): void {
    // Every line is complete.
  }
}

class JsonFindReport implements FindReport {
  readonly #list: JsonList;
  #snapshot = "";
  #hits = 0;

  constructor(output: Output) {
    this.#list = new JsonList(output);
  }

  entry({ id }: SnapshotEntry, entry: VisitedEntry): void {
    if (id !== this.#snapshot) {
      this.#closeMatches();
      this.#list.add('{"matches":[');
      this.#snapshot = id;
    }
    this.#list.append(`${this.#hits++ === 0 ? "" : ","}${entryJson(entry)}`);
  }

  object({ id, snapshot }: SnapshotEntry, found: FoundObject): void {
    const fields = {
      object_type: found.kind,
      id: found.id,
      path: jsonText(found.path),
      ...(found.parentTree === undefined ? {} : { parent_tree: found.parentTree }),
      snapshot: id,
      time: snapshot.time,
    };
    this.#list.add(encodeJson(fields));
  }

  close(): void {
    this.#closeMatches();
    this.#list.close();
  }

  #closeMatches(): void {
    if (this.#snapshot === "") return;
    this.#list.append(`],"hits":${this.#hits},"snapshot":"${this.#snapshot}"}`);
    this.#hits = 0;
  }
}

/** The fields of restic, in its order. */
function entryJson({ path, node }: VisitedEntry): string {
  return encodeJson({
    path: jsonText(path),
    permissions: formatGoMode(node.mode),
    type: node.type,
    ...(node.mode === 0 ? {} : { mode: node.mode }),
    mtime: node.mtime,
    atime: node.atime,
    ctime: node.ctime,
    uid: node.uid,
    gid: node.gid,
    ...(node.user === "" ? {} : { user: node.user }),
    ...(node.group === "" ? {} : { group: node.group }),
    ...(node.inode === 0n ? {} : { inode: node.inode }),
    ...(node.deviceId === 0n ? {} : { device_id: node.deviceId }),
    ...(node.size === 0 ? {} : { size: node.size }),
    ...(node.links === 0 ? {} : { links: node.links }),
    ...(node.linkTarget === undefined ? {} : { linktarget: jsonText(node.linkTarget) }),
    ...(node.error === "" ? {} : { error: node.error }),
  });
}
