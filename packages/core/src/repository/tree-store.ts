import type { CallOptions } from "../backend/backend.ts";
import type { CompressionLevel } from "../compress/zstd.ts";
import { toHex } from "../bytes/hex.ts";
import { sha256 } from "../crypto/sha256.ts";
import { BlobEncoder } from "./blob-encoder.ts";
import type { BlobIndex } from "./blob-index.ts";
import { BlobSaver } from "./blob-saver.ts";
import { ClaimTable, createClaims } from "./claim-table.ts";
import { createOpenPacks, OpenPacks, type FinishedPack } from "./open-packs.ts";
import { PackSaver } from "./pack-saver.ts";
import { PrivatePackMemory } from "./pack-memory.ts";
import type { Repository } from "./repository.ts";

/** How trees are stored. */
export interface TreeStoreOptions extends CallOptions {
  /** Only tell what ids trees would have. */
  readonly dryRun?: boolean | undefined;
  readonly compression?: CompressionLevel | undefined;
  /** Target size of packs in bytes; 16 MiB if absent. */
  readonly packSize?: number | undefined;
  /** Check each compressed tree before it is sealed; on unless false. */
  readonly extraVerify?: boolean | undefined;
}

const PACK_SIZE = 16 << 20;

/**
 * Stores new trees from the main thread, for operations that need no more threads. What was saved may be referred to by a
 * snapshot once `finish` has resolved.
 */
export class TreeStore {
  readonly #dryRun: boolean;
  readonly #saver: BlobSaver;
  readonly #encoder: BlobEncoder;
  readonly #copied = new Set<string>();
  readonly #open: OpenPacks;
  readonly #packs: PackSaver;
  readonly #mostUnderWay: number;
  #underWay = 0;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(repository: Repository, index: BlobIndex, options: TreeStoreOptions = {}) {
    const { compression = "auto", packSize = PACK_SIZE, extraVerify = true, signal } = options;
    const { masterKey, version, zstd } = repository;
    this.#dryRun = options.dryRun ?? false;
    this.#mostUnderWay = repository.backend.connections;
    const memory = new PrivatePackMemory(packSize);
    this.#open = new OpenPacks(masterKey, packSize, memory, createOpenPacks());
    this.#packs = new PackSaver(repository, index, {
      signal,
      onFailure: (error) => this.#fail(error),
    });
    this.#encoder = new BlobEncoder(zstd, {
      version,
      compression,
      extraVerify,
      mostlyShort: true,
    });
    const claims = new ClaimTable(createClaims());
    const parts = { index, claims, encoder: this.#encoder, packs: this.#open };
    this.#saver = new BlobSaver(parts, (pack) => this.#send(pack));
  }

  /** Store a tree unless the repository has it, and return its id. The bytes are borrowed. */
  save(tree: Uint8Array): string {
    return this.#dryRun ? toHex(sha256(tree)) : this.#saver.save("tree", tree).id;
  }

  /** Store a tree even if the repository has it, once, because none of the copies there can be read. */
  saveCopy(tree: Uint8Array): string {
    const id = sha256(tree);
    const hex = toHex(id);
    if (this.#dryRun || this.#copied.has(hex)) return hex;
    this.#copied.add(hex);
    const added = this.#open.add({ type: "tree", id, ...this.#encoder.encode("tree", tree) });
    if (added.finished !== undefined) this.#send(added.finished);
    return hex;
  }

  /**
   * Wait while more packs are on their way to the backend than it takes at once: whoever saves many trees calls this now and then, and
   * memory stays bounded.
   */
  async room(): Promise<void> {
    while (this.#failure === undefined && this.#underWay > this.#mostUnderWay) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Make everything durable that was saved, packs first, then the index that names them. More may be saved afterwards. */
  async finish(): Promise<void> {
    for (const pack of this.#open.finish()) this.#send(pack);
    await this.#packs.finish();
  }

  #send(pack: FinishedPack): void {
    this.#underWay++;
    this.#packs.save(pack, () => {
      this.#underWay--;
      this.#open.release(pack);
      this.#wake();
    });
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#wake();
  }
}
