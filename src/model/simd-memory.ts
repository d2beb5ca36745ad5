/**
 * The simd engine's share of the shared memory: what stays (weights, moments, caches) and, behind it, one workspace that
 * each call plans anew and whose contents end with the call. What stays is never moved; caches that are given back are
 * used again, so memory does not grow with the number of replies.
 */
import type { KernelPool } from '../kernels/pool.ts';
import type { Address } from '../kernels/tape.ts';
import { check } from '../util/errors.ts';
import { at } from './simd-activations.ts';

const align = 16; // words

export interface SimdMemory {
  /** Zeroed words that stay until the engine ends. Ends the workspace. */
  keep(words: number): Address;
  /** Words that may hold anything; given back with `giveBack`. Ends the workspace. */
  borrow(words: number): Address;
  giveBack(address: Address): void;
  /** blocks borrowed now */
  borrowed(): number;
  /**
   * Calls `plan` to place what one call needs; `take` hands out words that may hold anything. Valid until the next call
   * of any function here.
   */
  workspace<T>(plan: (take: (words: number) => Address) => T): T;
}

export function createMemory(pool: KernelPool): SimdMemory {
  let workspace: { address: Address; words: number; mark: number } | undefined;
  const inUse = new Map<Address, number>();
  const free: { address: Address; words: number }[] = [];

  const keep = (words: number): Address => {
    if (workspace) pool.release(workspace.mark);
    workspace = undefined;
    return pool.allocate(words);
  };

  return {
    keep,
    borrow(words) {
      // the smallest that fits, but not one twice too large
      const fitting = free.filter((block) => block.words >= words && block.words <= 2 * words);
      const best = fitting.sort((a, b) => a.words - b.words)[0];
      if (best) free.splice(free.indexOf(best), 1);
      const block = best ?? { address: keep(words), words };
      inUse.set(block.address, block.words);
      return block.address;
    },
    giveBack(address) {
      const words = inUse.get(address);
      check(words !== undefined, 'a block of memory was given back twice');
      inUse.delete(address);
      free.push({ address, words });
    },
    borrowed: () => inUse.size,
    workspace(plan) {
      let needed = 0;
      plan((words) => {
        const offset = needed;
        needed += Math.ceil(words / align) * align;
        return offset;
      });
      if (!workspace || workspace.words < needed) {
        if (workspace) pool.release(workspace.mark);
        const mark = pool.mark();
        workspace = { address: pool.allocate(needed), words: needed, mark };
      }
      const { address } = workspace;
      let used = 0;
      return plan((words) => {
        const place = at(address, used);
        used += Math.ceil(words / align) * align;
        return place;
      });
    },
  };
}
