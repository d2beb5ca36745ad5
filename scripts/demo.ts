/**
 * `persona demo`: the main job on a sample chat that ships with the project. Imports it, teaches the nano base its voice in
 * about two minutes on two cores, prints how well that predicts held-out replies, has it answer ten fixed messages, and
 * opens a terminal chat (where there is a terminal; docs/demo-transcript.md is one such run without).
 * Touches nothing outside the folder demo/ (removed by `--fresh`, or by hand). No phone, no GPU, no persona.json.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadEnvironment } from '../src/config.ts';
import { retrain } from '../src/nightly/retrain.ts';
import { maxCandidates } from '../src/reply/compose.ts';
import { projectRoot } from '../src/util/dist.ts';
import { createLog } from '../src/util/log.ts';
import { parseSeed } from './chat.ts';
import { chooseBase } from './base.ts';
import { isInteractive, openServingVoice } from './context.ts';
import { progressView } from './progress.ts';
import { describeResult } from './retrain.ts';
import { importSample, sample } from './sample.ts';
import { askOnce, converse } from './terminal.ts';

/** What a friend might write; none of it stands in the sample chat. */
const prompts: readonly string[] = [
  'Good morning! Did you sleep well?',
  'What are you having for dinner tonight?',
  'Is there a rehearsal this week?',
  'How is the thesis going?',
  'Did Pickle behave while you were out?',
  'Shall we go for a walk on Sunday?',
  'I had a terrible day at school.',
  'What should I bring on Friday?',
  'Are you home yet?',
  'I have to sleep now. Talk tomorrow?',
];

/** the best for ranked replies of this chat (bench/results/reply-rank.json) */
const sampling = { temperature: 0.6, topK: 0, topP: 0.9, repetitionPenalty: 1 };
const trainingMinutes = 2;
/** the ten answers are the same every time */
const promptSeed = 1;

export function register(program: Command): void {
  program
    .command('demo')
    .description('import the sample chat, train a small model on it, and chat with it here')
    .option('--ask <text>', 'print one reply and end')
    .option('--seed <n>', 'repeat the same replies')
    .option('--fresh', 'forget an earlier demo and train again')
    .option('--from-scratch', 'train from random weights, to hear what the base is good for')
    .action(demo);
}

async function demo(flags: { ask?: string; seed?: string; fresh?: boolean; fromScratch?: boolean }): Promise<void> {
  const { backend } = loadEnvironment();
  const folder = join(projectRoot, 'demo');
  if (flags.fresh === true) rmSync(folder, { recursive: true, force: true });
  const dataDir = join(folder, 'data');
  const modelsDir = join(folder, 'models');
  say(`The demo keeps everything in ${folder}.`);

  const stored = await importSample(dataDir);
  say(
    `Imported the sample chat: ${stored.inserted + stored.known} messages, ${stored.personaMessages} by ${sample.shortName}, whose voice is learned.`,
  );

  const view = progressView(false);
  const result = await retrain({
    dataDir,
    modelsDir,
    speaker: 'me',
    timezone: sample.timezone,
    size: 'nano',
    maxMinutes: trainingMinutes,
    backend,
    sampling,
    ...chooseBase(flags, 'nano'),
    nowMs: Date.now(),
    onPhase: view.phase,
    onProgress: view.update,
  }).finally(view.stop);
  say(describeResult(result));

  const voice = openServingVoice({ modelsDir, backend }, createLog('warn'));
  const options = {
    voice,
    name: sample.shortName,
    sampling,
    ...(flags.seed === undefined ? {} : { seed: parseSeed(flags.seed) }),
  };
  try {
    if (flags.ask !== undefined) {
      console.log((await askOnce(options, flags.ask)).join('\n'));
      return;
    }
    for (const [i, text] of prompts.entries()) {
      console.log(`you: ${text}`);
      for (const bubble of await askOnce(
        { ...options, seed: (options.seed ?? promptSeed) + maxCandidates * i },
        text,
      )) {
        console.log(`${sample.shortName}: ${bubble}`);
      }
    }
    if (isInteractive()) await converse(options);
  } finally {
    await voice.close();
  }
}

/** Everything but the reply goes to stderr, so that `--ask` can be piped. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
