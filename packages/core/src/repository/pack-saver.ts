import { Semaphore } from "../async/semaphore.ts";
import type { CallOptions, FileRef } from "../backend/backend.ts";
import { isTsbakError } from "../errors.ts";
import { listsOnlyContents, packEntries } from "../format/pack-header.ts";
import type { BlobIndex } from "./blob-index.ts";
import { IndexWriter } from "./index-writer.ts";
import type { FinishedPack } from "./open-packs.ts";
import type { Repository } from "./repository.ts";

/** How packs are stored. */
export interface PackSaverOptions extends CallOptions {
  /** Nothing is written before this resolves. */
  readonly mayWrite?: Promise<void> | undefined;
  /** Told of the first failure at once; `finish` throws it, too. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/**
 * Stores finished packs, several at once, and then names them in the index: first durable, then known.
 */
export class PackSaver {
  readonly #repository: Repository;
  readonly #index: BlobIndex | undefined;
  readonly #options: PackSaverOptions;
  readonly #slots: Semaphore;
  readonly #indexWriter: IndexWriter;
  readonly #running = new Set<Promise<void>>();
  #failure: Error | undefined;
  #indexing: Promise<void> = Promise.resolve();

  /** Blobs are noted in `index`, if there is one. */
  constructor(
    repository: Repository,
    index: BlobIndex | undefined,
    options: PackSaverOptions = {},
  ) {
    this.#repository = repository;
    this.#index = index;
    this.#options = options;
    this.#slots = new Semaphore(repository.backend.connections);
    this.#indexWriter = new IndexWriter((bytes) => repository.saveIndex(bytes));
  }

  /** Begin to store a pack; `done` is called when its memory is no longer needed. */
  save(pack: FinishedPack, done?: () => void): void {
    const task = this.#store(pack)
      .then(() => done?.())
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running.delete(task);
      });
    this.#running.add(task);
  }

  /** Wait until no more than so many packs are on their way. */
  async atMost(count: number): Promise<void> {
    while (this.#running.size > count) await Promise.race(this.#running);
  }

  /** Wait for all packs and write the rest of the index. Rejects with the first failure there was. */
  async finish(): Promise<void> {
    await this.atMost(0);
    if (this.#failure !== undefined) throw this.#failure;
    await this.#indexWriter.flush();
  }

  /** After a failure or an interruption: index what is durable, so that the next backup need not store it again. */
  async salvage(): Promise<void> {
    await Promise.allSettled(this.#running);
    await this.#indexing.catch(() => undefined);
    await this.#indexWriter.flush();
  }

  async #store(pack: FinishedPack): Promise<void> {
    await this.#options.mayWrite;
    const isContents = listsOnlyContents(pack.header);
    const ref: FileRef = { kind: "pack", name: pack.name };
    const release = await this.#slots.acquire(this.#options.signal);
    try {
      await this.#repository.backend.write(ref, pack.bytes, { isContents });
    } catch (error) {
      // Named by its own hash: what is there already is what was to be written.
      if (!isTsbakError(error, "already-exists")) throw error;
    } finally {
      release();
    }
    this.#remember(pack, isContents);
    // One after another: an index file must be written once, not by two packs that complete it together.
    this.#indexing = this.#indexing.then(() => this.#indexWriter.add(pack.name, pack.header));
    await this.#indexing;
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#options.onFailure?.(this.#failure);
  }

  #remember(pack: FinishedPack, isContents: boolean): void {
    if (!isContents) this.#repository.cache?.rememberPack(pack.name, pack.bytes);
    const index = this.#index;
    if (index === undefined) return;
    const packNumber = index.packNumber(pack.name);
    for (const entry of packEntries(pack.header)) {
      index.add(entry.type, entry.id, 0, packNumber, entry);
    }
  }
}
