import { equalBytes } from "../bytes/compare.ts";
import { LEAST_PAIRED, type GroupHasher } from "../crypto/sha256-group.ts";
import { sha256, SHA256_SIZE } from "../crypto/sha256.ts";
import { pageMemory } from "../bytes/page-memory.ts";
import { readFully } from "../fs/read-fully.ts";
import type { RootedDirectory } from "../fs/rooted.ts";
import { statDescriptor, type FileStat } from "../fs/stat.ts";
import { isSystemError } from "../fs/system-error.ts";
import { closeFile } from "../fs/write-file.ts";
import { isTsbakError } from "../errors.ts";
import { splitNulList } from "../bytes/nul-list.ts";
import { throwIfStopped } from "../workers/serve-tasks.ts";
import type { BatchWriter } from "./batch-writer.ts";
import { ENTRY, ENTRY_NUMBERS } from "./entry-table.ts";
import { FOUND, PART_NUMBERS, STATE_NUMBERS, type Compared, type CompareTask } from "./protocol.ts";

/** Bytes that are read and hashed together. */
const GROUP_SIZE = 4 << 20;

/** Compares files that stand in the target with what they shall be, in a worker. */
export class FileComparer {
  readonly #root: RootedDirectory;
  readonly #hasher: GroupHasher;
  #memory = pageMemory(GROUP_SIZE);

  constructor(root: RootedDirectory, hasher: GroupHasher) {
    this.#root = root;
    this.#hasher = hasher;
  }

  /** Whatever cannot be read counts as not there: it is restored anew. `writer` is for the files of the task. */
  compare(task: CompareTask, writer: BatchWriter): Compared {
    const parts = task.parts.length / PART_NUMBERS;
    const states = new Float64Array(parts * STATE_NUMBERS);
    const matches = new Uint8Array(task.lengths.length);
    const [names, directories] = [task.files.names, task.files.directories].map(splitNulList);
    let blob = 0;
    for (let part = 0; part < parts; part++) {
      throwIfStopped();
      const [entry, offset, count] = task.parts.subarray(part * PART_NUMBERS) as unknown as Three;
      const field = (of: number): number =>
        task.files.numbers[entry * ENTRY_NUMBERS + of] as number;
      const wanted: WantedFile = {
        directory: directories?.[field(ENTRY.directory)] as Uint8Array,
        name: task.files.temporaryNames.get(entry) ?? (names?.[entry] as Uint8Array),
        isPart: task.files.temporaryNames.has(entry),
        size: field(ENTRY.size),
        mtimeSeconds: field(ENTRY.mtimeSeconds),
        mtimeNanoseconds: field(ENTRY.mtimeNanoseconds),
      };
      const blobs = { task, first: blob, end: (blob += count), offset };
      const finish = (fd: number): void => writer.finishOpen(entry, fd);
      states.set(this.#comparePart(wanted, blobs, matches, finish), part * STATE_NUMBERS);
    }
    return { states, matches };
  }

  #comparePart(
    wanted: WantedFile,
    blobs: BlobRun,
    matches: Uint8Array,
    finish: (fd: number) => void,
  ): Three {
    try {
      if (this.#isKept(wanted, blobs.task)) return [FOUND.kept, 0, 0];
      const fd = this.#root.openForRead(wanted.directory, wanted.name);
      try {
        const state = this.#compareOpen(fd, wanted, blobs, matches);
        if (!isFinal(state, wanted, blobs, matches)) return state;
        finish(fd);
        return [FOUND.finished, 1, 0];
      } finally {
        closeFile(fd);
      }
    } catch (error) {
      if (!isSystemError(error) && !isTsbakError(error)) throw error;
      if (isTsbakError(error, "interrupted")) throw error;
      matches.fill(0, blobs.first, blobs.end);
      return [FOUND.nothing, 0, 0];
    }
  }

  #isKept(wanted: WantedFile, { overwrite }: CompareTask): boolean {
    if (wanted.isPart || (overwrite !== "never" && overwrite !== "if-newer")) return false;
    const state = this.#root.stat(wanted.directory, wanted.name);
    return state !== undefined && (overwrite === "never" || compareTimes(wanted, state) <= 0);
  }

