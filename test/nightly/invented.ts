/**
 * An invented chat history, as large as a test wants it: short conversations over many weeks, so that each split holds some,
 * in a manner that a small network learns in seconds. The same seed gives the same bytes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openExport } from '../../src/exports/read.ts';
import { importMessages } from '../../src/store/import.ts';
import { openStore } from '../../src/store/store.ts';
import { createRandom, type Random } from '../../src/util/random.ts';

export const timezone = 'Europe/London';
export const owner = 'Juno Varga';

const things = 'train,soup,rehearsal,bike,parcel,cat,garden,film,cake,tent,lamp,ferry,choir,bread,sofa,kettle'.split(',');
const places = 'station,market,kitchen,library,harbour,park,school,cellar,roof,bakery'.split(',');
const times = 'tonight,tomorrow,on sunday,at six,after lunch,next week,soon,on friday'.split(',');
const asked = [
  'did you see the {t} at the {p}?',
  'are we doing the {t} {w}?',
  'where is the {t}?',
  'the {p} is closed {w}, what now?',
  'can you bring the {t} to the {p} {w}?',
  'how was the {t}?',
];
const answered = [
  'haha yes the {t} was great ngl',
  'nah, {w} is bad. maybe the {p} instead',
  'ngl i forgot the {t} again, sorry',
  'ok {w} then!! i bring the {t}',
  'it is at the {p} i think, next to the {t}',
  'haha no way, not the {p} again',
];

export interface Invented {
  weeks: number;
  /** people who write with the owner */
  contacts?: readonly string[];
  seed?: number;
  /** first week, counted from the one of 5 January 2026 */
  fromWeek?: number;
}

/** Import it with everybody's consent. Adds to what is there. */
export async function importInvented(dataDir: string, options: Invented): Promise<void> {
  const { weeks, contacts = ['Elias Brandt', 'Mara Lind'], seed = 1, fromWeek = 0 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'persona-invented-'));
  const store = openStore(dataDir);
  try {
    const personId = store.people.resolve(['me']);
    if (store.consent.state(personId, 'log').state !== 'granted') {
      const grant = { scope: 'log', action: 'granted', atMs: Date.now(), noticeHash: '', chatId: null } as const;
      store.consent.append({ personId, ...grant });
    }
    for (const contact of contacts) {
      const file = join(folder, `${contact}.txt`);
      writeFileSync(file, chatText(contact, { weeks, fromWeek, random: createRandom(`${contact} ${seed} ${fromWeek}`) }));
      const opened = await openExport(file);
      await importMessages(store, opened, {
        me: owner,
        persona: owner,
        speaker: 'me',
        attested: [contact],
        timezone,
        minutePrecision: !opened.hasSeconds,
        nowMs: Date.now(),
      });
    }
  } finally {
    store.close();
    rmSync(folder, { recursive: true });
  }
}

/** Three conversations a week of four messages. */
function chatText(contact: string, given: { weeks: number; fromWeek: number; random: Random }): string {
  const { weeks, fromWeek, random } = given;
  const pick = (from: readonly string[]): string => from[random.int(from.length)]!;
  const fill = (text: string): string =>
    text.replace('{t}', pick(things)).replace('{p}', pick(places)).replace('{w}', pick(times));
  const lines: string[] = [];
  for (let week = fromWeek; week < fromWeek + weeks; week++) {
    for (const day of [0, 2, 4]) {
      const startMs = Date.UTC(2026, 0, 5, 18) + (7 * week + day) * 86_400_000;
      for (let n = 0; n < 4; n++) {
        const at = new Date(startMs + n * 40_000).toISOString();
        const date = `${at.slice(8, 10)}/${at.slice(5, 7)}/${at.slice(0, 4)}, ${at.slice(11, 19)}`;
        lines.push(`[${date}] ${n % 2 === 0 ? contact : owner}: ${fill(pick(n % 2 === 0 ? asked : answered))}`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}
