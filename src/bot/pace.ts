/**
 * How long to wait before a message goes out, in the persona's own pace: the model says into which gap class the pause
 * fell (design, chat format), and a pause is drawn from that class. `instant` skips all of it.
 */
import type { Random } from '../util/random.ts';

/** lower and upper bound of each gap class, ms; gap 6 (longer) never occurs in a reply */
const gapRangesMs = [
  [1_000, 5_000],
  [5_000, 30_000],
  [30_000, 120_000],
  [120_000, 600_000],
  [600_000, 3_600_000],
  [3_600_000, 21_600_000],
] as const;

const longestPauseMs = 120_000;
const msPerChar = 45;
const longestTypingMs = 8_000;

export interface Pace {
  /** wait without a sign */
  pauseMs: number;
  /** then show "typing..." */
  typingMs: number;
}

/**
 * @param gap class that the model chose, null where it chose none
 * @param elapsedMs how much of the pause has passed already
 */
export function paceOf(text: string, gap: number | null, elapsedMs: number, random: Random): Pace {
  const typingMs = Math.min(1_000 + msPerChar * text.length, longestTypingMs);
  const range = gap === null ? undefined : gapRangesMs[gap];
  if (range === undefined) return { pauseMs: 0, typingMs: Math.max(0, typingMs - elapsedMs) };
  const wanted = Math.min(range[0] + random.next() * (range[1] - range[0]), longestPauseMs);
  const totalMs = Math.max(0, wanted - elapsedMs);
  return { pauseMs: Math.max(0, totalMs - typingMs), typingMs: Math.min(totalMs, typingMs) };
}
