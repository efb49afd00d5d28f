import { badFrame, wrongLength } from "./zstd-error.ts";
import { splitFrames } from "./zstd-frame.ts";
import { checkRoom } from "./zstd-bound.ts";
import type { Zstd } from "./zstd.ts";

/** What of Emscripten's module is used. Addresses and sizes come back as signed numbers of 32 bits. */
interface ZstdModule {
  readonly HEAPU8: Uint8Array;
  _malloc(size: number): number;
  _free(address: number): void;
  _ZSTD_compressBound(size: number): number;
  _compress(out: number, room: number, bytes: number, size: number, level: number): number;
  _decompress(out: number, room: number, bytes: number, size: number): number;
  _ZSTD_isError(code: number): number | boolean;
}

/** `ZSTD_error_dstSize_tooSmall` of zstd_errors.h, as results report it. */
const DESTINATION_TOO_SMALL = -70;

/** Zstandard compiled to WebAssembly, for a Node without it. Undefined if the package is not installed. */
export async function loadWasmZstd(): Promise<Zstd | undefined> {
  try {
    const { _WasmModule } = await import("@cloudpss/zstd/wasm");
    return new WasmZstd(_WasmModule as unknown as ZstdModule);
  } catch {
    return undefined;
  }
}

class WasmZstd implements Zstd {
  readonly name = "webassembly";
  readonly #module: ZstdModule;

  constructor(module: ZstdModule) {
    this.#module = module;
  }

  compress(bytes: Uint8Array, level: number): Uint8Array<ArrayBuffer> {
    const module = this.#module;
    const frame = this.#run(bytes, module._ZSTD_compressBound(bytes.length), (out, room, at) =>
      module._compress(out, room, at, bytes.length, level),
    );
    if (typeof frame === "number") {
      throw new Error(`Cannot compress ${bytes.length} bytes: zstd error ${-frame}`);
    }
    return frame;
  }

  compressInto(bytes: Uint8Array, level: number, out: Uint8Array): number {
    checkRoom(out, bytes.length);
    const frame = this.compress(bytes, level);
    out.set(frame);
    return frame.length;
  }

  decompress(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
    const content = this.#tryDecompress(bytes, length);
    if (content === undefined) throw wrongLength("longer", length);
    if (content.length !== length) throw wrongLength(content.length, length);
    return content;
  }

  decompressInto(bytes: Uint8Array, out: Uint8Array): void {
    out.set(this.decompress(bytes, out.length));
  }

  decompressUnknown(bytes: Uint8Array, maxLength: number): Uint8Array<ArrayBuffer> {
    let room = Math.min(maxLength, Math.max(4096, 8 * bytes.length));
    for (;;) {
      const content = this.#tryDecompress(bytes, room);
      if (content !== undefined) return content;
      if (room >= maxLength) throw wrongLength("longer", maxLength);
      room = Math.min(maxLength, 4 * room);
    }
  }

  /** Returns undefined if the content is longer than `room`. */
  #tryDecompress(bytes: Uint8Array, room: number): Uint8Array<ArrayBuffer> | undefined {
    // zstd takes no bytes at all for no frames, and no error.
    splitFrames(bytes);
    const content = this.#run(bytes, room, (out, _, at) =>
      this.#module._decompress(out, room, at, bytes.length),
    );
    if (typeof content !== "number") return content;
    if (content === DESTINATION_TOO_SMALL) return undefined;
    throw badFrame(`zstd error ${-content}`);
  }

  /** Copies `bytes` into the module's memory, and out of it what `work` made there, or returns its error code. */
  #run(
    bytes: Uint8Array,
    room: number,
    work: (out: number, room: number, at: number) => number,
  ): Uint8Array<ArrayBuffer> | number {
    const module = this.#module;
    const at = this.#allocate(bytes.length + room);
    try {
      // The array of the heap is read anew each time: it changes whenever the memory grows.
      module.HEAPU8.set(bytes, at);
      const out = at + bytes.length;
      const size = work(out, room, at);
      if (module._ZSTD_isError(size)) return size | 0;
      return new Uint8Array(module.HEAPU8.subarray(out, out + size));
    } finally {
      module._free(at);
    }
  }

  #allocate(size: number): number {
    const at = this.#module._malloc(size) >>> 0;
    if (at === 0) throw new Error(`Cannot run zstd: no memory for ${size} bytes`);
    return at;
  }
}
