/**
 * Threads over one shared memory, and the kernels compiled to wasm (assembly/, built by build.ts). The calling thread is
 * thread 0 and works too; each of the others instantiates the same module and waits inside wasm for a tape to run.
 * An idle pool sleeps: a thread spins for some tens of microseconds after a run, in case the next comes at once.
 * Results are bit-identical for any number of threads.
 *
 * Memory is a bump allocator with marks, because an engine allocates once and a reply gives back all it took.
 */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { UserError, check } from '../util/errors.ts';
import { distFile } from '../util/dist.ts';
import { type Variant, wasmFile } from './microkernel.ts';
import { type WasmMemory, type WasmModule, wasm } from './webassembly.ts';
import { type Address, type Tape, createTape, entryWords, operations } from './tape.ts';

export type { Address, Tape } from './tape.ts';

export interface KernelPool {
  readonly threads: number;
  /** whether products use fused multiply-add: the same bits only among pools of one variant */
  readonly variant: Variant;
  /** Zeroed words (f32 or i32), 64-byte aligned. Memory grows as needed; views taken before keep to the old length. */
  allocate(words: number): Address;
  /** `release(mark())` frees everything allocated in between. */
  mark(): number;
  release(mark: number): void;
  /** A view, valid until the next allocate. */
  floats(at: Address, count: number): Float32Array;
  ints(at: Address, count: number): Int32Array;
  /** What is recorded here runs on all threads (tape.ts). */
  readonly tape: Tape;
  /** Bytes allocated, scratch of the threads included. */
  bytes(): number;
  /** Ends the workers; idempotent. They never keep the process alive. */
  close(): void;
}

/** What assembly/tape.ts exports. Control words lie at the address given to setUp. */
interface KernelExports {
  heapBase(): Address;
  /** words that control, all scratch included, takes from heapBase for this many threads */
  controlBytes(threads: number): number;
  setUp(control: Address, tid: number, threads: number): void;
  /** thread 0: wakes the others, runs entries, waits for them; 0, or 1 + the index of the entry that failed */
  run(tape: Address, entries: number): number;
  /** marks the entry that this thread runs as failed and lets every thread out of its barriers */
  fail(): void;
  /** thread 0 after its own failure: waits for the others; 1 + the index of the entry that failed first */
  settle(): number;
  /** the others: waits for a run and does its part; 0 once the pool is closed */
  work(): number;
  close(): void;
}

/** Entries recorded before a run becomes due by itself; a training step needs some hundreds. */
const tapeCapacity = 4096;

const pageBytes = 65_536;
const maxPages = 65_536;
const lineBytes = 64;

/** What the module imports. The text of it is what the workers run too, so it may use nothing from around it. */
function imports(memory: WasmMemory): object {
  return {
    env: {
      memory,
      sleep: (at: number, value: number, milliseconds: number) => {
        Atomics.wait(new Int32Array(memory.buffer), at >> 2, value, milliseconds < 0 ? Infinity : milliseconds);
      },
      abort: () => {
        throw new Error('abort');
      },
    },
  };
}

