import { createChunker } from "../chunk/chunker.ts";
import { parsePolynomial } from "../chunk/polynomial.ts";
import { loadZstd } from "../compress/zstd.ts";
import { SourceFile } from "../fs/source-file.ts";
import { describeSystemError } from "../fs/system-error.ts";
import { Opener } from "../crypto/opener.ts";
import { SharedIndexView } from "../repository/shared-index.ts";
import { serveTasks, type Emit } from "../workers/serve-tasks.ts";
import { ChunkStore } from "./chunk-store.ts";
import { createExplorer } from "./create-lister.ts";
import type { Explorer } from "./explorer.ts";
import { FileReader } from "./file-reader.ts";
import { FilesAhead } from "./files-ahead.ts";
import {
  FINGERPRINT_NUMBERS,
  hasFingerprint,
  type BackupEvent,
  type BackupResult,
  type BackupSetup,
  type BackupTask,
  type FileNote,
} from "./protocol.ts";

/** Room for one chunk of the largest size and for reading ahead. */
const MEMORY_SIZE = 9 << 20;
/** Cuts are reported by this many bytes of the file: a task for another thread. */
const CUT_REPORT_SIZE = 8 << 20;

interface Tools {
  readonly store: ChunkStore;
  readonly reader: FileReader;
  readonly explorer: Explorer;
  readonly emit: Emit<BackupEvent>;
}

serveTasks<BackupSetup, BackupTask, BackupResult, BackupEvent>(async (setup, emit) => {
  const zstd = await loadZstd();
  const store = new ChunkStore(setup, zstd, (pack) => emit({ kind: "pack", pack }));
  const polynomial = parsePolynomial(setup.polynomial);
  const reader = new FileReader(createChunker(setup.chunker, polynomial, MEMORY_SIZE), store);
  const opener = { opener: new Opener(setup.key), zstd };
  const explorer = createExplorer(new SharedIndexView(setup.index), setup.listing, opener);
  const tools: Tools = { store, reader, explorer, emit };
  return (task) => ({ result: handle(task, tools) });
});

function handle(task: BackupTask, tools: Tools): BackupResult {
  const { store, reader, emit } = tools;
  switch (task.kind) {
    case "list":
      return finish(store, { listings: tools.explorer.list(task.directories, task.budget) });
    case "files":
      return storeFiles(task, reader, store);
    case "ranges":
      return noteErrors(store, () => storeRanges(task, reader, store));
    case "cut":
      return noteErrors(store, () => cutFile(task, reader, store, emit));
    case "chunk":
      return finish(store, { contents: [`"${store.save(task.bytes)}"`] });
  }
}

function finish(store: ChunkStore, parts: Partial<BackupResult>): BackupResult {
  return {
    contents: [],
    sizes: new Float64Array(0),
    notes: [],
    listings: [],
    ...parts,
    counts: store.takeCounts(),
  };
}

/** A file that cannot be read is a note about it, not a failure of the backup. */
function noteErrors(store: ChunkStore, run: () => BackupResult): BackupResult {
  try {
    return run();
  } catch (error) {
    return finish(store, { notes: [{ at: 0, error: describeSystemError(error) }] });
  }
}

function storeFiles(
  task: Extract<BackupTask, { kind: "files" }>,
  reader: FileReader,
  store: ChunkStore,
): BackupResult {
  const sizeOf = (at: number): number => task.stats[at * FINGERPRINT_NUMBERS] as number;
  const paths = splitPaths(task.paths);
  const contents: (readonly string[])[] = [];
  const notes: FileNote[] = [];
  const sizes = new Float64Array(paths.length);
  const ahead = new FilesAhead(paths, sizeOf);
  const storeFile = (at: number): readonly string[] => {
    const file = reader.read(ahead.take(), sizeOf(at), (stat) =>
      hasFingerprint(task.stats, at, stat),
    );
    sizes[at] = file.size;
    if (file.stat !== undefined) notes.push({ at, stat: file.stat, unstable: file.unstable });
    return file.ids;
  };
  try {
    for (let at = 0; at < paths.length; at++) {
      try {
        contents.push(storeFile(at));
      } catch (error) {
        contents.push([]);
        notes.push({ at, error: describeSystemError(error) });
      }
    }
  } finally {
    ahead.close();
  }
  reader.finish();
  return finish(store, { contents: contents.map(quoteIds), sizes, notes });
}

/** Views of paths that are each ended by NUL. */
function splitPaths(paths: Uint8Array): Uint8Array[] {
  const views: Uint8Array[] = [];
  for (let start = 0; start < paths.length;) {
    const end = paths.indexOf(0, start);
    views.push(paths.subarray(start, end));
    start = end + 1;
  }
  return views;
}

function storeRanges(
  task: Extract<BackupTask, { kind: "ranges" }>,
  reader: FileReader,
  store: ChunkStore,
): BackupResult {
  const contents: (readonly string[])[] = [];
  const sizes = new Float64Array(task.ranges.length / 2);
  const file = new SourceFile(task.path);
  try {
    for (let at = 0; at < sizes.length; at++) {
      const [offset = 0, length = 0] = task.ranges.subarray(2 * at, 2 * at + 2);
      const { ids, size } = reader.readRange(file, offset, length);
      contents.push(ids);
      sizes[at] = size;
    }
  } finally {
    file.close();
  }
  reader.finish();
  return finish(store, { contents: contents.map(quoteIds), sizes });
}

/** As JSON: `"…","…"`. */
function quoteIds(ids: readonly string[]): string {
  return ids.map((id) => `"${id}"`).join(",");
}

function cutFile(
  task: Extract<BackupTask, { kind: "cut" }>,
  reader: FileReader,
  store: ChunkStore,
  emit: Emit<BackupEvent>,
): BackupResult {
  let ends: number[] = [];
  let reported = 0;
  const report = (): void => {
    if (ends.length > 0) emit({ kind: "cuts", file: task.file, ends: Float64Array.from(ends) });
    reported = ends.at(-1) ?? reported;
    ends = [];
  };
  const size = reader.cut(task.path, (end) => {
    ends.push(end);
    if (end - reported >= CUT_REPORT_SIZE) report();
  });
  report();
  return finish(store, { sizes: Float64Array.of(size) });
}
