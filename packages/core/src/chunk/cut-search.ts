import { readFileSync } from "node:fs";
import { WINDOW_SIZE } from "./rabin-tables.ts";
import type { RabinTables } from "./rabin-tables.ts";
import { webAssembly } from "./web-assembly.ts";
import type { WasmModule } from "./web-assembly.ts";

/** Memory for data, and the search for cuts in it. */
export interface CutSearch {
  readonly name: string;
  readonly memory: Uint8Array;
  /**
   * The first offset in [`from`, `to`] where the 64 bytes before it hash to a cut, or -1. These bytes must lie
   * in the memory.
   */
  find(from: number, to: number): number;
}

/** Where in the kernel's memory things are: see kernel/rabin.as.ts. */
const REDUCE_AT = 1024;
const LEAVE_AT = 3072;
const PAGE = 65536;

const CUT_MASK = 0xfffff;

let kernel: WasmModule | null | undefined;

/** Search by the WebAssembly kernel, 1.2 GB/s. Undefined if it was not built or cannot run here. */
export function kernelSearch(tables: RabinTables, size: number): CutSearch | undefined {
  kernel ??= compileKernel();
  if (kernel === null) return undefined;
  const linear = new webAssembly.Memory({ initial: 1 + Math.ceil(size / PAGE) });
  const instance = new webAssembly.Instance(kernel, { env: { memory: linear } });
  const search = instance.exports["search"] as (at: number, end: number) => number;
  new BigUint64Array(linear.buffer, REDUCE_AT, 256).set(tables.reduce);
  new BigUint64Array(linear.buffer, LEAVE_AT, 256).set(tables.leave);
  return {
    name: "webassembly",
    memory: new Uint8Array(linear.buffer, PAGE, size),
    find(from, to) {
      // No data at address 0, so that stands for "none". Addresses are unsigned, WebAssembly's results are not.
      const at = search(PAGE + from, PAGE + to) >>> 0;
      return at === 0 ? -1 : at - PAGE;
    },
  };
}

/** Null if there is no kernel: it is not looked for again. */
function compileKernel(): WasmModule | null {
  try {
    // The same path from src/chunk and from dist/chunk.
    const path = new URL("../../wasm/rabin.wasm", import.meta.url);
    return new webAssembly.Module(readFileSync(path));
  } catch {
    return null;
  }
}

/** The same search in TypeScript, at a fifth of the speed. */
export function plainSearch(tables: RabinTables, size: number): CutSearch {
  const memory = new Uint8Array(size);
  const reduceHigh = highHalves(tables.reduce);
  const reduceLow = lowHalves(tables.reduce);
  const leaveHigh = highHalves(tables.leave);
  const leaveLow = lowHalves(tables.leave);
  return {
    name: "plain",
    memory,
    find(from, to) {
      // JavaScript has no fast integers of 64 bits; both halves are kept as signed ones of 32.
      let high = 0;
      let low = 0;
      for (let at = from - WINDOW_SIZE; at < to; at++) {
        if (at >= from && (low & CUT_MASK) === 0) return at;
        const over = high >>> 13;
        const leaving = at < from ? 0 : (memory[at - WINDOW_SIZE] ?? 0);
        high = (high << 8) ^ (low >>> 24) ^ (reduceHigh[over] ?? 0) ^ (leaveHigh[leaving] ?? 0);
        low = (low << 8) ^ (memory[at] ?? 0) ^ (reduceLow[over] ?? 0) ^ (leaveLow[leaving] ?? 0);
      }
      return (low & CUT_MASK) === 0 ? to : -1;
    },
  };
}

function highHalves(table: BigUint64Array): Int32Array {
  return Int32Array.from(table, (entry) => Number(BigInt.asIntN(32, entry >> 32n)));
}

function lowHalves(table: BigUint64Array): Int32Array {
  return Int32Array.from(table, (entry) => Number(BigInt.asIntN(32, entry)));
}
