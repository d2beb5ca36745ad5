/**
 * The blind quiz: a context that no model was trained on, the reply that the person wrote and one that the serving model
 * samples, in random order. Who takes the sample for the real one is fooled; at one half nobody tells them apart.
 * Both sides look alike: no medium, no number or address (the model writes none), at most four bubbles and 500 characters.
 * Private text goes to who asks, and nowhere else. Not covered: answers (store/quiz.ts), asking (scripts/quiz.ts, bot/).
 */
import type { Dataset } from '../dataset/build.ts';
import { maxReplyChars } from '../reply/guard.ts';
import type { Voice } from '../reply/voice.ts';
import type { RedactSpans } from '../tokenizer/chat-format.ts';
import type { SamplingOptions } from '../types.ts';
import { UserError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { withPlaceholders } from './report/layout.ts';
import { turnsToAnswer, type Turn } from './samples.ts';

export interface QuizLine {
  who: 'persona' | 'other' | 'bot';
  /** with placeholders for what is sensitive */
  text: string;
}

export interface QuizQuestion {
  /** whose sample it is */
  run: string;
  /** row id of the first message of the real reply */
  messageId: number;
  /** what was said before, oldest first */
  context: QuizLine[];
  /** bubbles of the two replies */
  options: [string[], string[]];
  /** which of them the person wrote */
  real: 1 | 2;
}

export interface AskOptions {
  speak: Voice['speak'];
  sampling: SamplingOptions;
  redact: RedactSpans;
  random: Random;
  /** real messages that were asked about before, with this run */
  asked: ReadonlySet<number>;
}

const mostBubbles = 4;
const shownLines = 4;
/** Contexts that are tried before giving up: the model may stay silent in one, or say just what the person said. */
const mostTries = 20;

/** Held-out turns that can be asked about. */
export function quizTurns(dataset: Dataset, redact: RedactSpans): Turn[] {
  const { split, turns } = turnsToAnswer(dataset);
  return split !== 'test' ? [] : turns.filter(({ real }) => isPlain(real, redact));
}

function isPlain(real: Turn['real'], redact: RedactSpans): boolean {
  const chars = real.reduce((sum, { text }) => sum + text.length, 0);
  const isText = real.every(({ text, media }) => media === null && text.trim() !== '' && redact(text).length === 0);
  return isText && real.length <= mostBubbles && chars <= maxReplyChars;
}

/** @throws UserError where nothing is held out, all was asked, or there is no model that answers */
export async function askQuestion(turns: readonly Turn[], options: AskOptions): Promise<QuizQuestion> {
  const { speak, sampling, redact, random, asked } = options;
  if (turns.length === 0) {
    throw new UserError('no reply of the persona is held out yet', 'Collect or import more, and train again.');
  }
  const open = random.shuffle(turns.filter(({ real }) => !asked.has(real[0]!.rowId)));
  if (open.length === 0) {
    throw new UserError('every held-out reply was asked about', 'The next model brings new questions.');
  }
  for (const { context, real } of open.slice(0, mostTries)) {
    const spoken = await speak({ context, seed: random.int(2 ** 31), sampling });
    if (spoken === undefined) throw new UserError('there is no trained model yet', 'Run `persona retrain`.');
    const own = real.map(({ text }) => tidy(text));
    const sampled = spoken.candidates[0]?.bubbles.map(({ text }) => tidy(text)).filter((text) => text !== '') ?? [];
    if (sampled.length === 0 || sameWords(own, sampled)) continue;
    const isRealFirst = random.int(2) === 0;
    return {
      run: spoken.runId,
      messageId: real[0]!.rowId,
      context: context.slice(-shownLines).map(({ isPersona, isBot, text, media }) => ({
        who: isBot ? 'bot' : isPersona ? 'persona' : 'other',
        text: `${media === null ? '' : `[${media}] `}${withPlaceholders(text, redact)}`.trim(),
      })),
      options: isRealFirst ? [own, sampled] : [sampled, own],
      real: isRealFirst ? 1 : 2,
    };
  }
  throw new UserError('the model has nothing to say where it was asked', 'Try again.');
}

/** White space at the ends or in rows would tell. */
const tidy = (text: string): string => text.replaceAll(/[ \t]+/g, ' ').trim();

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  const folded = (texts: readonly string[]): string => texts.join('\n').normalize('NFKC').toLowerCase();
  return folded(a) === folded(b);
}
