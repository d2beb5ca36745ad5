/**
 * The report card of a night on a persona of bench/base/prepare, for docs/examples: imported as a chat, trained as at night, the
 * card copied without its exchanges, since dialogues of the corpora do not go into the repository.
 * Run: npx tsc -p bench && node dist/bench/card.js FOLDER NAME OUT_FOLDER [--turns 4000] [--minutes 5]
 *   NAME: capcom, self, xpersona, ubuntu. The corpora's dates are not used: parts of 200 turns stand a week apart, a minute
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
import { readDialogues } from './base/dialogue.ts';
import { speakerOf } from './base/personas.ts';

const turnsOfPart = 200;
const dayMs = 86_400_000;
const firstMs = Date.UTC(2020, 0, 6, 9);
const timezone = 'UTC';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { turns: { type: 'string', default: '4000' }, minutes: { type: 'string', default: '5' } },
    allowPositionals: true,
  });
  const [folder, name, out] = positionals;
  check(folder !== undefined && name !== undefined && out !== undefined, 'see the head of this file');
  const speaker = speakerOf(name);
  check(speaker, `no persona ${name}`);
  const turns = readDialogues(join(folder, `persona-${name}.jsonl.gz`))
    .flatMap((dialogue) => dialogue.turns)
    .slice(0, Number(values.turns));
  const lines = turns.map(({ s, t }, i) => {
    const part = Math.floor(i / turnsOfPart);
    const atMs = firstMs + part * 7 * dayMs + (i % turnsOfPart) * 60_000;
    return JSON.stringify({ ts: new Date(atMs).toISOString().slice(0, 19), sender: s, text: t });
  });
  const dir = mkdtempSync(join(tmpdir(), 'persona-card-'));
  try {
    const dataDir = join(dir, 'data');
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
    const modelsDir = join(dir, 'models');
    const { run, reason } = await retrain({
      ...{ dataDir, modelsDir, timezone, speaker: 'me', size: 'nano', backend: 'auto', nowMs: Date.now() },
      ...chooseBase({}, 'nano'),
      maxMinutes: Number(values.minutes),
      sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
      onPhase: (phase) => console.error(phase),
    });
    check(run, reason);
    mkdirSync(out, { recursive: true });
    const card = readFileSync(join(runDir(modelsDir, run), cardName), 'utf8');
    writeFileSync(
      join(out, cardName),
      withheldCard(card, 'this chat is made of a corpus whose text is not copied into the project'),
    );
    copyFileSync(join(runDir(modelsDir, run), curveName), join(out, curveName));
    console.log(`${out}: ${reason}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

await main();
