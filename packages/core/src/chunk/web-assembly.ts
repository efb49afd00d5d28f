/** What of the global `WebAssembly` is used: TypeScript knows it from its browser library only. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Memory: new (limits: { initial: number }) => WasmMemory;
  readonly Instance: new (
    module: WasmModule,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

/** Compiled code, to be run by instances. */
export type WasmModule = object;

/** Linear memory. Its buffer is replaced whenever it grows. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** The global of that name. */
export const webAssembly: WebAssemblyApi = (
  globalThis as unknown as { WebAssembly: WebAssemblyApi }
).WebAssembly;
