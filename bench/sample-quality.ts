/**
 * Quality on the sample chat, the product's own way: import, `retrain` of nano from scratch, bits per byte on the held-out
 * replies beside the byte 5-gram trained on the same split, in one go.
 * Run: npx tsc -p bench && node dist/bench/sample-quality.js   (about two minutes)
 * Prints a table and writes bench/results/sample-quality.json. Not covered: other sizes, other chats, spread over seeds.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { retrain } from '../src/nightly/retrain.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
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
  const { report } = await retrain({ ...night, backend: 'auto', nowMs: Date.now() });
  rmSync(dir, { recursive: true });
  check(report?.test.run && report.test.ngram, 'the sample chat has held-out replies');
  const { run, ngram } = report.test;
  const ratio = run.bitsPerByte / ngram.bitsPerByte;
  const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
  const result = {
    what: 'held-out bits per byte on the sample chat, nano from scratch beside a byte 5-gram (Witten-Bell)',
    date: new Date().toISOString(),
    machine,
    heldOutMessages: report.dataset.test.personaMessages,
    bytes: run.bytes,
    nano: {
      backend: report.backend,
      passes: report.passes,
      seconds: report.seconds,
      bitsPerByte: rounded(run.bitsPerByte),
    },
    ngram: { bitsPerByte: rounded(ngram.bitsPerByte) },
    ratio: rounded(ratio),
  };
  const results = join(projectRoot, 'bench', 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'sample-quality.json'), `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(machine));
  console.log(
    `nano    ${run.bitsPerByte.toFixed(3)} bits per byte (${report.seconds} s, ${report.passes} passes, ${report.backend})`,
  );
  console.log(`5-gram  ${ngram.bitsPerByte.toFixed(3)} bits per byte`);
  console.log(
    `ratio   ${ratio.toFixed(3)} over ${run.bytes} held-out bytes of ${report.dataset.test.personaMessages} messages`,
  );
}

await main();
