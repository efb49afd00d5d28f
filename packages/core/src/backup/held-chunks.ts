import { LEAST_PAIRED } from "../crypto/sha256-group.ts";
import type { ChunkStore } from "./chunk-store.ts";

/** Chunks that are stored together, in bytes: they stay in the processor's cache from the first look at them to the last. */
const GROUP_SIZE = 4 << 20;

/** Where chunks go; both return ids in hex. */
export type ChunkSaver = Pick<ChunkStore, "save" | "saveAll">;

interface HeldChunk {
  readonly bytes: Uint8Array;
  /** Where its id goes. */
  readonly ids: string[];
  readonly at: number;
}

/** Holds long chunks until there are enough to be hashed together, and stores short ones at once. */
export class HeldChunks {
  readonly #store: ChunkSaver;
  #held: HeldChunk[] = [];
  #size = 0;

  constructor(store: ChunkSaver) {
    this.#store = store;
  }

  /** While it is not empty, the bytes of chunks must stay as they are. */
  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Store a chunk now or later, and append its id to `ids`; what stands there is good after the next `flush`. */
  add(bytes: Uint8Array, ids: string[]): void {
    if (bytes.length < LEAST_PAIRED) {
      ids.push(this.#store.save(bytes));
    } else {
      this.#held.push({ bytes, ids, at: ids.push("") - 1 });
      this.#size += bytes.length;
      if (this.#size >= GROUP_SIZE) this.flush();
    }
  }

  /** Store what is held. */
  flush(): void {
    const held = this.#held;
    this.#held = [];
    this.#size = 0;
    const saved = this.#store.saveAll(held.map(({ bytes }) => bytes));
    held.forEach(({ ids, at }, of) => (ids[at] = saved[of] as string));
  }
}
