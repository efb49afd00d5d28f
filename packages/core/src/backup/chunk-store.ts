import { loadGroupHasher } from "../crypto/sha256-group.ts";
import { sha256 } from "../crypto/sha256.ts";
import { toHex } from "../bytes/hex.ts";
import { BlobEncoder } from "../repository/blob-encoder.ts";
import { SharedIndexView } from "../repository/shared-index.ts";
import { ClaimTable } from "../repository/claim-table.ts";
import { OpenPacks, type FinishedPack } from "../repository/open-packs.ts";
import { PackMemoryPool } from "../repository/pack-memory.ts";
import { throwIfStopped } from "../workers/serve-tasks.ts";
import type { Zstd } from "../compress/zstd.ts";
import type { BackupSetup, StoreCounts } from "./protocol.ts";

/** Stores chunks of one worker thread: hash, ask the shared index, claim, compress, seal, append to a pack. */
export class ChunkStore {
  readonly #index: SharedIndexView;
  readonly #claims: ClaimTable;
  readonly #encoder: BlobEncoder;
  readonly #packs: OpenPacks;
  readonly #hasher = loadGroupHasher();
  readonly #onPack: (pack: FinishedPack) => void;
  #counts: StoreCounts = { blobs: 0, added: 0, packed: 0 };

  constructor(setup: BackupSetup, zstd: Zstd, onPack: (pack: FinishedPack) => void) {
    this.#index = new SharedIndexView(setup.index);
    this.#claims = new ClaimTable(setup.claims);
    this.#encoder = new BlobEncoder(zstd, setup);
    this.#packs = new OpenPacks(
      setup.key,
      setup.packSize,
      new PackMemoryPool(setup.packMemory, throwIfStopped),
      setup.openPacks,
    );
    this.#onPack = onPack;
  }

  /** Store a chunk unless it is known, and return its id in hex. The bytes are borrowed. */
  save(plain: Uint8Array): string {
    throwIfStopped();
    return this.#saveAs(sha256(plain), plain);
  }

  /** As `save`, of several chunks: hashing long ones is faster so. */
  saveAll(plains: readonly Uint8Array[]): string[] {
    throwIfStopped();
    return this.#hasher.hashApart(plains).map((id, at) => {
      throwIfStopped();
      return this.#saveAs(id, plains[at] as Uint8Array);
    });
  }

  /** What was stored since the last call. */
  takeCounts(): StoreCounts {
    const counts = this.#counts;
    this.#counts = { blobs: 0, added: 0, packed: 0 };
    return counts;
  }

  #saveAs(id: Uint8Array, plain: Uint8Array): string {
    if (!this.#index.has("data", id) && this.#claims.claim("data", id)) this.#store(id, plain);
    return toHex(id);
  }

  #store(id: Uint8Array, plain: Uint8Array): void {
    const { stored, uncompressedLength } = this.#encoder.encode("data", plain);
    const { length, finished } = this.#packs.add({
      type: "data",
      id,
      stored,
      uncompressedLength,
    });
    this.#counts.blobs++;
    this.#counts.added += plain.length;
    this.#counts.packed += length;
    if (finished !== undefined) this.#onPack(finished);
  }
}
