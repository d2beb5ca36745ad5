/**
 * An invented chat history, as large as a test wants it: short conversations over many weeks, so that each split holds some,
 * in a manner that a small network learns in seconds. The same seed gives the same bytes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openExport } from '../../src/exports/read.ts';
import { splitOf } from '../../src/dataset/split.ts';
import { importMessages } from '../../src/store/import.ts';
import { importChatKey } from '../../src/store/import-people.ts';
import { openStore } from '../../src/store/store.ts';
import type { Split } from '../../src/types.ts';
import { createRandom, type Random } from '../../src/util/random.ts';

export const timezone = 'Europe/London';
export const owner = 'Juno Varga';

const words = {
  a: 'old,blue,quiet,broken,tiny,late,warm,empty,loud,green,heavy,lost,fresh,crooked,soft,brave'.split(','),
  t: 'train,soup,rehearsal,bike,parcel,cat,garden,film,cake,tent,lamp,ferry,choir,bread,sofa,kettle'.split(','),
  v: 'fell near,hides behind,smells like,waits for,runs past,belongs to,sings about,dreams of'.split(','),
  p: 'station,market,kitchen,library,harbour,park,school,cellar,roof,bakery,bridge,museum'.split(','),
  w: 'tonight,tomorrow,on sunday,at six,after lunch,next week,soon,on friday'.split(','),
};
/** Hardly any six words stand twice, so that what is copied is copied. */
const asked = [
  'so the {a} {t} {v} the {a} {p} {w}?',
  'is the {a} {p} {w} or the {a} {t}?',
  'did the {t} {v} a {a} {t} {w}?',
];
const answered = [
  'haha the {a} {t} {v} my {a} {p} {w} ngl',
  'ngl a {a} {p} {v} the {t} {w} haha',
  'nah my {t} {v} {a} {t} and {a} {p} {w}!!',
  'haha {a} {t}, {a} {p}, {a} {t} {w}',
];
const dayMs = 86_400_000;

export interface Invented {
  /** conversations for each split and contact; each split gets the weeks that are its own */
  conversations: Readonly<Record<Split, number>>;
  /** people who write with the owner */
  contacts?: readonly string[];
  seed?: number;
  /** persona texts: what the owner writes, changed (shuffled words, a text that is said again and again) */
  answer?: (text: string, random: Random) => string;
  /** the same for what others write */
  ask?: (text: string, random: Random) => string;
  /** first week, counted from the one of 1 January 2024 */
  fromWeek?: number;
}

/** Import it with everybody's consent. Adds to what is there. @returns the first week that is free */
export async function importInvented(dataDir: string, options: Invented): Promise<number> {
  const { conversations, contacts = ['Elias Brandt', 'Mara Lind'], seed = 1, fromWeek = 0 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'persona-invented-'));
  const store = openStore(dataDir);
  let next = fromWeek;
  try {
    const personId = store.people.resolve(['me']);
    if (store.consent.state(personId, 'log').state !== 'granted') {
      const grant = { scope: 'log', action: 'granted', atMs: Date.now(), noticeHash: '', chatId: null } as const;
      store.consent.append({ personId, ...grant });
    }
    for (const contact of contacts) {
      const random = createRandom(`${contact} ${seed} ${fromWeek}`);
      const text = chatText(contact, { ...options, conversations: { ...conversations }, random, fromWeek });
      const file = join(folder, `${contact}.txt`);
      writeFileSync(file, text.lines);
      next = Math.max(next, text.nextWeek);
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
    return next;
  } finally {
    store.close();
    rmSync(folder, { recursive: true });
  }
}

interface Given extends Invented {
  /** what is still to be written; counted down */
  conversations: Record<Split, number>;
  random: Random;
  fromWeek: number;
}

/** Up to fifteen conversations of four messages a week, in weeks whose split still wants some. */
function chatText(contact: string, given: Given): { lines: string; nextWeek: number } {
  const { conversations, random, fromWeek, answer = (text) => text, ask = (text) => text } = given;
  const pick = (from: readonly string[]): string => from[random.int(from.length)]!;
  const said = (from: readonly string[]): string =>
    pick(from).replaceAll(/\{(\w)\}/g, (_, slot: string) => pick(words[slot as keyof typeof words]));
  const lines: string[] = [];
  let week = fromWeek;
  for (; Object.values(conversations).some((left) => left > 0); week++) {
    const mondayMs = Date.UTC(2024, 0, 1) + 7 * week * dayMs;
    const split = splitOf(importChatKey([contact, owner]), mondayMs + 12 * 3_600_000, timezone, 0);
    for (let n = 0; n < 15 && conversations[split] > 0; n++) {
      conversations[split]--;
      const startMs = mondayMs + Math.floor(n / 3) * dayMs + (1 + 8 * (n % 3)) * 3_600_000;
      for (let k = 0; k < 4; k++) {
        const at = new Date(startMs + k * 40_000).toISOString();
        const date = `${at.slice(0, 10)}, ${at.slice(11, 19)}`; // year first: nothing to guess
        const text = k % 2 === 0 ? ask(said(asked), random) : answer(said(answered), random);
        lines.push(`[${date}] ${k % 2 === 0 ? contact : owner}: ${text}`);
      }
    }
  }
  return { lines: `${lines.join('\n')}\n`, nextWeek: week };
}
