/** Who was forgotten does not come back by an export: under the same name, another name, a number, or another time zone. */
import { expect, test } from 'vitest';
import { importMessages, type ImportChoices } from '../../src/store/import.ts';
import { foldName } from '../../src/store/tombstones.ts';
import type { Store } from '../../src/store/store.ts';
import { UserError } from '../../src/util/errors.ts';
import { freshStore, say } from './support.ts';
import { exportOf, type Line } from './exports.ts';

const choices: ImportChoices = {
  me: 'Ida',
  persona: 'Ida',
  speaker: 'me',
  attested: ['Ben'],
  timezone: 'Europe/Berlin',
  minutePrecision: true,
  nowMs: 0,
};
const at = (n: number): string =>
  `2024-03-${String(1 + (n % 28)).padStart(2, '0')}T12:${String(n % 60).padStart(2, '0')}:00`;
const chatOf = (other: string, count = 30, text = (n: number): string => `words number ${n}`): Line[] =>
  Array.from({ length: count }, (_, n) => ({ ts: at(n), sender: n % 2 ? other : 'Ida', text: text(n) }));
const group = (who: string): Line[] => [
  ...chatOf(who),
  { ts: at(28), sender: 'Cem', text: 'cems words' },
  { ts: at(29), sender: 'Cem', text: 'more of cem' },
];

/** Ida and Ben, imported, and Ben forgotten. */
async function forgotten(text?: (n: number) => string): Promise<{ store: Store; ben: number }> {
  const store = freshStore();
  say(store, store.people.resolve(['me']), 'granted');
  const imported = await importMessages(store, exportOf(chatOf('Ben', 30, text)), choices);
  expect(imported).toMatchObject({ inserted: 30, forgotten: [] });
  const ben = store.people.list().find(({ name }) => name === 'Ben')!.id;
  say(store, ben, 'forgotten', 1);
  expect(store.forget(ben)).toBe(15);
  return { store, ben };
}

async function refusal(work: Promise<unknown>): Promise<UserError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

test('the same export: refused, with the reason, and nothing is stored', async () => {
  const { store } = await forgotten();
  const error = await refusal(importMessages(store, exportOf(chatOf('Ben')), choices));
  expect(error.message).toBe('somebody called "Ben" asked to be forgotten');
  expect(error.exitCode).toBe(1);
  expect(error.hint).toContain('!consent yes');
  expect(error.message + error.hint).not.toContain('words number');
  expect(store.messages.count()).toBe(15); // the owner's own
});

test.each([
  ['in capitals', 'BEN'],
  ['with the tilde of a number that nobody saved', '~ Ben'],
  ['with marks of direction', '\u200eBen\u200f'],
  ['in wide letters', 'Ｂｅｎ'],
])('the name %s', async (_, name) => {
  const { store } = await forgotten((n) => `other words ${n}`);
  const error = await refusal(importMessages(store, exportOf(chatOf(name)), { ...choices, attested: [name] }));
  expect(error.message).toContain('asked to be forgotten');
  expect(error.hint).toContain('--new-person');
});

test('under another name, by what was written at which minute', async () => {
  const { store } = await forgotten();
  const error = await refusal(
    importMessages(store, exportOf(chatOf('B. from work')), {
      ...choices,
      attested: ['B. from work'],
      newPeople: ['B. from work'],
    }),
  );
  expect(error.message).toBe('"B. from work" wrote what somebody wrote who asked to be forgotten');
});

test('under another name and read in another time zone, by long texts', async () => {
  const long = (n: number): string => `a text of more than thirty-two characters, the one with number ${n}`;
  const { store } = await forgotten(long);
  const elsewhere = { ...choices, attested: ['B.'], timezone: 'America/Chicago' };
  const error = await refusal(importMessages(store, exportOf(chatOf('B.', 30, long)), elsewhere));
  expect(error.message).toContain('wrote what somebody wrote');
});

