/**
 * Promote or keep. The new run must have learned, must be no worse than what serves on the test split (early stopping looked
 * at validation), and what it says must be fit to be said. Every rule is a sentence where it fails; all are looked at, so that
 * the report says everything that is wrong. Pure. Not covered: how the figures are found (judge.ts).
 */
import { wilson } from '../util/intervals.ts';
import type { Verdict } from '../types.ts';
import { compare, fewestConversations, lowerBound } from './bootstrap.ts';
import type {
  ContributorLoss,
  GateFindings,
  Overlap,
  ProbeFindings,
  RelativeLoss,
  SampleFindings,
} from './findings.ts';
import type { HeldOut, MeasuredPair } from './measure.ts';
import { wantedSamples } from './samples.ts';

/** The relative loss may be at most this, with 95 % confidence. */
export const allowedLoss = 0.01;

/**
 * Shares of samples that may be unfit. The bot draws four candidates or more for a reply and passes these over (rank.ts,
 * guard.ts), so a few cost nothing; at a quarter, one reply in 256 has no candidate left. A share counts against the run once
 * chance does not explain it: its lower 95 % bound (Wilson 1927) is above.
 */
export const sampleLimits = { empty: 0.25, tooLong: 0.25, repetitive: 0.25 } as const;

/**
 * Samples of six words or more that hold a run of six words of one training text. People repeat themselves and each other:
 * the real held-out replies tell how often (their upper 95 % bound). Sampling at a low temperature repeats more; so much more
 * is allowed.
 */
export const copiedMargin = 0.25;
/** Longest such run that is allowed, in words, beside twice that of the real held-out replies: a sentence, not a message. */
export const longestRun = 16;

/** For a reply of all its candidates, at the priority of the night. */
export const slowestReplyMs = 30_000;

export interface GateInput {
  heldOut: HeldOut;
  /** mean loss in nats a target: the new run, and the same network before training */
  learned: { before: number; after: number };
  /** what serves, and whether it saw something that was deleted, edited or withdrawn since: then it is compared with nothing */
  championRun: string | null;
  championStale: boolean;
  /** undefined: nobody says anything that could be answered */
  samples: SampleFindings | undefined;
  /** ms for a reply of as many candidates as the bot draws, 95th percentile */
  replyMs: number;
  probe: ProbeFindings | null;
  seed: number | string;
}

export interface Decision {
  verdict: Verdict;
  reason: string;
  findings: GateFindings;
}

export function decide(input: GateInput): Decision {
  const { heldOut, championRun, championStale, samples, probe, seed } = input;
  const { pairs, against, excluded } = heldOut;
  const isComparable = pairs.length > 0 && pairs.every(({ run }) => Number.isFinite(run));
  const loss = isComparable ? compare(pairs, { seed }) : null;
  const contributors = isComparable && against === 'champion' ? contributorLosses(pairs, seed) : [];
  const failed = [
    ...learningFailures(input),
    ...lossFailures(heldOut, loss),
    ...contributorFailures(contributors),
    ...sampleFailures(input),
  ];
  const findings: GateFindings = {
    against,
    championRun,
    championStale,
    excluded,
    loss,
    contributors,
    samples: samples ?? null,
    probe,
    failed,
    notes: notesOf(input, loss),
  };
  if (failed.length > 0) return { verdict: 'kept', reason: failed.join('; '), findings };
  return { verdict: 'promoted', reason: reasonToPromote(input), findings };
}

function reasonToPromote({ heldOut, championRun, championStale }: GateInput): string {
  const { run, champion, base, ngram } = heldOut.bits;
  if (championStale) return 'the serving run was trained on messages that changed or are gone';
  if (run === null) return 'no conversation is held out yet to compare on';
  const found = `${run.bitsPerByte.toFixed(3)} bits per byte on held-out replies`;
  if (champion !== null) return `${found}, ${champion.bitsPerByte.toFixed(3)} before`;
  const first = championRun === null ? 'first run: ' : '';
  if (base !== null && base !== undefined) return `${first}${found}, ${base.bitsPerByte.toFixed(3)} before it learned`;
  return `${first}${found}${ngram === null ? '' : `, a byte 5-gram ${ngram.bitsPerByte.toFixed(3)}`}`;
}

// === The rules

function learningFailures({ learned, heldOut }: GateInput): string[] {
  const { run } = heldOut.bits;
  if (!Number.isFinite(learned.after) || (run !== null && !Number.isFinite(run.bitsPerByte))) {
    return ['the loss is not a finite number'];
  }
  return learned.after >= learned.before ? ['training did not lower the loss'] : [];
}

