import { isTsbakError } from "../../errors.ts";
import type { SharedIndexView } from "../../repository/shared-index.ts";
import type { BlobMemory } from "../../repository/blob-memory.ts";
import { throwIfStopped } from "../../workers/serve-tasks.ts";
import type { PackSource } from "../verify/pack-source.ts";
import type { BlobMarks } from "./blob-marks.ts";
import type { MarkReply, MarkTask } from "./mark-protocol.ts";
import { TreeMarker, type MissingBlob } from "./tree-marker.ts";

/** What one thread marks with. */
export interface MarkTools {
  readonly index: SharedIndexView;
  readonly marks: BlobMarks;
  readonly memory: BlobMemory;
}

/** Read at once, up to the end of the tree that is wanted: subtrees lie before the trees that refer to them. */
const WINDOW = 1 << 20;

/** Read trees of a pack, mark what is in them, and go on with the subtrees that lie in the same pack. */
export function markPack(
  { pack, entries }: Pick<MarkTask, "pack" | "entries">,
  source: PackSource,
  { index, marks, memory }: MarkTools,
): Omit<MarkReply, "memory"> {
  const outside: number[] = [];
  const damaged: number[] = [];
  const missing: MissingBlob[] = [];
  // From behind, so that what comes next is likely to be in the window.
  const open = Array.from(entries).sort((a, b) => index.offsetAt(a) - index.offsetAt(b));
  const marker = new TreeMarker(index, marks, {
    tree: (entry) => (index.packNumberAt(entry) === pack ? open : outside).push(entry),
    missing: (blob) => missing.push(blob),
  });
  const window = new Window(source);
  let trees = 0;
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    throwIfStopped();
    try {
      const start = index.offsetAt(entry);
      const bytes = window.read(start, start + index.lengthAt(entry));
      // A copy, because it is decrypted in place.
      const sealed = memory.scratch(bytes.length);
      sealed.set(bytes);
      const plain = memory.open(sealed, index.uncompressedLengthAt(entry), index.idAt(entry));
      marker.mark(plain);
      marks.noteRead(entry);
      trees++;
    } catch (error) {
      if (!isTsbakError(error, "corrupt")) throw error;
      damaged.push(entry);
    }
  }
  return {
    outside: Uint32Array.from(outside),
    damaged: Uint32Array.from(damaged),
    missing,
    trees,
  };
}

/** The part of a pack that was read last. */
class Window {
  readonly #source: PackSource;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(source: PackSource) {
    this.#source = source;
  }

  read(start: number, end: number): Uint8Array {
    if (start < this.#start || end > this.#start + this.#bytes.length) {
      this.#start = Math.min(start, Math.max(end - WINDOW, 0));
      this.#bytes = this.#source.read(this.#start, end);
    }
    return this.#bytes.subarray(start - this.#start, end - this.#start);
  }
}