/** Runs in each worker. Plain JavaScript in a string, so that it is the same from src/ and from dist/. */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads');
const { module, memory, control, tid, threads } = workerData;
const kernels = new WebAssembly.Instance(module, (${imports.toString()})(memory)).exports;
kernels.setUp(control, tid, threads);
parentPort.postMessage('ready');
parentPort.close();
for (;;) {
  try {
    if (kernels.work() === 0) break;
  } catch {
    kernels.fail();
  }
}
`;

/** Threads of a pool that is not told how many: every core, at most 8. */
export const defaultThreads = (): number => Math.min(availableParallelism(), 8);

/**
 * Opens a pool of `threads` (1 = no workers).
 * @throws UserError when the kernels have not been built
 */
export async function openPool(options: { threads?: number; variant?: Variant } = {}): Promise<KernelPool> {
  const threads = options.threads ?? defaultThreads();
  check(Number.isInteger(threads) && threads >= 1 && threads <= 64, `a pool of ${threads} threads`);
  const { variant, module: compiling } = compiled(options.variant);
  const module = await compiling;
  const memory = new wasm.Memory({ initial: 1, maximum: maxPages, shared: true });
  const instance = new wasm.Instance(module, imports(memory));
  const kernels = instance.exports as unknown as KernelExports;

  const control = kernels.heapBase();
  const tapeAt = align(control + kernels.controlBytes(threads));
  const base = align(tapeAt + 4 * entryWords * tapeCapacity);
  let next = base;
  // bytes below this may have been written; above it memory is zero as it came
  let touched = base;

  const growTo = (end: number): void => {
    const pages = Math.ceil((end - memory.buffer.byteLength) / pageBytes);
    if (pages <= 0) return;
    try {
      memory.grow(pages);
    } catch (cause) {
      throw new UserError(
        `The model needs ${Math.ceil(end / 2 ** 20)} MiB for its numbers, more than can be had (at most 4,096).`,
        'Choose a smaller size, a shorter context or a smaller batch.',
        { cause },
      );
    }
  };
  growTo(base);
  kernels.setUp(control, 0, threads);
  const workers = await startWorkers({ module, memory, control, threads });

  let closed = false;
  const execute = (entries: number): void => {
    check(!closed, 'this pool is closed');
    let failed: number;
    let cause: unknown;
    try {
      failed = kernels.run(tapeAt, entries);
    } catch (error) {
      cause = error;
      kernels.fail();
      failed = kernels.settle();
    }
    if (failed === 0) return;
    const code = new Int32Array(memory.buffer, tapeAt, entryWords * entries)[(failed - 1) * entryWords]!;
    const reason = cause instanceof Error ? cause.message : 'in another thread';
    throw new Error(`kernel ${operations[code] ?? code} (entry ${failed} of ${entries}) failed: ${reason}`, { cause });
  };

  return {
    threads,
    variant,
    tape: createTape(new Int32Array(memory.buffer, tapeAt, entryWords * tapeCapacity), execute),
    allocate(words) {
      check(Number.isSafeInteger(words) && words >= 0, `allocate ${words} words`);
      const at = next;
      const end = align(at + 4 * words);
      growTo(end);
      const dirty = Math.min(end, touched) - at;
      if (dirty > 0) new Uint8Array(memory.buffer, at, dirty).fill(0);
      next = end;
      touched = Math.max(touched, next);
      return at;
    },
    mark: () => next,
    release(mark) {
      check(mark >= base && mark <= next, `release to ${mark}, of ${base} to ${next}`);
      next = mark;
    },
    floats: (at, count) => new Float32Array(memory.buffer, at, count),
    ints: (at, count) => new Int32Array(memory.buffer, at, count),
    bytes: () => next,
    close() {
      if (closed) return;
      closed = true;
      kernels.close();
      for (const worker of workers) worker.unref();
    },
  };
}

const align = (address: number): number => Math.ceil(address / lineBytes) * lineBytes;

const modules = new Map<Variant, Promise<WasmModule>>();

/**
 * The kernels, compiled once a process: unless `wanted` says otherwise with fused multiply-add (relaxed SIMD) where this
 * Node knows it, which is a fifth faster and rounds once instead of twice. Node 20 knows it behind a flag.
 */
function compiled(wanted: Variant | undefined): { variant: Variant; module: Promise<WasmModule> } {
  const read = (variant: Variant): Uint8Array => {
    const file = distFile(`src/kernels/${wasmFile(variant)}`);
    if (!existsSync(file)) throw new UserError(`${file} is missing.`, 'Run: npm run build');
    return readFileSync(file);
  };
  const available = (): boolean => wasm.validate(read('fused'));
  if (wanted !== 'plain' && !available()) setFlagsFromString('--experimental-wasm-relaxed-simd');
  const variant = wanted ?? (available() ? 'fused' : 'plain');
  const module = modules.get(variant) ?? wasm.compile(read(variant));
  modules.set(variant, module);
  return { variant, module };
}

interface WorkerSetup {
  module: WasmModule;
  memory: WasmMemory;
  control: Address;
  threads: number;
}

function startWorkers(setup: WorkerSetup): Promise<Worker[]> {
  const others = Array.from({ length: setup.threads - 1 }, (_, i) => i + 1);
  return Promise.all(
    others.map(
      (tid) =>
        new Promise<Worker>((resolve, reject) => {
          // no execArgv: loaders and inspectors of the caller are not for this thread
          const worker = new Worker(workerSource, { eval: true, workerData: { ...setup, tid }, execArgv: [] });
          worker.once('error', reject);
          worker.once('message', () => {
            worker.unref();
            resolve(worker);
          });
        }),
    ),
  );
}
