/**
 * Promote or keep: the new run against what serves, on the test split, in bits per byte. Pure.
 * Not covered: the bootstrap interval over conversations, and leak tests.
 */
import type { BitsReport, Verdict } from '../types.ts';

/** Test-split figures; null where the split holds nothing by the persona, or where nothing serves yet. */
export interface HeldOutBits {
  run: BitsReport | null;
  champion: BitsReport | null;
  /** byte 5-gram trained on the same train split */
  ngram: BitsReport | null;
}

export interface Circumstances {
  /** the serving run saw something that was deleted, edited or withdrawn since */
  championStale: boolean;
  /** bits per target of the validation or train rows: the new run, and the same network before training */
  learned: { before: number; after: number };
}

export interface Decision {
  verdict: Verdict;
  reason: string;
}

export function decide(test: HeldOutBits, { championStale, learned }: Circumstances): Decision {
  if (!Number.isFinite(learned.after) || learned.after >= learned.before) {
    return { verdict: 'kept', reason: 'training did not lower the loss' };
  }
  if (test.run !== null && !Number.isFinite(test.run.bitsPerByte)) {
    return { verdict: 'kept', reason: 'the held-out loss is not a finite number' };
  }
  if (championStale)
    return { verdict: 'promoted', reason: 'the serving run was trained on messages that changed or are gone' };
  if (test.run === null) return { verdict: 'promoted', reason: 'no conversation is held out yet to compare on' };
  const found = test.run.bitsPerByte;
  if (test.champion === null)
    return { verdict: 'promoted', reason: `first run: ${found.toFixed(3)} bits per byte on held-out replies` };
  const before = test.champion.bitsPerByte;
  const compared = `${found.toFixed(3)} bits per byte on held-out replies, ${before.toFixed(3)} before`;
  return found <= before ? { verdict: 'promoted', reason: compared } : { verdict: 'kept', reason: compared };
}
