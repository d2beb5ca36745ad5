/** A judged night with invented numbers and words, for tests of the report card. */
import type { JudgedNight, RetrainReport, Sample } from '../../../src/nightly/findings.ts';
import type { ConversationCost } from '../../../src/nightly/report/figures.ts';
import type { ConversationMessage } from '../../../src/types.ts';

const counts = (personaMessages: number) => ({
  conversations: 10,
  messages: 2 * personaMessages,
  personaMessages,
  personaBytes: 30 * personaMessages,
  personaRepeats: 0,
});

export const bits = (bitsPerByte: number) => ({ bits: 1000 * bitsPerByte, bytes: 1000, bitsPerByte, markBits: 10 });

export const report: RetrainReport = {
  dataset: { train: counts(1200), validation: counts(60), test: counts(120) },
  leftOut: {
    sealedMessages: 3,
    emptyMessages: 0,
    oldConversations: 0,
    repeatedConversations: 1,
    nearRepeatedConversations: 0,
    repeatedMessages: 4,
    nearRepeatedMessages: 0,
  },
  dominant: [],
  key: 'c'.repeat(64),
  maxMinutes: 240,
  datasetHash: 'a'.repeat(64),
  backend: 'simd',
  size: 'nano',
  base: 'nano@1234',
  redaction: 'b'.repeat(64),
  baseFits: true,
  test: { run: bits(2.04), champion: bits(2.12), ngram: bits(2.63), base: bits(2.9) },
  gate: {
    against: 'champion',
    championRun: '2026-11-01T03-00-00Z',
    championStale: false,
    excluded: 0,
    loss: { conversations: 12, mean: -0.04, low: -0.06, high: -0.02, upper: -0.025, resamples: 2000 },
    contributors: [{ personId: 4, conversations: 12, mean: -0.04, low: -0.05, clearlyWorse: false }],
    samples: {
      samples: 500,
      contexts: 60,
      split: 'test',
      empty: 0.01,
      tooLong: 0.002,
      repetitive: 0.03,
      overlap: { texts: 200, longest: 9, copied: 0.04 },
      heldOutOverlap: { texts: 40, longest: 8, copied: 0.05 },
      latencyMs: { median: 31.4, p95: 80 },
      processorMs: { median: 30, p95: 78 },
    },
    probe: null,
    failed: [],
    notes: [],
  },
  way: 'strong',
  tried: [
    { way: 'gentle', validationNats: 3.21 },
    { way: 'strong', validationNats: 3.1 },
  ],
  steps: 252,
  passes: 3,
  tokensSeen: 90_000,
  seconds: 100,
  stoppedBecause: 'finished',
  resumed: 0,
  peakMemory: 300 * 2 ** 20,
};

export function message(text: string, fields: Partial<ConversationMessage> = {}): ConversationMessage {
  return {
    rowId: 1,
    personId: 2,
    isPersona: false,
    isBot: false,
    timestampMs: null,
    minutePrecision: false,
    text,
    media: null,
    quotedRowId: null,
    ...fields,
  };
}

export const sample = (fields: Partial<Sample> = {}): Sample => ({
  context: [message('are you home?')],
  realRowIds: [7],
  real: ['not yet', 'ten minutes'],
  sampled: ['almost'],
  ...fields,
});

export const night = (fields: Partial<JudgedNight> = {}): JudgedNight => ({
  run: '2026-11-02T03-00-00Z',
  startedAtMs: Date.UTC(2026, 10, 2, 3),
  verdict: 'promoted',
  reason: '2.040 bits per byte on held-out replies, 2.120 before',
  report,
  curve: [
    { step: 0, epoch: 0, elapsedMs: 0, learningRate: 0, lossNats: null, validationNats: 4, gradNorm: null },
    { step: 100, epoch: 1, elapsedMs: 1, learningRate: 1e-3, lossNats: 3.5, validationNats: 3.4, gradNorm: 1 },
    { step: 200, epoch: 2, elapsedMs: 2, learningRate: 1e-4, lossNats: 3.1, validationNats: 3.2, gradNorm: 1 },
  ],
  samples: Array.from({ length: 12 }, (_, i) => sample({ sampled: [`almost ${i}`] })),
  ...fields,
});

/** A run that needs a tenth less than the champion in every conversation. */
export const costs: ConversationCost[] = Array.from({ length: 12 }, (_, i) => ({
  bytes: 100 + 10 * i,
  words: 20 + 2 * i,
  bits: { run: 180 + 18 * i, champion: 200 + 20 * i, base: 300 + 25 * i, ngram: null },
}));
