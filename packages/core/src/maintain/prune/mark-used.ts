import { interruptedError, throwIfAborted } from "../../async/interrupted.ts";
import { LENT_ROOM, type CallOptions, type OpenFile } from "../../backend/backend.ts";
import { releaseMemory } from "../../bytes/release-memory.ts";
import { isTsbakError, type TsbakError } from "../../errors.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import { readBlob } from "../../repository/read-blob.ts";
import type { Repository } from "../../repository/repository.ts";
import { moduleUrl } from "../../workers/module-url.ts";
import { MemoryPool } from "../../workers/memory-pool.ts";
import { OwnThread } from "../../workers/own-thread.ts";
import type { TaskPool } from "../../workers/task-pool.ts";
import { WorkerPool } from "../../workers/worker-pool.ts";
import { BlobMarks } from "./blob-marks.ts";
import type { MarkReply, MarkSetup, MarkTask } from "./mark-protocol.ts";
import { prepareMarking } from "./prepare-marking.ts";
import { TreeMarker, type MissingBlob } from "./tree-marker.ts";

/** What reads trees. */
export type MarkPool = TaskPool<MarkTask, MarkReply>;

/** Start threads for `markUsed`; a single one is the caller's own. Whoever starts them closes them. */
export function startMarking(threads: number): MarkPool {
  if (threads === 1) return new OwnThread(prepareMarking);
  return new WorkerPool(moduleUrl("maintain/prune/mark-worker"), threads);
}

/** Packs that wait for each thread, beside the one that it works on. */
const AHEAD = 1;
/** Memory for a pack of the usual size, in bytes. */
const PACK_MEMORY = 24 << 20;

/** What is marked, and where. */
export interface MarkScene {
  readonly repository: Repository;
  readonly index: BlobIndex;
  /** See `createMarks`. */
  readonly marks: SharedArrayBuffer;
  readonly onTrees?: ((count: number) => void) | undefined;
  /** More root trees, of which some may be gone already: what they reach is marked as far as it is there. */
  readonly spared?: readonly string[] | undefined;
  /** Told of a tree below one of `spared` that cannot be read. */
  readonly onSpareFailure?: ((root: string, error: TsbakError) => void) | undefined;
}

/**
 * Mark every blob that these root trees reach. Trees are read by the pack, by several threads; each is read once. Returns the blobs that
 * the index does not know.
 *
 * @throws {TsbakError} `corrupt` or `not-found` if no copy of a tree is whole, `interrupted`.
 */
export async function markUsed(
  scene: MarkScene,
  roots: Iterable<string>,
  pool: MarkPool,
  options: CallOptions = {},
): Promise<readonly MissingBlob[]> {
  return new MarkRun(scene, pool, options).run(roots);
}

class MarkRun {
  readonly #scene: MarkScene;
  readonly #pool: MarkPool;
  readonly #options: CallOptions;
  readonly #memory: MemoryPool;
  readonly #marker: TreeMarker;
  readonly #missing = new Map<string, MissingBlob>();
  /** Trees that are marked and not read yet, by their packs. */
  readonly #pending = new Map<number, number[]>();

