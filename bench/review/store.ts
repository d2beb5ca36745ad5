/**
 * The store that bench/review.ts measures with: chats of invented words whose frequencies are those of language (Zipf), over
 * five years, one of them very long; the same for everybody who runs this.
 */
import { openDatabase } from '../../src/store/open.ts';
import { openStore } from '../../src/store/store.ts';
import { createRandom } from '../../src/util/random.ts';

export const startMs = Date.UTC(2021, 0, 1);
export const spanMs = 5 * 365 * 86_400_000;
export const chats = 300;
/** share of all messages that the longest thread has */
const longestShare = 0.1;
const vocabulary = 40_000;

/** Invented word number `rank`; each another one. */
export function wordOf(rank: number): string {
  const consonants = 'bdfgklmnprstvz';
  const vowels = 'aeiou';
  let word = '';
  for (let left = rank + 70; left > 0; left = Math.floor(left / 70)) {
    word += consonants[(left % 70) % 14]! + vowels[Math.floor((left % 70) / 14)]!;
  }
  return word;
}

export const random = createRandom('bench review');
/** Ranks with the frequencies of language: about 1/rank. */
const zipf = (): number => Math.min(vocabulary - 1, Math.floor(vocabulary ** random.next()) - 1);

/** People write for an hour, and are silent for five. */
function inBurst(ms: number): number {
  const since = (ms - startMs) % (6 * 3_600_000);
  return ms - since + Math.floor(since / 6);
}

export function fill(dir: string, messages: number): void {
  const store = openStore(dir);
  const me = store.people.resolve(['me']);
  const others = Array.from({ length: chats }, (_, n) => store.people.resolve([`49${1_000_000 + n}@c.us`]));
  for (const personId of [me, ...others]) {
    store.consent.append({ personId, scope: 'log', action: 'granted', atMs: 1, noticeHash: '', chatId: null });
  }
  const threads = others.map((other, n) => {
    const isGroup = n % 10 === 9;
    const chat = store.chats.resolve(isGroup ? `${n}@g.us` : `49${1_000_000 + n}@c.us`, isGroup ? 'group' : 'direct');
    const people = [me, other, ...(isGroup ? others.slice(0, 6) : [])];
    for (const person of people) store.chats.addMember(chat, person);
    return { chat, people };
  });
  store.close();
  const db = openDatabase(dir);
  const insert = db.prepare(
    `INSERT INTO messages (chat_id, from_me, wa_id, person_id, origin, timestamp_ms, minute_precision, kind, text, media)
     VALUES (?, ?, ?, ?, 'live', ?, 0, ?, ?, ?)`,
  );
  let row = 0;
  const some = db.transaction((upTo: number) => {
    for (; row < upTo; row++) {
      const at = random.next() < longestShare ? 0 : Math.floor(threads.length * random.next() ** 2);
      const { chat, people } = threads[at]!;
      const person = people[random.int(people.length)]!;
      const isMedia = random.int(20) === 0;
      const text = Array.from({ length: 1 + random.int(14) }, () => wordOf(zipf())).join(' ');
      const timestampMs = inBurst(startMs + Math.floor((spanMs * row) / messages));
      const values = [chat, person === me ? 1 : 0, `wa${row}`, person, timestampMs];
      insert.run(...values, isMedia ? 'media' : 'text', text, isMedia ? 'image' : null);
    }
  });
  while (row < messages) some(Math.min(messages, row + 20_000));
  db.close();
}
