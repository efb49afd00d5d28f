import { anySignal } from "../../async/any-signal.ts";
import { Semaphore } from "../../async/semaphore.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { fromHex } from "../../bytes/hex.ts";
import type { BlobType } from "../../format/blob-type.ts";
import { BlobEncoder } from "../../repository/blob-encoder.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import {
  createOpenPacks,
  OpenPacks,
  type FinishedPack,
  type NewBlob,
} from "../../repository/open-packs.ts";
import { PrivatePackMemory } from "../../repository/pack-memory.ts";
import { PackSaver } from "../../repository/pack-saver.ts";
import type { Repository } from "../../repository/repository.ts";

/** The target size of packs, as of a backup. */
const PACK_SIZE = 16 << 20;

/**
 * Writes blobs that were saved from damage into new packs, whether the index knows them or not: what it knows may be what is
 * damaged. Each blob is written once.
 */
export class RescueWriter {
  readonly #encoder: BlobEncoder;
  readonly #saver: PackSaver;
  readonly #packs: Readonly<Record<BlobType, OpenPacks>>;
  readonly #written = new Set<string>();
  /** Holds the writing back when the backend is slow, so that packs do not pile up in memory. */
  readonly #room: Semaphore;
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;

  /** New packs are added to `index` when they are durable. */
  constructor(repository: Repository, index: BlobIndex, { signal }: CallOptions) {
    const { masterKey, zstd, version, backend } = repository;
    this.#encoder = new BlobEncoder(zstd, { version, compression: "auto", extraVerify: true });
    this.#saver = new PackSaver(repository, index, {
      signal,
      onFailure: () => this.#failed.abort(),
    });
    const open = (): OpenPacks =>
      new OpenPacks(masterKey, PACK_SIZE, new PrivatePackMemory(PACK_SIZE), createOpenPacks());
    this.#packs = { data: open(), tree: open() };
    this.#room = new Semaphore(backend.connections);
    this.#signal = anySignal(signal, this.#failed.signal);
  }

  /** Number of blobs so far. */
  get count(): number {
    return this.#written.size;
  }

  /** Write a blob in the form in which it was stored before. */
  async addStored(id: string, blob: Omit<NewBlob, "id">): Promise<void> {
    if (!this.#isNew(blob.type, id)) return;
    const packs = this.#packs[blob.type];
    const { finished } = packs.add({ ...blob, id: fromHex(id) });
    if (finished !== undefined) await this.#save(finished, packs);
  }

  /** Write a blob whose plain bytes have this id. */
  async addPlain(type: BlobType, id: string, plain: Uint8Array): Promise<void> {
    const { stored, uncompressedLength } = this.#encoder.encode(type, plain);
    await this.addStored(id, { type, stored, uncompressedLength });
  }

  /** Resolves when all blobs are durable and in a durable index. */
  async finish(): Promise<void> {
    for (const packs of Object.values(this.#packs)) {
      for (const pack of packs.finish()) await this.#save(pack, packs);
    }
    await this.#saver.finish();
  }

  #isNew(type: BlobType, id: string): boolean {
    const before = this.#written.size;
    return this.#written.add(`${type} ${id}`).size > before;
  }

  async #save(pack: FinishedPack, packs: OpenPacks): Promise<void> {
    const leave = await this.#room.acquire(this.#signal).catch(async (error: unknown) => {
      // The first failure tells more than that the others were given up.
      await this.#saver.finish();
      throw error;
    });
    this.#saver.save(pack, () => {
      packs.release(pack);
      leave();
    });
  }
}
