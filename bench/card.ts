/**
 * The report card of a night, for docs/examples: on the sample chat, as `persona demo` trains on it, or on a persona of
 * bench/base/prepare, imported as a chat and trained as at night; then the card is copied without its exchanges, since dialogues
 * of the corpora do not go into the repository.
 * Run: npx tsc -p bench && node dist/bench/card.js OUT_FOLDER sample|NAME [--folder FOLDER] [--turns 4000] [--minutes 5]
 *   NAME: capcom, self, xpersona, ubuntu; FOLDER: what bench/base/prepare wrote. The corpora's dates are not used: parts of 40 turns stand a week apart, a minute
 *   between two messages, so that the split by weeks has something to hold out.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runDir } from '../src/checkpoint/save.ts';
import { readJsonl } from '../src/exports/jsonl.ts';
import { cardName, curveName } from '../src/nightly/report/card.ts';
import { withheldCard } from '../src/nightly/report/exchanges.ts';
import { retrain } from '../src/nightly/retrain.ts';
import { importMessages } from '../src/store/import.ts';
import { openStore } from '../src/store/store.ts';
import { check } from '../src/util/errors.ts';
import { chooseBase } from '../scripts/base.ts';
import { importSample, sample } from '../scripts/sample.ts';
import { readDialogues } from './base/dialogue.ts';
import { speakerOf } from './base/personas.ts';

const turnsOfPart = 40;
const dayMs = 86_400_000;
const firstMs = Date.UTC(2020, 0, 6, 9);
const timezone = 'UTC';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      folder: { type: 'string' },
      turns: { type: 'string', default: '4000' },
      minutes: { type: 'string', default: '5' },
    },
    allowPositionals: true,
  });
  const [out, name] = positionals;
  check(name !== undefined && out !== undefined, 'see the head of this file');
  const isSample = name === 'sample';
  const dir = mkdtempSync(join(tmpdir(), 'persona-card-'));
  try {
    const dataDir = join(dir, 'data');
    if (isSample) await importSample(dataDir);
    else await importPersona(dataDir, name, values.folder, Number(values.turns));
    const modelsDir = join(dir, 'models');
    const { run, reason } = await retrain({
      ...{
        dataDir,
        modelsDir,
        timezone: isSample ? sample.timezone : timezone,
        speaker: 'me',
        size: 'nano',
        backend: 'auto',
        nowMs: Date.now(),
      },
      ...chooseBase({}, 'nano'),
      maxMinutes: Number(values.minutes),
      sampling: isSample
        ? { temperature: 0.6, topK: 0, topP: 0.9, repetitionPenalty: 1 } // as the demo
        : { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
      onPhase: (phase) => console.error(phase),
    });
    check(run, reason);
    mkdirSync(out, { recursive: true });
    const card = readFileSync(join(runDir(modelsDir, run), cardName), 'utf8');
    const why = 'this chat is made of a corpus whose text is not copied into the project';
    writeFileSync(join(out, cardName), isSample ? card : withheldCard(card, why));
    copyFileSync(join(runDir(modelsDir, run), curveName), join(out, curveName));
    console.log(`${out}: ${reason}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function importPersona(dataDir: string, name: string, folder: string | undefined, most: number): Promise<void> {
  const speaker = speakerOf(name);
  check(speaker !== undefined && folder !== undefined, `no persona ${name}, or no --folder`);
  const turns = readDialogues(join(folder, `persona-${name}.jsonl.gz`))
    .flatMap((dialogue) => dialogue.turns)
    .slice(0, most);
  const lines = turns.map(({ s, t }, i) => {
    const part = Math.floor(i / turnsOfPart);
    const atMs = firstMs + part * 7 * dayMs + (i % turnsOfPart) * 60_000;
    return JSON.stringify({ ts: new Date(atMs).toISOString().slice(0, 19), sender: s, text: t });
  });
  const store = openStore(dataDir);
  try {
    const file = readJsonl(() => lines, name);
    const personId = store.people.resolve(['me']);
    const granted = { scope: 'log', action: 'granted', atMs: firstMs, noticeHash: '', chatId: null } as const;
    store.consent.append({ personId, ...granted });
    await importMessages(store, file, {
      me: speaker,
      persona: speaker,
      speaker: 'me',
      attested: file.senders.map((sender) => sender.name).filter((sender) => sender !== speaker),
      timezone,
      minutePrecision: false,
      nowMs: Date.now(),
    });
  } finally {
    store.close();
  }
}

await main();
