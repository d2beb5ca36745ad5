/** Which positions of a batch have a target. */
import type { TokenBatch } from '../types.ts';

/** Positions that have a target, and the targets there. */
export function withTarget(targets: Int32Array): { positions: Int32Array; ids: Int32Array } {
  const positions = new Int32Array(targets.length);
  let count = 0;
  for (let i = 0; i < targets.length; i++) if (targets[i]! >= 0) positions[count++] = i;
  return { positions: positions.slice(0, count), ids: positions.slice(0, count).map((i) => targets[i]!) };
}

export function countTargets({ targets }: TokenBatch): number {
  let count = 0;
  for (const id of targets) if (id >= 0) count++;
  return count;
}
