/** A conversation with the persona in the terminal: `persona chat` and `persona demo`. Nothing said here is stored. */
import { randomInt } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { maxCandidates } from '../src/reply/compose.ts';
import type { Voice } from '../src/reply/voice.ts';
import type { ConversationMessage, SamplingOptions } from '../src/types.ts';
import { UserError } from '../src/util/errors.ts';

export interface TerminalOptions {
  voice: Voice;
  name: string;
  sampling: SamplingOptions;
  /** the first reply's seed; the next ones' follow, each with one for every candidate */
  seed?: number;
}

/** Answer one message. @throws UserError when there is no model yet */
export async function askOnce(options: TerminalOptions, text: string): Promise<string[]> {
  return answer(options, [message([], text, false)], firstSeed(options));
}

/** Chat until end of input (Ctrl-D) or `/quit`. */
export async function converse(options: TerminalOptions): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'you: ' });
  process.stdout.write(
    `Chat with ${options.name}, an automated imitation. /quit or Ctrl-D ends it; nothing is stored.\n`,
  );
  const context: ConversationMessage[] = [];
  let seed = firstSeed(options);
  lines.prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (text === '/quit') break;
    if (text !== '') {
      context.push(message(context, text, false));
      for (const bubble of await answer(options, context, seed)) {
        process.stdout.write(`${options.name}: ${bubble}\n`);
        context.push(message(context, bubble, true));
      }
      seed += maxCandidates;
    }
    lines.prompt();
  }
  lines.close();
}

async function answer(options: TerminalOptions, context: ConversationMessage[], seed: number): Promise<string[]> {
  const spoken = await options.voice.speak({ context, seed, sampling: options.sampling });
  if (spoken === undefined)
    throw new UserError('there is no trained model yet', 'import a chat, then run `npm run retrain`');
  const [best] = spoken.candidates;
  return best === undefined ? ['(no answer)'] : best.bubbles.map(({ text }) => text);
}

function message(before: readonly ConversationMessage[], text: string, isBot: boolean): ConversationMessage {
  return {
    rowId: before.length + 1,
    personId: isBot ? 1 : 2,
    isPersona: false,
    isBot,
    timestampMs: Date.now(),
    minutePrecision: false,
    text,
    media: null,
    quotedRowId: null,
  };
}

function firstSeed({ seed }: TerminalOptions): number {
  return seed ?? randomInt(2 ** 31);
}