  constructor(scene: MarkScene, pool: MarkPool, options: CallOptions) {
    this.#scene = scene;
    this.#pool = pool;
    this.#options = options;
    this.#memory = new MemoryPool((pool.size + 1) * PACK_MEMORY);
    this.#marker = new TreeMarker(scene.index, new BlobMarks(scene.marks), {
      tree: (entry) => this.#enqueue(entry),
      missing: (blob) => this.#noteMissing(blob),
    });
  }

  async run(roots: Iterable<string>): Promise<readonly MissingBlob[]> {
    const { spared = [], onSpareFailure } = this.#scene;
    const { masterKey: key } = this.#scene.repository;
    const { index, marks } = this.#scene;
    const setup: MarkSetup = { key, index: index.share(), marks };
    this.#pool.begin(setup);
    await this.#reach(roots);
    const missing = [...this.#missing.values()];
    for (const root of spared) {
      try {
        await this.#reach([root]);
      } catch (error) {
        if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
        onSpareFailure?.(root, error);
      }
    }
    return missing;
  }

  async #reach(roots: Iterable<string>): Promise<void> {
    for (const root of roots) this.#marker.root(root);
    const running = new Set<Promise<void>>();
    const failures: unknown[] = [];
    for (;;) {
      while (running.size < this.#pool.size * (1 + AHEAD) && failures.length === 0) {
        const pack = this.#fullest();
        if (pack === undefined) break;
        const call: Promise<void> = this.#read(pack)
          .catch((error: unknown) => void failures.push(error))
          .finally(() => running.delete(call));
        running.add(call);
      }
      if (running.size === 0) break;
      await Promise.race(running);
    }
    if (failures.length > 0) throw failures[0];
    throwIfAborted(this.#options.signal);
  }

  #enqueue(entry: number): void {
    const pack = this.#scene.index.packNumberAt(entry);
    const entries = this.#pending.get(pack);
    if (entries === undefined) this.#pending.set(pack, [entry]);
    else entries.push(entry);
  }

  #noteMissing(blob: MissingBlob): void {
    this.#missing.set(`${blob.type} ${blob.id}`, blob);
  }

  /** The more trees are read in one visit, the fewer visits. */
  #fullest(): number | undefined {
    let best: number | undefined;
    let most = 0;
    for (const [pack, { length }] of this.#pending) {
      if (length <= most) continue;
      best = pack;
      most = length;
    }
    return best;
  }

  async #read(pack: number): Promise<void> {
    const entries = Uint32Array.from(this.#pending.get(pack) ?? []);
    this.#pending.delete(pack);
    const { signal } = this.#options;
    if (signal?.aborted) throw interruptedError(signal);
    const reply = (await this.#readFile(pack, entries)) ?? (await this.#readBytes(pack, entries));
    for (const entry of reply?.outside ?? []) this.#enqueue(entry);
    for (const blob of reply?.missing ?? []) this.#noteMissing(blob);
    this.#scene.onTrees?.(reply?.trees ?? 0);
    for (const entry of reply?.damaged ?? entries) await this.#readElsewhere(entry);
  }

  /** Have a thread read the pack itself. Undefined where it cannot. */
  async #readFile(pack: number, entries: Uint32Array): Promise<MarkReply | undefined> {
    const file = await this.#openFile(pack);
    if (file === undefined) return undefined;
    try {
      const { descriptor, size, alignment } = file;
      return await this.#pool.run({ pack, bytes: { descriptor, size, alignment }, entries });
    } finally {
      await file.close();
    }
  }

  async #openFile(pack: number): Promise<OpenFile | undefined> {
    const { repository, index } = this.#scene;
    const name = index.packs[pack] as string;
    try {
      return await repository.backend.openFile?.({ kind: "pack", name }, this.#options);
    } catch (error) {
      if (isTsbakError(error) && error.code !== "interrupted") return undefined;
      throw error;
    }
  }

  /** Undefined if the pack cannot be read. */
  async #readBytes(pack: number, entries: Uint32Array): Promise<MarkReply | undefined> {
    const { repository, index } = this.#scene;
    const name = index.packs[pack] as string;
    const loan = await this.#memory.take(PACK_MEMORY / 2 + LENT_ROOM);
    let back = loan.memory;
    try {
      const memory = await repository.backend.read({ kind: "pack", name }, undefined, {
        ...this.#options,
        into: loan.memory,
      });
      repository.cache?.rememberPack(name, memory);
      const isOfLoan = memory.buffer === loan.memory;
      const task: MarkTask = { pack, bytes: { memory, start: 0 }, entries };
      const reply = await this.#pool.run(task, [memory.buffer]);
      const { memory: returned = new ArrayBuffer(0) } = reply;
      if (isOfLoan) back = returned;
      else releaseMemory(returned);
      return reply;
    } catch (error) {
      if (isTsbakError(error, "not-found") || isTsbakError(error, "corrupt")) return undefined;
      throw error;
    } finally {
      this.#memory.give(loan, back);
    }
  }

  /** From any copy, and if there is none that is whole, the reason. */
  async #readElsewhere(entry: number): Promise<void> {
    const { repository, index } = this.#scene;
    // It may be only our copy that is damaged.
    const name = index.packs[index.packNumberAt(entry)] as string;
    repository.cache?.forget({ kind: "pack", name });
    const id = index.idAt(entry);
    this.#marker.mark(await readBlob(repository, index, "tree", id, this.#options));
    new BlobMarks(this.#scene.marks).noteRead(entry);
    this.#scene.onTrees?.(1);
  }
}
