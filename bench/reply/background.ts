/** `persona retrain` of the sample chat beside the bench, started as the bot starts its nights: a child at low priority. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PersonaChild } from '../../scripts/child.ts';
import { importSample, sample } from '../../scripts/sample.ts';
import type { ModelSize } from '../../src/types.ts';
import { check } from '../../src/util/errors.ts';

export interface Background {
  /** it has not ended */
  isTraining: () => boolean;
  /** Let it stand still (as if there were none), or go on. */
  pause: () => void;
  resume: () => void;
  stop: () => Promise<void>;
}

/** Resolves once it trains. @param home an empty folder */
export async function startRetrain(home: string, size: ModelSize): Promise<Background> {
  const [dataDir, modelsDir, personaDir] = ['data', 'models', 'persona'].map((name) => join(home, name)) as [
    string,
    string,
    string,
  ];
  for (const dir of [home, dataDir, modelsDir, personaDir]) mkdirSync(dir, { mode: 0o700 });
  await importSample(dataDir);
  const persona = { name: 'Juno', timezone: sample.timezone, training: { size, maxMinutes: 30 } };
  writeFileSync(join(personaDir, 'persona.json'), JSON.stringify(persona));
  Object.assign(process.env, { DATA_DIR: dataDir, MODELS_DIR: modelsDir, PERSONA_DIR: personaDir });
  const child = new PersonaChild();
  let isTraining = false;
  let ended: string | undefined;
  const run = child
    .run(['retrain', '--json', '--max-minutes', '30'], (message) => {
      isTraining ||= String((message as { phase?: unknown }).phase).startsWith('training');
    })
    .then(({ exitCode, stderr }) => {
      ended = `${String(exitCode)}: ${stderr.slice(-500)}`;
    });
  for (let i = 0; !isTraining && ended === undefined && i < 3000; i++) await sleep(200);
  const signal = (name: 'SIGSTOP' | 'SIGCONT'): void => {
    if (child.pid !== undefined) process.kill(child.pid, name);
  };
  check(isTraining, `the retrain does not train: ${ended ?? 'nothing within ten minutes'}`);
  return {
    isTraining: () => ended === undefined,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    stop: async () => {
      signal('SIGCONT');
      await child.close();
      await run;
    },
  };
}
