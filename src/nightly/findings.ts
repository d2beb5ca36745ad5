/**
 * What a night finds out, as plain numbers: kept in the store, in the run's manifest, and read by the report card. No text of
 * any message, no names; people are ids of the store. Types only.
 */
import type { Dataset } from '../dataset/build.ts';
import type { Dominant } from '../dataset/shares.ts';
import type { Learned } from '../train/learn-best.ts';
import type { Way } from '../train/recipe.ts';
import type { CurveRow } from '../train/state.ts';
import type { BackendName, BitsReport, ConversationMessage, ModelSize, Split, Verdict } from '../types.ts';

/** Test-split figures; null where the split holds nothing by the persona, or where there is no such model. */
export interface HeldOutBits {
  run: BitsReport | null;
  /** what serves, on the same conversations */
  champion: BitsReport | null;
  /** byte 5-gram trained on the same train split */
  ngram: BitsReport | null;
  /** what the run started from; null: from scratch */
  base?: BitsReport | null;
}

/**
 * Relative loss of the new run against another on the same conversations: bits of the run over bits of the other, less 1;
 * below 0 the run is better. Bounds are percentiles of the paired bootstrap (bootstrap.ts), null where there are too few
 * conversations for it.
 */
export interface RelativeLoss {
  /** pairs: conversations in which the persona says something that is measured */
  conversations: number;
  /** over all of them together */
  mean: number;
  /** two-sided 95 % interval */
  low: number | null;
  high: number | null;
  /** one-sided 95 % upper bound, which the gate holds against +1 % */
  upper: number | null;
  resamples: number;
}

/** The same for the conversations in which one person takes part beside the persona. */
export interface ContributorLoss {
  personId: number;
  conversations: number;
  mean: number;
  /** lower bound at 95 %, corrected for the number of contributors (Bonferroni) */
  low: number;
  clearlyWorse: boolean;
}

/** Shares are 0 to 1 of the samples. */
export interface SampleFindings {
  /** samples drawn: 500, or as many as there was time for */
  samples: number;
  /** of so many different contexts, of this split */
  contexts: number;
  split: Split;
  /** samples without a visible word */
  empty: number;
  /** samples that did not end by themselves, or are longer than a reply may be */
  tooLong: number;
  /** samples that say a bubble or phrase twice running */
  repetitive: number;
  /** what samples share with the texts that were trained on; the real replies of the test split beside it */
  overlap: Overlap;
  heldOutOverlap: Overlap | null;
  /** ms for one candidate of a reply and its share of the prompt, on the training backend, at the priority of the night */
  latencyMs: { median: number; p95: number };
  /** the same in processor time, which other programs on the machine do not stretch; says little of a GPU */
  processorMs: { median: number; p95: number };
}

/** Runs of words, folded as the reply guard folds them, that stand in a training text word for word. */
export interface Overlap {
  /** texts with at least six words, which is what counts as a phrase */
  texts: number;
  /** longest run, in words, leaving out runs that stand in three conversations or more */
  longest: number;
  /** share of those texts that hold such a run of six words or more */
  copied: number;
}

/** The newest probe run (probe.ts): a network of its own with planted canaries, never one that serves. Exposure in bits. */
export interface ProbeFindings {
  atMs: number;
  canaries: number;
  copies: number;
  /** of planted canaries, and of others that were never planted */
  mean: number;
  max: number;
  controlMean: number;
  /** canaries that greedy decoding gives away */
  extracted: number;
  passed: boolean;
}

/** What the gate looked at, and why it said what it said. */
export interface GateFindings {
  /** what the run had to be no worse than: what serves, else the base, else the untrained network; `nothing`: no held-out text */
  against: 'champion' | 'base' | 'untrained' | 'nothing';
  /** id of the run that served when this one was judged */
  championRun: string | null;
  /** the serving run saw something that was deleted, edited or withdrawn since */
  championStale: boolean;
  /** held-out conversations left out since the champion had been trained on them */
  excluded: number;
  loss: RelativeLoss | null;
  /** people with enough held-out conversations, where there are two or more of them */
  contributors: ContributorLoss[];
  samples: SampleFindings | null;
  probe: ProbeFindings | null;
  /** sentences; empty: promoted */
  failed: string[];
  /** rules that could not be applied or say less than usual, in sentences */
  notes: string[];
}

/** What is stored of a night; numbers only, no text. */
export interface RetrainReport {
  /** says what was computed: equal for equal data, options and code (`nightKey`) */
  key: string;
  dataset: Dataset['manifest']['counts'];
  leftOut: Dataset['manifest']['leftOut'];
  /** one among several people or chats that makes up most of what is learned, without its name */
  dominant: Omit<Dominant, 'id'>[];
  datasetHash: string;
  backend: BackendName;
  size: ModelSize;
  /** the base that was to be started from (`baseId`); null = from scratch */
  base: string | null;
  /** what was hidden (`redactionId`) */
  redaction: string;
  /** false: from scratch, since that base does not read the chat's language */
  baseFits: boolean;
  test: HeldOutBits;
  gate: GateFindings;
  /** how it was learned, and what each way that was tried came to on the validation split */
  way: Way['name'];
  tried: Learned['tried'];
  steps: number;
  passes: number;
  tokensSeen: number;
  /** what the night was allowed to take */
  maxMinutes: number;
  /** training and judging, of the process that came to the end where the night was interrupted */
  seconds: number;
  stoppedBecause: string;
  /** times that the night was killed or stopped and went on */
  resumed: number;
  /** most memory that the process has held, bytes */
  peakMemory: number;
}

/** One sampled turn and the real one in its place. Private text: for the report card alone, never for the store or a log. */
export interface Sample {
  /** messages before the turn, oldest first, as the prompt saw them */
  context: readonly ConversationMessage[];
  /** row ids of the real turn */
  realRowIds: readonly number[];
  /** bubbles that the person wrote */
  real: readonly string[];
  /** bubbles that the network wrote; none where it stayed silent */
  sampled: readonly string[];
}

/**
 * What `writeReportCard(folder, night)` of report/ is handed: after the run's folder is on disk and before it is published
 * (save-run.ts), since a published run never changes.
 */
export interface JudgedNight {
  run: string;
  startedAtMs: number;
  verdict: Verdict;
  reason: string;
  report: RetrainReport;
  /** lines of metrics.jsonl */
  curve: readonly CurveRow[];
  /** one candidate for each context, in seeded order */
  samples: readonly Sample[];
}
