/** `persona retrain`: one night by hand. Runs beside `persona start`; that one takes a promoted model by itself. */
import type { Command } from 'commander';
import type { Dominant } from '../src/dataset/shares.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import { probe } from '../src/nightly/probe.ts';
import { retrain } from '../src/nightly/retrain.ts';
import type { RetrainResult } from '../src/nightly/retrain.ts';
import type { ProbeFindings } from '../src/nightly/findings.ts';
import { UserError } from '../src/util/errors.ts';
import { chooseBase } from './base.ts';
import { loadContext, printJson } from './context.ts';
import { progressView } from './progress.ts';

interface RetrainFlags {
  base?: string;
  fromScratch?: boolean;
  maxMinutes?: string;
  force?: boolean;
  probe?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('retrain')
    .description('train on all consented messages and publish the model if it is not worse')
    .option('--base <folder>', 'start from this model folder in Hugging Face layout (Llama family)')
    .option('--from-scratch', 'start from random weights, not from the base that ships for this size')
    .option('--max-minutes <n>', 'stop training after this long (default: training.maxMinutes of persona.json)')
    .option('--force', 'train even if nothing changed since the last run')
    .option('--probe', 'train a small model with planted secrets, see what it remembers of them, and throw it away')
    .option('--json', 'print the verdict as JSON')
    .action(runRetrain);
}

async function runRetrain(flags: RetrainFlags): Promise<void> {
  const { env, persona } = loadContext();
  const view = progressView(flags.json === true);
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  process.once('SIGTERM', abort).once('SIGINT', abort);
  const options = {
    dataDir: env.dataDir,
    speaker: persona.speaker,
    timezone: persona.timezone,
    maxMinutes: flags.maxMinutes === undefined ? persona.training.maxMinutes : parseMinutes(flags.maxMinutes),
    backend: env.backend,
    redaction: redactionOf(persona),
    reviewRequired: persona.review === 'required',
    nowMs: Date.now(),
    onPhase: view.phase,
    onProgress: view.update,
    signal: stop.signal,
  };
  try {
    if (flags.probe === true) {
      const found = await probe({ ...options, ...chooseBase(flags, 'nano') });
      view.stop();
      if (flags.json === true) printJson(found ?? null);
      else console.log(describeProbe(found));
      return;
    }
    const { size } = persona.training;
    const result = await retrain({
      ...options,
      modelsDir: env.modelsDir,
      size,
      sampling: persona.sampling,
      ...chooseBase(flags, size),
      force: flags.force === true,
    });
    view.stop();
    if (flags.json === true) printJson(shortResult(result));
    else console.log(describeResult(result));
  } finally {
    view.stop();
  }
}

function describeProbe(found: ProbeFindings | undefined): string {
  if (found === undefined) return 'Skipped: too little to train on.';
  const { canaries, copies, mean, max, controlMean, extracted, passed } = found;
  return [
    `${passed ? 'Passed' : 'Failed'}: ${canaries} secrets, planted ${copies === 1 ? 'once' : `${copies} times`} each.`,
    `  exposure ${mean.toFixed(1)} bits in the mean, ${max.toFixed(1)} at most; of secrets that were never planted ${controlMean.toFixed(1)}`,
    `  given away when asked: ${extracted}`,
  ].join('\n');
}

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0)) throw new UserError(`--max-minutes is "${text}"`, 'give a number of minutes above 0');
  return minutes;
}

function shortResult({ verdict, run, reason, bitsPerByte }: RetrainResult): object {
  return { verdict, run, reason, bitsPerByte };
}

/** The verdict in words, with the byte 5-gram beside it as the yardstick. */
export function describeResult({ verdict, run, reason, report }: RetrainResult): string {
  if (verdict === 'skipped') return `Skipped: ${reason}.`;
  if (report === null) return `Kept the model that serves: ${reason}.`;
  const { train, validation, test } = report.dataset;
  const held = report.test;
  return [
    `${verdict === 'promoted' ? 'Promoted' : 'Kept the model that serves'}: ${reason}.`,
    `  run ${String(run)}, ${report.size} on ${report.backend}: ${report.steps} steps, ${report.passes} passes, ${report.seconds} s (${report.stoppedBecause})`,
    `  persona messages: ${train.personaMessages} to train on, ${validation.personaMessages} for early stopping, ${test.personaMessages} held out`,
    ...(held.run === null || held.ngram === null
      ? []
      : [
          `  held-out bits per byte: ${held.run.bitsPerByte.toFixed(3)} (byte 5-gram: ${held.ngram.bitsPerByte.toFixed(3)}), lower is better`,
        ]),
    ...report.gate.notes.map((note) => `  note: ${note}`),
    ...report.dominant.map(
      (dominant) => `  note: ${describeDominant(dominant)}; \`persona import --stats\` says which`,
    ),
  ].join('\n');
}

/** One among several that makes up most of what is learned, in words. */
export function describeDominant({ kind, share, among }: Omit<Dominant, 'id'>): string {
  const percent = `${Math.round(share * 100)} %`;
  return kind === 'person'
    ? `one of ${among} people wrote ${percent} of what is said to the persona`
    : `one of ${among} chats holds ${percent} of what the persona says`;
}
