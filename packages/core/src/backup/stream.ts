import type { Readable } from "node:stream";
import { createChunker } from "../chunk/chunker.ts";
import { parsePolynomial } from "../chunk/polynomial.ts";
import { bareNodeHead } from "../format/bare-node.ts";
import { encodeNodeHead, encodeNodeTail } from "../format/node.ts";
import { formatTime } from "../format/time.ts";
import { joinTree } from "../format/tree.ts";
import { toPathBytes } from "../fs/path.ts";
import { localNow } from "../fs/local-time.ts";
import type { Repository } from "../repository/repository.ts";
import type { BackupProgress } from "./progress.ts";
import type { BackupStore } from "./store.ts";

/** A stream to be saved as a file. */
export interface StreamSource {
  readonly stream: Readable;
  /** Path in the snapshot; its folders are made up. */
  readonly name: string;
}

const MEMORY_SIZE = 24 << 20;
const FILE_MODE = 0o644;
/** Go's bit for a directory, and rwxr-xr-x. */
const DIRECTORY_MODE = 0x80000000 + 0o755;

/** Save a stream and return the id of the root tree that leads to it (restic format, section 8). */
export async function saveStream(
  repository: Repository,
  source: StreamSource,
  store: BackupStore,
  progress: BackupProgress,
): Promise<string> {
  const parts = source.name.split("/").filter((part) => part !== "");
  const { content, size } = await saveContents(repository, source.stream, store, progress);
  const time = formatTime(localNow());
  const path = toPathBytes(`/${parts.join("/")}`);
  const fileName = toPathBytes(parts.pop() ?? "stdin");
  const file = {
    ...bareNodeHead({ name: fileName, type: "file", mode: FILE_MODE }, time),
    size,
  };
  // As restic: more likely something went wrong than that nothing was to be saved.
  if (size === 0) progress.error(path, "no data read");
  else progress.fileDone(path, size, "new");
  const nodes = size === 0 ? [] : [encodeNodeHead(file) + encodeNodeTail(content)];
  let tree = store.saveTree(joinTree(nodes));
  for (; parts.length > 0; parts.pop()) {
    progress.directoryDone(toPathBytes(`/${parts.join("/")}`), "new");
    const name = parts.at(-1) ?? "";
    const known = { name: toPathBytes(name), type: "dir", mode: DIRECTORY_MODE };
    const head = bareNodeHead(known, time);
    tree = store.saveTree(joinTree([encodeNodeHead(head) + encodeNodeTail(null, tree)]));
  }
  return tree;
}

async function saveContents(
  repository: Repository,
  stream: Readable,
  store: BackupStore,
  progress: BackupProgress,
): Promise<{ content: string[]; size: number }> {
  const pending: Promise<string>[] = [];
  let size = 0;
  for await (const chunk of cutStream(repository, stream)) {
    store.signal.throwIfAborted();
    size += chunk.length;
    const bytes = chunk.slice();
    const stored = store.pool.run({ kind: "chunk", bytes }, [bytes.buffer]).then((result) => {
      progress.stored(result.counts);
      return JSON.parse(result.contents[0] ?? '""') as string;
    });
    // Awaited together at the end; until then a failure must not count as unhandled.
    stored.catch(() => undefined);
    pending.push(stored);
    await store.files.room();
  }
  return { content: await Promise.all(pending), size };
}

/** The chunks of a stream; each is a view that is valid until the next is asked for. */
async function* cutStream(repository: Repository, stream: Readable): AsyncIterable<Uint8Array> {
  const { config } = repository;
  const kind = config.chunker === "fastcdc" ? "fastcdc" : "rabin";
  const chunker = createChunker(kind, parsePolynomial(config.chunkerPolynomial), MEMORY_SIZE);
  const { memory } = chunker;
  let start = 0;
  let end = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    for (let at = 0; at < piece.length;) {
      if (end === memory.length) {
        memory.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      const count = Math.min(piece.length - at, memory.length - end);
      memory.set(piece.subarray(at, at + count), end);
      at += count;
      end += count;
      for (let cut; (cut = chunker.cut(start, end, false)) > start; start = cut) {
        yield memory.subarray(start, cut);
      }
    }
  }
  for (let cut; start < end && (cut = chunker.cut(start, end, true)) > start; start = cut) {
    yield memory.subarray(start, cut);
  }
}