  #compareOpen(fd: number, wanted: WantedFile, blobs: BlobRun, matches: Uint8Array): Three {
    const state = statDescriptor(fd);
    const isSize = state.size === wanted.size;
    const isTrusted = blobs.task.overwrite === "if-changed" && !wanted.isPart;
    if (isSize && isTrusted && compareTimes(wanted, state) === 0) {
      matches.fill(1, blobs.first, blobs.end);
      return [FOUND.trusted, state.links, state.uid];
    }
    this.#compareBlobs(fd, blobs, matches);
    return [isSize ? FOUND.sameSize : FOUND.otherSize, state.links, state.uid];
  }

  #compareBlobs(fd: number, { task, first, end, offset }: BlobRun, matches: Uint8Array): void {
    let position = offset;
    for (let blob = first; blob < end;) {
      throwIfStopped();
      let [last, size] = [blob, 0];
      while (last < end && (last === blob || size + lengthOf(task, last) <= GROUP_SIZE)) {
        size += lengthOf(task, last++);
      }
      if (size > this.#memory.length) this.#memory = pageMemory(size);
      const read = readFully(fd, this.#memory, size, position);
      this.#hashGroup(task, blob, last, this.#memory.subarray(0, read), matches);
      if (read < size) return;
      position += size;
      blob = last;
    }
  }

  #hashGroup(
    task: CompareTask,
    first: number,
    end: number,
    bytes: Uint8Array<ArrayBuffer>,
    matches: Uint8Array,
  ): void {
    const messages: Uint8Array[] = [];
    let at = 0;
    for (let blob = first; blob < end; blob++) {
      const length = lengthOf(task, blob);
      // The file ends here.
      if (at + length > bytes.length) break;
      messages.push(bytes.subarray(at, (at += length)));
    }
    const isPaired = messages.length > 1 && messages.every(({ length }) => length >= LEAST_PAIRED);
    const digests = isPaired ? this.#hasher.hashApart(messages) : messages.map(sha256);
    digests.forEach((digest, number) => {
      const start = (first + number) * SHA256_SIZE;
      const isMatch = equalBytes(digest, task.ids.subarray(start, start + SHA256_SIZE));
      matches[first + number] = isMatch ? 1 : 0;
    });
  }
}

type Three = [number, number, number];

/** Whether a file is all as it should be, and nobody else can have it by another name. */
function isFinal(
  [found, links]: Three,
  { isPart, size }: WantedFile,
  { task, first, end, offset }: BlobRun,
  matches: Uint8Array,
): boolean {
  if (!task.finishes || isPart || links !== 1 || offset !== 0) return false;
  if (found !== FOUND.sameSize && found !== FOUND.trusted) return false;
  let length = 0;
  for (let blob = first; blob < end; blob++) {
    if (matches[blob] !== 1) return false;
    length += lengthOf(task, blob);
  }
  return length === size;
}

interface WantedFile {
  readonly directory: Uint8Array;
  /** As it is on the disk. */
  readonly name: Uint8Array;
  /** What stands there is no file of the user. */
  readonly isPart: boolean;
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
}

/** Blobs of a task, which lie one after another from `offset` in the file. */
interface BlobRun {
  readonly task: CompareTask;
  readonly first: number;
  readonly end: number;
  readonly offset: number;
}

function lengthOf({ lengths }: CompareTask, blob: number): number {
  return lengths[blob] as number;
}

/** Positive if the snapshot's file is newer. */
function compareTimes(
  wanted: WantedFile,
  state: Pick<FileStat, "mtimeSeconds" | "mtimeNanoseconds">,
): number {
  return (
    wanted.mtimeSeconds - state.mtimeSeconds || wanted.mtimeNanoseconds - state.mtimeNanoseconds
  );
}
