import { createRequire } from "node:module";
import type { Chunker } from "./chunker.ts";
import { MAX_SIZE, MIN_SIZE } from "./rabin.ts";
import type { WasmMemory } from "./web-assembly.ts";

const AVERAGE_SIZE = 1_048_576;

/** The exports of the module inside fastcdc-wasm, which its own wrapper would copy all bytes to and from. */
interface FastCdcModule {
  readonly memory: WasmMemory;
  get_chunks(
    result: number,
    at: number,
    length: number,
    min: number,
    average: number,
    max: number,
  ): void;
  __wbindgen_malloc(size: number): number;
  __wbindgen_free(at: number, size: number): void;
}

/** Place of a result in the module's memory, and the slack that lists of cuts are made in. */
const RESULT_SIZE = 8;
const SLACK = 65_536;

/**
 * FastCDC with chunks of 512 KiB to 8 MiB, 1 MiB beyond the least on average. Its table is public, so lengths of
 * chunks tell more about known files than with `RabinChunker`. Its memory is never given back: one per thread.
 */
export class FastCdcChunker implements Chunker {
  readonly memory: Uint8Array;
  /** The hash of zeros alone never ends in a cut. */
  readonly zeroLength: number = MAX_SIZE;
  readonly #module: FastCdcModule;
  readonly #base: number;
  readonly #result: number;
  /** Cuts of the present bytes that were not asked for yet, in falling order. */
  #cuts: number[] = [];
  #start = -1;
  #end = -1;

  constructor(size: number) {
    const require = createRequire(import.meta.url);
    const { __wasm: module } = require("fastcdc-wasm") as { __wasm: FastCdcModule };
    this.#module = module;
    this.#base = module.__wbindgen_malloc(size);
    this.#result = module.__wbindgen_malloc(RESULT_SIZE);
    // Grown now, the memory need not grow later: that would detach every view of it.
    module.__wbindgen_free(module.__wbindgen_malloc(SLACK), SLACK);
    this.memory = new Uint8Array(module.memory.buffer, this.#base, size);
  }

  cut(start: number, end: number, isEnd: boolean): number {
    if (start < 0 || start > end || end > this.memory.length) {
      throw new RangeError(`Cannot cut chunk: ${start} to ${end} is outside the memory`);
    }
    // All cuts come at once: they are kept for the calls that follow with the same bytes.
    if (start !== this.#start || end !== this.#end || this.#cuts.length === 0) {
      this.#cuts = this.#search(start, end);
    }
    const at = this.#cuts.pop() ?? -1;
    // What ends with the bytes need not be a cut.
    const isCut = at !== -1 && (at < end || isEnd || at - start === MAX_SIZE);
    this.#start = isCut ? at : -1;
    this.#end = end;
    return isCut ? at : -1;
  }

  reset(): void {
    this.#start = -1;
    this.#cuts = [];
  }

  #search(start: number, end: number): number[] {
    if (start === end) return [];
    const { memory, get_chunks: getChunks, __wbindgen_free: free } = this.#module;
    getChunks(this.#result, this.#base + start, end - start, MIN_SIZE, AVERAGE_SIZE, MAX_SIZE);
    const [at = 0, count = 0] = new Uint32Array(memory.buffer, this.#result, 2);
    const ends = new Uint32Array(memory.buffer, at, count);
    // The list begins with 0.
    const cuts = Array.from(ends, (length) => start + length).filter((cut) => cut > start);
    free(at, 4 * count);
    return cuts.reverse();
  }
}
