/** The sample chat with two nights behind it, as the program itself makes them: once from scratch, once from the base. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { importSample, sample } from '../../scripts/sample.ts';
import { makeHome, persona, type Home } from '../support/cli.ts';

export interface Nights extends Home {
  /** ids, oldest first */
  runs: [string, string];
}

/** Short ones: a network that has learned little says enough to be looked at. Pictures for people get the demo's time. */
const minutes = process.env['SCREENSHOTS'] === undefined ? '0.3' : '2';

/** A copy of its own for each test file; made by the first one that asks. */
export async function twoNights(): Promise<Nights> {
  const made = await madeOnce();
  const home = makeHome({ PERSONA_BACKEND: 'simd' });
  for (const part of ['data', 'models', 'persona']) cpSync(join(made, part), join(home.dir, part), { recursive: true });
  return { ...home, runs: JSON.parse(readFileSync(join(made, 'runs.json'), 'utf8')) as [string, string] };
}

async function madeOnce(): Promise<string> {
  const made = join(inject('sharedDir'), 'two-nights');
  const claim = `${made}.claimed`;
  while (!existsSync(made)) {
    try {
      mkdirSync(claim);
    } catch {
      await sleep(200); // another file makes it
      continue;
    }
    try {
      const home = await make();
      cpSync(home.dir, `${made}.new`, { recursive: true });
      renameSync(`${made}.new`, made);
      home.remove();
    } finally {
      rmdirSync(claim);
    }
  }
  return made;
}

async function make(): Promise<Home> {
  const home = makeHome({ PERSONA_BACKEND: 'simd' });
  const config = {
    name: sample.shortName,
    timezone: sample.timezone,
    training: { size: 'nano', maxMinutes: Number(minutes) },
    sampling: { temperature: 0.6, topK: 0, topP: 0.9, repetitionPenalty: 1 },
  };
  writeFileSync(join(home.personaDir, 'persona.json'), JSON.stringify(config));
  await importSample(home.dataDir);
  const runs = [await night(home, ['--from-scratch']), await night(home, ['--force'])];
  writeFileSync(join(home.dir, 'runs.json'), JSON.stringify(runs));
  return home;
}

/** A run that the gate keeps back speaks all the same: the pages are what is looked at. */
async function night(home: Home, flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await persona(home, ['retrain', '--json', '--max-minutes', minutes, ...flags]);
  if (code !== 0) throw new Error(`the night ended with ${code}: ${stderr}`);
  const { run, verdict } = JSON.parse(stdout) as { run: string; verdict: string };
  if (verdict === 'kept') await persona(home, ['models', 'use', run]);
  return run;
}