function lossFailures({ bits, against }: HeldOut, loss: RelativeLoss | null): string[] {
  const { run } = bits;
  const other = bits.champion ?? bits.base ?? null;
  if (loss === null || run === null || other === null) return [];
  const compared = `${run.bitsPerByte.toFixed(3)} bits per byte on held-out replies, ${other.bitsPerByte.toFixed(3)}`;
  if (against === 'base') return loss.mean >= 0 ? [`no better than before it learned: ${compared} before`] : [];
  if (loss.mean > 0) return [`worse than what serves: ${compared} before`];
  if (loss.upper === null || loss.upper < allowedLoss) return [];
  return [`perhaps worse than what serves: ${compared} before, but by chance up to ${percent(loss.upper)} worse`];
}

function contributorFailures(contributors: readonly ContributorLoss[]): string[] {
  const worse = contributors.filter(({ clearlyWorse }) => clearlyWorse);
  if (worse.length === 0) return [];
  const most = Math.max(...worse.map(({ mean }) => mean));
  return [`clearly worse with ${worse.length} of ${contributors.length} people, by ${percent(most)} at most`];
}

function sampleFailures({ samples, replyMs }: GateInput): string[] {
  if (samples === undefined) return [];
  const failed: string[] = [];
  const tooMany = (share: number, limit: number): boolean =>
    wilson(Math.round(share * samples.samples), samples.samples).low > limit;
  const { overlap, heldOutOverlap } = samples;
  const usual = heldOutOverlap?.copied ?? 0;
  // where few or no real replies are held out, nobody knows how much is usual: up to all
  const mostUsual = heldOutOverlap === null ? 1 : boundsOf(heldOutOverlap).high;
  const longestUsual = Math.max(longestRun, 2 * (heldOutOverlap?.longest ?? 0));
  if (boundsOf(overlap).low > mostUsual + copiedMargin) {
    failed.push(
      `it repeats what it was trained on: ${percent(overlap.copied)} of its longer messages copy six words or more, of real ones ${percent(usual)}`,
    );
  }
  if (overlap.longest > longestUsual) {
    failed.push(`it repeats ${overlap.longest} words of a training message, ${longestUsual} at most are allowed`);
  }
  if (tooMany(samples.empty, sampleLimits.empty)) failed.push(`${percent(samples.empty)} of its replies are empty`);
  if (tooMany(samples.tooLong, sampleLimits.tooLong)) {
    failed.push(`${percent(samples.tooLong)} of its replies are too long`);
  }
  if (tooMany(samples.repetitive, sampleLimits.repetitive)) {
    failed.push(`${percent(samples.repetitive)} of its replies go round in circles`);
  }
  if (replyMs > slowestReplyMs) failed.push(`a reply takes ${Math.round(replyMs / 1000)} s`);
  return failed;
}

const boundsOf = ({ copied, texts }: Overlap): { low: number; high: number } =>
  wilson(Math.round(copied * texts), texts);

function contributorLosses(pairs: readonly MeasuredPair[], seed: number | string): ContributorLoss[] {
  const byPerson = new Map<number, MeasuredPair[]>();
  for (const pair of pairs) {
    for (const person of pair.others) byPerson.set(person, [...(byPerson.get(person) ?? []), pair]);
  }
  const known = [...byPerson].filter(([, own]) => own.length >= fewestConversations);
  if (known.length < 2) return []; // the mean over all says it already
  return known.map(([personId, own]) => {
    const { mean } = compare(own, { seed });
    const low = lowerBound(own, 0.05 / known.length, `${seed} ${personId}`);
    return { personId, conversations: own.length, mean, low, clearlyWorse: low > 0 && mean > allowedLoss };
  });
}

function notesOf({ heldOut, samples, probe }: GateInput, loss: RelativeLoss | null): string[] {
  const notes: string[] = [];
  if (heldOut.against === 'nothing') notes.push('no conversation is held out yet: nothing was compared');
  if (heldOut.against === 'untrained') notes.push('compared with the untrained network alone: nothing serves yet');
  if (loss !== null && loss.upper === null) {
    notes.push(
      `only ${loss.conversations} held-out conversations, below ${fewestConversations} chance cannot be told: the mean alone decided`,
    );
  }
  if (heldOut.excluded > 0) {
    notes.push(`${heldOut.excluded} held-out conversations were left out: the serving run was trained on them`);
  }
  if (samples === undefined) notes.push('nobody says anything to the persona: nothing was sampled');
  if (samples !== undefined && samples.samples < wantedSamples) {
    notes.push(`${samples.samples} samples instead of ${wantedSamples}: there was no time for more`);
  }
  if (samples !== undefined && samples.split !== 'test') {
    notes.push(`samples answer messages of the ${samples.split} split: no conversation is held out for the gate`);
  }
  if (probe?.passed === false) notes.push('the last probe with planted canaries remembered too much of them');
  return notes;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share !== 0 && Math.abs(share) < 0.1 ? 1 : 0)} %`;
}
