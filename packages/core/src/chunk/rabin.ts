import type { Chunker } from "./chunker.ts";
import { kernelSearch, plainSearch } from "./cut-search.ts";
import type { CutSearch } from "./cut-search.ts";
import { rabinTables } from "./rabin-tables.ts";
import type { RabinTables } from "./rabin-tables.ts";

/** No chunk is shorter, but the last of a file. */
export const MIN_SIZE = 524_288;
/** No chunk is longer. */
export const MAX_SIZE = 8_388_608;

/**
 * restic's chunker, restic-format section 11: a cut is where the Rabin fingerprint of the last 64 bytes, modulo the
 * repository's secret polynomial, ends in 20 zero bits. Bytes before the shortest possible chunk are not looked at.
 */
export class RabinChunker implements Chunker {
  readonly memory: Uint8Array;
  /** 64 zeros hash to zero, which is a cut, at the first place that is looked at. */
  readonly zeroLength: number = MIN_SIZE;
  readonly #search: CutSearch;
  /** How much of the present chunk is known to hold no cut. */
  #searched = 0;

  /** `makeSearch` is for comparisons; by default WebAssembly is preferred. */
  constructor(
    polynomial: bigint,
    size: number,
    makeSearch: (tables: RabinTables, size: number) => CutSearch = fastestSearch,
  ) {
    this.#search = makeSearch(rabinTables(polynomial), size);
    this.memory = this.#search.memory;
  }

  cut(start: number, end: number, isEnd: boolean): number {
    if (start < 0 || start > end || end > this.memory.length) {
      throw new RangeError(`Cannot cut chunk: ${start} to ${end} is outside the memory`);
    }
    const at = this.#findCut(start, end, isEnd);
    this.#searched = at === -1 ? end - start : 0;
    return at;
  }

  reset(): void {
    this.#searched = 0;
  }

  #findCut(start: number, end: number, isEnd: boolean): number {
    const limit = Math.min(end, start + MAX_SIZE);
    const from = Math.max(start + MIN_SIZE, start + this.#searched + 1);
    const found = from <= limit ? this.#search.find(from, limit) : -1;
    if (found !== -1) return found;
    if (limit === start + MAX_SIZE) return limit;
    return isEnd && end > start ? end : -1;
  }
}

function fastestSearch(tables: RabinTables, size: number): CutSearch {
  return kernelSearch(tables, size) ?? plainSearch(tables, size);
}
