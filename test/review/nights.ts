/** The sample chat with two nights behind it, as the program itself makes them: once from scratch, once from the base. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importSample, sample } from '../../scripts/sample.ts';
import { makeHome, persona, type Home } from '../support/cli.ts';

export interface Nights extends Home {
  /** ids, oldest first */
  runs: [string, string];
}

/** Short ones: a network that has learned little says enough to be looked at. Pictures for people get the demo's time. */
const minutes = process.env['SCREENSHOTS'] === undefined ? '0.3' : '2';

export async function twoNights(): Promise<Nights> {
  const home = makeHome({ PERSONA_BACKEND: 'simd' });
  const config = {
    name: sample.shortName,
    timezone: sample.timezone,
    training: { size: 'nano', maxMinutes: Number(minutes) },
    sampling: { temperature: 0.6, topK: 0, topP: 0.9, repetitionPenalty: 1 },
  };
  writeFileSync(join(home.personaDir, 'persona.json'), JSON.stringify(config));
  await importSample(home.dataDir);
  const first = await night(home, ['--from-scratch']);
  const second = await night(home, ['--force']);
  return { ...home, runs: [first, second] };
}

/** A run that the gate keeps back speaks all the same: the pages are what is looked at. */
async function night(home: Home, flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await persona(home, ['retrain', '--json', '--max-minutes', minutes, ...flags]);
  if (code !== 0) throw new Error(`the night ended with ${code}: ${stderr}`);
  const { run, verdict } = JSON.parse(stdout) as { run: string; verdict: string };
  if (verdict === 'kept') await persona(home, ['models', 'use', run]);
  return run;
}
