/** The learning rate over a run, by the share of the run that is over: 0 at its start, 1 at its end. */

/** `cosine`: half a cosine down. `trapezoid`: the peak is held, then a straight line down (warm-up, stable, decay). */
export type ScheduleName = 'cosine' | 'trapezoid';

export interface Schedule {
  schedule: ScheduleName;
  /** peak learning rate */
  learningRate: number;
  /** share of the run in which the learning rate rises to its peak */
  warmupShare: number;
  /** share of the run in which a trapezoid falls; a cosine falls from the end of the warm-up on */
  decayShare: number;
  /** share of the peak that is left at the end */
  minLearningRateShare: number;
}

/** Learning rate after `share` of the run. Beyond 1 it stays where it ended. */
export function learningRateAt(share: number, options: Schedule): number {
  const { schedule, learningRate, warmupShare, decayShare, minLearningRateShare } = options;
  if (share < warmupShare) return (learningRate * share) / warmupShare;
  const fallShare = schedule === 'cosine' ? 1 - warmupShare : Math.min(decayShare, 1 - warmupShare);
  const fallen = Math.min(1, Math.max(0, 1 - (1 - share) / fallShare)); // 0 at the peak, 1 at the end
  const left = schedule === 'cosine' ? (1 + Math.cos(Math.PI * fallen)) / 2 : 1 - fallen;
  return learningRate * (minLearningRateShare + (1 - minLearningRateShare) * left);
}
