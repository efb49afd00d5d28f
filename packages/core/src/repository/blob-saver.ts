import type { BlobType } from "../format/blob-type.ts";
import { toHex } from "../bytes/hex.ts";
import { sha256 } from "../crypto/sha256.ts";
import type { BlobIndex } from "./blob-index.ts";
import type { FinishedPack, OpenPacks } from "./open-packs.ts";
import type { ClaimTable } from "./claim-table.ts";
import type { BlobEncoder } from "./blob-encoder.ts";

/** What saving one blob came to. */
export interface SavedBlob {
  readonly id: string;
  /** Bytes added to packs; 0 if the repository had the blob. */
  readonly storedLength: number;
}

/** Saves blobs from the main thread: trees, and whatever is too little to be worth a worker. */
export class BlobSaver {
  readonly #index: BlobIndex;
  readonly #claims: ClaimTable;
  readonly #encoder: BlobEncoder;
  readonly #packs: OpenPacks;
  readonly #onPack: (pack: FinishedPack) => void;

  /** `onPack` is given each pack that is full. */
  constructor(
    parts: { index: BlobIndex; claims: ClaimTable; encoder: BlobEncoder; packs: OpenPacks },
    onPack: (pack: FinishedPack) => void,
  ) {
    this.#index = parts.index;
    this.#claims = parts.claims;
    this.#encoder = parts.encoder;
    this.#packs = parts.packs;
    this.#onPack = onPack;
  }

  /** Save a blob unless the repository has it. The bytes are borrowed. */
  save(type: BlobType, plain: Uint8Array): SavedBlob {
    const id = sha256(plain);
    const hex = toHex(id);
    if (this.#index.has(type, id) || !this.#claims.claim(type, id)) {
      return { id: hex, storedLength: 0 };
    }
    const { stored, uncompressedLength } = this.#encoder.encode(type, plain);
    const added = this.#packs.add({ type, id, stored, uncompressedLength });
    if (added.finished !== undefined) this.#onPack(added.finished);
    return { id: hex, storedLength: added.length };
  }
}
