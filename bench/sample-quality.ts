/**
 * Quality on the sample chat, the product's own way: import, `retrain` of nano on the base that ships and from scratch, bits
 * per byte on the held-out replies beside the byte 5-gram trained on the same split, in one go.
 * Run: npx tsc -p bench && node dist/bench/sample-quality.js   (about three minutes)
 * Prints a table and writes bench/results/sample-quality.json. Not covered: other sizes, other chats, spread over seeds.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { retrain } from '../src/nightly/retrain.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { chooseBase } from '../scripts/base.ts';
import { importSample, sample } from '../scripts/sample.ts';
import { machine } from './machine.ts';

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'persona-bench-'));
  const dataDir = join(dir, 'data');
  await importSample(dataDir);
  const sampling = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };
  const modelsDir = join(dir, 'models');
  const night = {
    dataDir,
    modelsDir,
    speaker: 'me',
    timezone: sample.timezone,
    size: 'nano',
    maxMinutes: 10,
    sampling,
  } as const;
  const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
  const starts = { 'on the base': chooseBase({}, 'nano'), 'from scratch': {} };
  const rows: Record<string, object> = {};
  let ngramBits = NaN;
  console.log(JSON.stringify(machine));
  for (const [name, start] of Object.entries(starts)) {
    const { report } = await retrain({ ...night, ...start, backend: 'auto', nowMs: Date.now(), force: true });
    check(report?.test.run && report.test.ngram, 'the sample chat has held-out replies');
    const { test, dataset, base, backend, way, passes, seconds } = report;
    const { bitsPerByte } = report.test.run;
    ngramBits = report.test.ngram.bitsPerByte;
    rows[name] = {
      heldOutMessages: dataset.test.personaMessages,
      bytes: test.run?.bytes,
      base,
      backend,
      way,
      passes,
      seconds,
      bitsPerByte: rounded(bitsPerByte),
      ofTheNgram: rounded(bitsPerByte / ngramBits),
    };
    console.log(
      `nano ${name.padEnd(13)}${bitsPerByte.toFixed(3)} bits per byte (${seconds} s, ${passes} passes, ${backend})`,
    );
  }
  rmSync(dir, { recursive: true });
  const result = {
    what: 'held-out bits per byte on the sample chat, nano beside a byte 5-gram (Witten-Bell)',
    date: new Date().toISOString(),
    machine,
    nano: rows,
    ngram: { bitsPerByte: rounded(ngramBits) },
  };
  const results = join(projectRoot, 'bench', 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'sample-quality.json'), `${JSON.stringify(result, null, 2)}\n`);
  console.log(`5-gram           ${ngramBits.toFixed(3)} bits per byte`);
}

await main();