test('a namesake who wrote other things comes in where the owner says so', async () => {
  const { store } = await forgotten();
  const other = chatOf('Ben', 20, (n) => `nothing like it ${n}`);
  await refusal(importMessages(store, exportOf(other), choices));
  const done = await importMessages(store, exportOf(other), { ...choices, newPeople: ['Ben'] });
  expect(done.inserted).toBe(20);
});

test('two short answers alike, or one text that everybody forwards, make nobody the one who was forgotten', async () => {
  const { store } = await forgotten((n) =>
    n === 1 ? 'a merry christmas and a happy new year to all of you' : `words number ${n}`,
  );
  const lines = chatOf('Eva', 40, (n) =>
    n === 1 ? 'a merry christmas and a happy new year to all of you' : n === 3 ? 'words number 3' : `evas words ${n}`,
  );
  const done = await importMessages(store, exportOf(lines), { ...choices, attested: ['Eva'] });
  expect(done).toMatchObject({ inserted: 40, forgotten: [] });
});

test('in a group theirs are left out and named; attesting for them is refused', async () => {
  const { store } = await forgotten();
  const answers = { ...choices, attested: ['Cem'], confirmed: ['Ben'] };
  const done = await importMessages(store, exportOf(group('Ben')), answers);
  expect(done).toMatchObject({ inserted: 17, forgotten: ['Ben'], leftOut: { noConsent: 15 } });
  expect(store.people.named('Ben')).toEqual([]);
  const error = await refusal(importMessages(store, exportOf(group('Ben')), { ...choices, attested: ['Ben', 'Cem'] }));
  expect(error.message).toContain('asked to be forgotten');
});

test('a number as exports spell it', async () => {
  const store = freshStore();
  say(store, store.people.resolve(['me']), 'granted');
  const eva = store.people.resolve(['4915112345678@c.us']);
  say(store, eva, 'forgotten');
  store.forget(eva);
  const name = '+49 151 12345678';
  const error = await refusal(importMessages(store, exportOf(chatOf(name)), { ...choices, attested: [name] }));
  expect(error.message).toMatch(/declined or withdrawn|forgotten/);
});

test('their own yes lifts it; an attestation does not', async () => {
  const { store, ben } = await forgotten();
  say(store, ben, 'attested', 2);
  expect(store.tombstones.countOf(ben)).toBeGreaterThan(15);
  await refusal(importMessages(store, exportOf(chatOf('Ben')), choices));
  say(store, ben, 'granted', 3);
  expect(store.tombstones.countOf(ben)).toBe(0);
  const done = await importMessages(store, exportOf(chatOf('Ben')), { ...choices, links: new Map() });
  expect(done.inserted + done.known).toBe(30);
});

test('who said yes under their number is not stopped by the name that was forgotten', async () => {
  const { store } = await forgotten();
  const ben = store.people.resolve(['4922@c.us']);
  say(store, ben, 'granted', 5);
  const done = await importMessages(store, exportOf(chatOf('Ben')), { ...choices, links: new Map([['Ben', ben]]) });
  expect(done.forgotten).toEqual([]);
});

test('hashes tell nothing without the key, and the key is made once', async () => {
  const { store } = await forgotten();
  const { keys, rows } = store.tombstones.all();
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect(rows.length).toBe(store.tombstones.count());
  expect(rows.every(({ hash }) => hash.length === 16)).toBe(true);
  const other = await forgotten();
  expect(other.store.tombstones.all().keys).not.toEqual(keys);
  const both = freshStore();
  both.tombstones.take(store.tombstones.all());
  both.tombstones.take(other.store.tombstones.all());
  expect(both.tombstones.hasName('ben')).toBe(true);
  expect(both.tombstones.all().keys).toHaveLength(2);
});

test('names fold alike', () => {
  expect(foldName('  ~ Anna\u00a0 Maria ')).toBe('anna maria');
  expect(foldName('ANNA MARIA')).toBe('anna maria');
});
