/**
 * What a new network says before it may say it to anybody: up to 500 sampled turns in contexts that it was not trained on,
 * and what can be counted on them. The gate reads the counts, the report card some of the samples.
 * Contexts come from the test split, or where that has none from validation, or from what was trained on, which then says
 * less about copying. Seeded. Not covered: whether a reply is good; whether one may be sent (reply/guard.ts).
 */
import { setImmediate } from 'node:timers/promises';
import { isScored, type Conversation } from '../dataset/conversations.ts';
import type { Dataset } from '../dataset/build.ts';
import type { Engine } from '../model/engine.ts';
import { defaultMaxNewTokens, draftReplies, maxCandidates } from '../reply/compose.ts';
import { maxReplyChars } from '../reply/guard.ts';
import { buildPrompt } from '../reply/prompt.ts';
import { repeatsItself } from '../reply/rank.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { chatIds, type RedactSpans } from '../tokenizer/chat-format.ts';
import type { ConversationMessage, SamplingOptions, Split } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { createRandom } from '../util/random.ts';
import type { Overlap, Sample, SampleFindings } from './findings.ts';
import { indexTrainingText, overlapOf } from './overlap.ts';

export const wantedSamples = 500;
/** Drawn also where the time is over: fewer say nothing. */
export const fewestSamples = 60;
/** Messages of a context: more than any prompt holds. */
const contextMessages = 40;

/** Where the persona has the word: what was said before, and what the person said then. */
export interface Turn {
  context: ConversationMessage[];
  real: ConversationMessage[];
}

export interface SampleOptions {
  sampling: SamplingOptions;
  redact: RedactSpans;
  seed: number;
  /** 99th percentile of the persona's message length, UTF-16 code units: what the guard lets pass */
  maxChars: number;
  /** unix ms after which no more than `fewestSamples` are drawn */
  deadlineMs: number;
  wanted?: number;
  onProgress?: (share: number) => void;
  signal?: AbortSignal | undefined;
}

export interface Drawn {
  findings: SampleFindings;
  /** one of each context */
  samples: Sample[];
}

/** @returns undefined where nobody says anything to the persona */
export async function drawSamples(
  engine: Engine,
  tokenizer: Tokenizer,
  dataset: Dataset,
  options: SampleOptions,
): Promise<Drawn | undefined> {
  const { sampling, redact, seed, maxChars, deadlineMs, wanted = wantedSamples, onProgress, signal } = options;
  const { split, turns } = turnsToAnswer(dataset);
  if (turns.length === 0) return undefined;
  createRandom(`samples ${seed}`).shuffle(turns);
  const contexts = turns.slice(0, wanted);
  const each = Math.min(maxCandidates, Math.ceil(wanted / contexts.length));
  const { end } = chatIds(tokenizer);
  const { contextLength } = engine.config;

  const samples: Sample[] = [];
  const bubbles: string[] = [];
  const latencies: number[] = [];
  const processor: number[] = [];
  const counts = { samples: 0, empty: 0, tooLong: 0, repetitive: 0 };
  for (let n = 0; counts.samples < wanted; n++) {
    if (Date.now() >= deadlineMs && counts.samples >= Math.min(fewestSamples, wanted)) break;
    if (signal?.aborted === true) {
      throw new UserError('stopped before its end; the serving model stays', 'run `persona retrain` again');
    }
    const turn = contexts[n % contexts.length]!;
    const startedMs = performance.now();
    const startedCpu = process.cpuUsage();
    const { ids } = buildPrompt(turn.context, tokenizer, { contextLength, redact });
    const candidates = Math.min(each, wanted - counts.samples);
    const drafts = await draftReplies(engine, tokenizer, ids, {
      seed: seed + n * maxCandidates,
      sampling,
      candidates,
      maxNewTokens: defaultMaxNewTokens,
    });
    latencies.push((performance.now() - startedMs) / candidates);
    const { user, system } = process.cpuUsage(startedCpu);
    processor.push((user + system) / 1000 / candidates);
    for (const draft of drafts) {
      const texts = draft.bubbles.map(({ text }) => text);
      counts.samples++;
      if (texts.length === 0) counts.empty++;
      if (draft.ids.at(-1) !== end || isTooLong(texts, maxChars)) counts.tooLong++;
      if (repeatsItself(draft.bubbles)) counts.repetitive++;
      bubbles.push(...texts);
    }
    if (n < contexts.length) {
      const real = turn.real.map(({ text }) => text).filter((text) => text !== '');
      const realRowIds = turn.real.map(({ rowId }) => rowId);
      samples.push({
        context: turn.context,
        realRowIds,
        real,
        sampled: drafts[0]?.bubbles.map(({ text }) => text) ?? [],
      });
    }
    onProgress?.(counts.samples / wanted);
    await setImmediate();
  }
  const training = indexTrainingText(conversationsIn(dataset, 'train'), redact);
  const share = (count: number): number => count / counts.samples;
  const findings: SampleFindings = {
    samples: counts.samples,
    contexts: Math.min(contexts.length, latencies.length),
    split,
    empty: share(counts.empty),
    tooLong: share(counts.tooLong),
    repetitive: share(counts.repetitive),
    overlap: overlapOf(bubbles, training),
    heldOutOverlap: heldOutOverlap(dataset, training),
    latencyMs: { median: quantile(latencies, 0.5), p95: quantile(latencies, 0.95) },
    processorMs: { median: quantile(processor, 0.5), p95: quantile(processor, 0.95) },
  };
  return { findings, samples };
}

/** Turns of the persona after somebody else's message, of the first split that has any. */
export function turnsToAnswer(dataset: Dataset): { split: Split; turns: Turn[] } {
  for (const split of ['test', 'validation', 'train'] as const) {
    const turns = conversationsIn(dataset, split).flatMap(turnsOf);
    if (turns.length > 0) return { split, turns };
  }
  return { split: 'train', turns: [] };
}

function turnsOf(conversation: Conversation): Turn[] {
  const { messages } = conversation;
  const turns: Turn[] = [];
  messages.forEach((message, at) => {
    const previous = messages[at - 1];
    if (previous === undefined || previous.isPersona || previous.isBot || !isScored(message, conversation)) return;
    let end = at;
    while (messages[end]?.isPersona === true && messages[end]?.isBot === false) end++;
    turns.push({ context: messages.slice(Math.max(0, at - contextMessages), at), real: messages.slice(at, end) });
  });
  return turns;
}

/** As the reply guard has it. */
function isTooLong(bubbles: readonly string[], maxChars: number): boolean {
  const total = bubbles.reduce((sum, bubble) => sum + bubble.length, bubbles.length - 1);
  return total > maxReplyChars || bubbles.some((bubble) => bubble.length > maxChars);
}

function heldOutOverlap(dataset: Dataset, training: ReturnType<typeof indexTrainingText>): Overlap | null {
  const real = [...conversationsIn(dataset, 'test'), ...conversationsIn(dataset, 'validation')].flatMap(
    (conversation) => conversation.messages.filter((message) => isScored(message, conversation)),
  );
  return real.length === 0
    ? null
    : overlapOf(
        real.map(({ text }) => text),
        training,
      );
}

function conversationsIn(dataset: Dataset, split: Split): Conversation[] {
  return dataset.conversations.filter((entry) => entry.split === split).map(({ conversation }) => conversation);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
