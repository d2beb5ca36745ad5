/** The part of WebAssembly that pool.ts and the probe use, typed: @types/node leaves it to the DOM's types, not ours. */

export interface WasmModule {
  readonly exports?: never;
}
export interface WasmInstance {
  readonly exports: Record<string, unknown>;
}
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
  /** by so many pages of 64 KiB; throws a RangeError where they cannot be had */
  grow(pages: number): number;
}

interface WasmApi {
  Instance: new (module: WasmModule, imports: object) => WasmInstance;
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory;
  compile(bytes: Uint8Array): Promise<WasmModule>;
  /** whether this engine knows every instruction in it */
  validate(bytes: Uint8Array): boolean;
}

export const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: WasmApi };
