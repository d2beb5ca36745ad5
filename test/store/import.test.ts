/**
 * Importing: no message twice, whatever was stored before; nobody without consent; all or nothing.
 * Run: npx vitest run test/store/import.test.ts
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { importChatKey, importMessages, type ImportChoices } from '../../src/store/import.ts';
import { acquireLock } from '../../src/store/lock.ts';
import type { Store } from '../../src/store/store.ts';
import { UserError } from '../../src/util/errors.ts';
import { phraseHashes } from '../../src/util/phrases.ts';
import { at, direct, exportOf, ownStore, textsOf, type Line } from './exports.ts';
import { directChat, draft, put, say } from './support.ts';

async function refusal(run: Promise<unknown>): Promise<UserError> {
  const error: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof UserError) return error;
  throw new Error(`not refused: ${String(error)}`);
}

/** One message of a made-up chat of two: seconds after the start, who, what. */
interface Said {
  second: number;
  mine: boolean;
  text: string;
}

const minuteOf = ({ second }: Said): number => Math.floor((second + 5 * 60) / 60);

/** Short texts recur, also within a minute; long ones are each said once. */
const history = fc
  .array(
    fc.record({
      pause: fc.constantFrom(0, 1, 2, 7, 20, 61, 400),
      mine: fc.boolean(),
      short: fc.option(fc.constantFrom('ok', 'ja', 'lol', '👍', 'wirklich?', 'media'), { freq: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((parts) => {
    let second = 0;
    const said = parts.map(({ pause, mine, short }, index): Said => {
      second += pause;
      return { second, mine, text: short ?? `und dann kam nummer ${index} um die ecke` };
    });
    const both = [true, false].map((mine): Said => ({ second: 0, mine, text: 'hallo' }));
    return [...both, ...said];
  });

/** How a phone writes it: with seconds or without, its own names, its own marks. */
interface Phone {
  me: string;
  them: string;
  seconds: boolean;
  ios: boolean;
}

function written(said: readonly Said[], { me, them, seconds, ios }: Phone): Line[] {
  return said.map(({ second, mine, text }) => ({
    ts: seconds ? at(second) : `${at(second).slice(0, 16)}:00`,
    sender: mine ? me : them,
    ...(text === 'media'
      ? {
          kind: 'media' as const,
          media: ios ? ('image' as const) : null,
          text: ios ? 'image omitted' : '<Media omitted>',
        }
      : { text: ios ? `\u200e${text.normalize('NFD')} ` : text }),
  }));
}

/** Messages of one minute in another order. */
function shuffled(said: readonly Said[], keys: readonly number[]): Said[] {
  return said
    .map((one, index) => ({ one, index }))
    .sort(
      (a, b) => minuteOf(a.one) - minuteOf(b.one) || (keys[a.index] ?? 0) - (keys[b.index] ?? 0) || a.index - b.index,
    )
    .map(({ one }) => one);
}

const asStored = (said: readonly Said[]): string[] =>
  said.map(({ mine, text }) => `${mine ? 'me' : 'them'} ${text}`).sort();

/** What is stored of the chats with this person. */
function stored(store: Store, alias: string): string[] {
  const owner = store.people.find('me')!;
  const person = store.people.find(alias);
  return store.messages
    .conversations(owner)
    .filter(({ messages }) => messages.some(({ personId }) => personId === person))
    .flatMap(({ messages }) =>
      messages.map(({ personId, text, media }) => {
        return `${personId === owner ? 'me' : 'them'} ${media === null ? text.normalize('NFC').replace('\u200e', '').trim() : 'media'}`;
      }),
    )
    .sort();
}

const choices = (me: string, them: string, more: Partial<ImportChoices> = {}): ImportChoices => ({
  ...direct,
  me,
  persona: me,
  attested: [them],
  ...more,
});

describe('no message twice', () => {
  let run = 0;
  const phones = fc.record({ seconds: fc.boolean(), ios: fc.boolean() });

  test('an export twice, cut short or going on later, by either phone, in another order within a minute', async () => {
    const { store } = ownStore();
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.nat(40),
        fc.nat(40),
        phones,
        phones,
        fc.array(fc.nat(9), { maxLength: 40 }),
        async (said, one, two, first, second, keys) => {
          run++;
          const us: Phone = { me: 'Ida', them: `Ben ${run}`, ...first };
          const other: Phone = { me: 'Schatz', them: `Benjamin ${run}`, ...second };
          const end = Math.min(Math.max(one, two), said.length);
          let start = Math.min(one, two, said.length - 1);
          // an export that starts amid a minute may hold either of two that are alike: those start with a minute
          while (start > 0 && minuteOf(said[start]!) === minuteOf(said[start - 1]!)) start--;
          const early = said.slice(0, Math.max(end, 2));
          // nor can one be known as this chat in which the other says nothing
          while (start > 0 && said.slice(start).every(({ mine }) => mine)) start--;
          while (start > 0 && minuteOf(said[start]!) === minuteOf(said[start - 1]!)) start--;
          const late = shuffled(said.slice(start), keys);

          const mine = choices(us.me, us.them, { minutePrecision: !us.seconds });
          const begun = await importMessages(store, exportOf(written(early, us)), mine);
          expect(begun).toMatchObject({ inserted: early.length, known: 0 });
          const alias = `name:${begun.chatKey}:${us.them}`;
          const again = await importMessages(store, exportOf(written(early, us)), mine);
          expect(again).toMatchObject({ inserted: 0, known: early.length });

          const theirs = choices(other.me, other.them, {
            minutePrecision: !other.seconds,
            attested: [],
            links: new Map([[other.them, store.people.find(alias)!]]),
          });
          if (!late.some((m) => m.mine)) theirs.me = theirs.persona = null;
          const more = await importMessages(store, exportOf(written(late, other)), theirs);
          expect(more.chatKey).toBe(begun.chatKey);
          expect(stored(store, alias)).toEqual(asStored(said));
          expect(more.inserted).toBe(said.length - early.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('an export of a chat that is logged live, and what is delivered live after it was imported', async () => {
    const { store } = ownStore();
    await fc.assert(
      fc.asyncProperty(history, fc.array(fc.boolean(), { maxLength: 40 }), phones, async (said, live, phone) => {
        run++;
        const owner = store.people.find('me')!;
        const id = `49151${String(run).padStart(6, '0')}@c.us`;
        const contact = store.people.resolve([id]);
        say(store, contact, 'granted');
        const chat = directChat(store, id, owner, contact);
        const log = (one: Said, index: number): void => {
          const isMedia = one.text === 'media';
          put(
            store,
            draft(chat, one.mine ? owner : contact, isMedia ? '' : one.text, {
              fromMe: one.mine,
              waId: `live ${index}`,
              timestampMs: Date.parse(`${at(one.second)}Z`),
              ...(isMedia && { kind: 'media', media: 'image' }),
            }),
          );
        };
        said.forEach((one, index) => {
          if (live[index] === true) log(one, index);
        });
        const logged = said.filter((_one, index) => live[index] === true).length;
        const us: Phone = { me: 'Ida', them: `+49 151 ${String(run).padStart(6, '0')}`, ...phone };
        const roles = choices(us.me, us.them, { minutePrecision: !us.seconds });
        const result = await importMessages(store, exportOf(written(said, us)), roles);
        expect(result).toMatchObject({ chatKey: id, inserted: said.length - logged, known: logged });
        expect(stored(store, id)).toEqual(asStored(said));
        said.forEach(log); // delivered once more, by catch-up
        expect(stored(store, id)).toEqual(asStored(said));
        expect(store.messages.find(chat, 'live 0')).toMatchObject({
          origin: 'live',
          timestampMs: expect.any(Number) as number,
        });
      }),
      { numRuns: 40 },
    );
  });

  test('"ok" twice in a minute stays two; a third is new', async () => {
    const { store: fresh } = ownStore();
    const ok = (n: number): Line[] => Array.from({ length: n }, () => ({ ts: at(0), sender: 'Ben', text: 'ok' }));
    const hi = { ts: at(0), sender: 'Ida', text: 'hi' };
    expect(await importMessages(fresh, exportOf([hi, ...ok(2)]), direct)).toMatchObject({ inserted: 3, known: 0 });
    expect(await importMessages(fresh, exportOf([hi, ...ok(3)]), direct)).toMatchObject({ inserted: 1, known: 3 });
    expect(textsOf(fresh)).toEqual(['hi', 'ok', 'ok', 'ok']);
  });

  test('two clocks: long texts and what the bot said may stand a minute apart, short ones not', async () => {
    const { store: fresh, owner } = ownStore();
    const long = 'das ist ein ganz schön langer satz';
    const lines = [
      { ts: at(0), sender: 'Ida', text: long },
      { ts: at(0), sender: 'Ben', text: 'ok' },
    ];
    const { chatKey } = await importMessages(fresh, exportOf(lines), direct);
    const chat = fresh.chats.find(chatKey)!;
    put(fresh, draft(chat, owner, 'beep', { origin: 'bot', fromMe: true, timestampMs: Date.parse(`${at(0)}Z`) }));
    const later = [...lines, { ts: at(0), sender: 'Ida', text: 'beep' }].map((line) => ({ ...line, ts: at(60) }));
    expect(await importMessages(fresh, exportOf(later), direct)).toMatchObject({ inserted: 1, known: 2 });
    const latest = later.map((line) => ({ ...line, ts: at(180) }));
    expect(await importMessages(fresh, exportOf(latest), direct)).toMatchObject({ inserted: 3, known: 0 });
  });

  test('mentions, marks of an edit, line breaks and captions do not tell messages apart', async () => {
    const { store: fresh } = ownStore();
    const one: Line[] = [
      { ts: at(0), sender: 'Ida', text: 'hallo @4915112345678, na' },
      { ts: at(1), sender: 'Ben', text: 'zwei\nzeilen' },
      { ts: at(2), sender: 'Ben', text: 'sprechstunde', kind: 'text' },
      { ts: at(3), sender: 'Ben', text: 'IMG-1.jpg (file attached)\nschau mal', kind: 'media', media: 'image' },
    ];
    const two: Line[] = [
      { ts: at(0), sender: 'Ida', text: 'hallo @\u2068~Tante Eva\u2069, na' },
      { ts: at(1), sender: 'Ben', text: '\u200ezwei\r\nzeilen ' },
      { ts: at(2), sender: 'Ben', text: 'sprechstunde \u200e<This message was edited>', kind: 'edited' },
      { ts: at(3), sender: 'Ben', text: '<Media omitted>', kind: 'media' },
    ];
    expect((await importMessages(fresh, exportOf(one), direct)).inserted).toBe(4);
    expect(await importMessages(fresh, exportOf(two), direct)).toMatchObject({ inserted: 0, known: 4 });
  });

  test('the hour that comes twice when clocks go back: matched at either of its instants', async () => {
    const { store: fresh, owner } = ownStore();
    const contact = fresh.people.resolve(['491@c.us']);
    say(fresh, contact, 'granted');
    const chat = directChat(fresh, '491@c.us', owner, contact);
    // 02:30 in Berlin on 2026-10-25, first in summer time, then in winter time
    for (const [text, utc] of [
      ['erst', '00:30'],
      ['dann', '01:30'],
    ] as const)
      put(fresh, draft(chat, contact, text, { timestampMs: Date.parse(`2026-10-25T${utc}:10Z`) }));
    const lines = ['erst', 'dann', 'neu'].map((text) => ({ ts: '2026-10-25T02:30:00', sender: 'Ben', text }));
    const berlin = {
      ...direct,
      me: null,
      persona: null,
      timezone: 'Europe/Berlin',
      links: new Map([['Ben', contact]]),
    };
    expect(await importMessages(fresh, exportOf(lines), berlin)).toMatchObject({ inserted: 1, known: 2 });
  });

  test('an instant beats the local time, forwarded text is left out, an answer finds what it answers', async () => {
    const { store: fresh, owner } = ownStore();
    const lines: Line[] = [
      { ts: at(0), sender: 'Ida', text: 'frage', id: '1', timestampMs: 777_000 },
      { ts: at(1), sender: 'Ben', text: 'antwort', id: '2', replyToId: '1', timestampMs: 778_000 },
      { ts: at(2), sender: 'Ben', text: 'kettenbrief', isForwarded: true },
      { ts: at(3), sender: 'Ben', text: 'noch eine', id: '2', timestampMs: 779_000 },
    ];
    const result = await importMessages(fresh, exportOf(lines), { ...direct, minutePrecision: false });
    expect(result).toMatchObject({ inserted: 3, leftOut: { forwarded: 1 } });
    const [chat] = fresh.messages.conversations(owner);
    expect(chat!.messages.map(({ timestampMs, text }) => [timestampMs, text])).toEqual([
      [777_000, 'frage'],
      [778_000, 'antwort'],
      [779_000, 'noch eine'],
    ]);
    expect(chat!.messages[1]!.quotedRowId).toBe(chat!.messages[0]!.rowId);
  });

  test('a message that is logged live while the import runs is not there twice', async () => {
    const { store: fresh, owner } = ownStore();
    const contact = fresh.people.resolve(['491@c.us']);
    say(fresh, contact, 'granted');
    const chat = directChat(fresh, '491@c.us', owner, contact);
    const lines = Array.from({ length: 5000 }, (_, n) => ({
      ts: at(n * 60),
      sender: n % 2 ? 'Ida' : 'Ben',
      text: `nr ${n}`,
    }));
    let logged = false;
    const result = await importMessages(fresh, exportOf(lines), {
      ...direct,
      links: new Map([['Ben', contact]]),
      onProgress: () => {
        if (logged) return;
        logged = true;
        put(fresh, draft(chat, contact, 'nr 10', { waId: 'true_1', timestampMs: Date.parse(`${at(600)}Z`) + 7000 }));
        put(fresh, draft(chat, contact, 'nr 4998', { waId: 'true_2', timestampMs: Date.parse(`${at(4998 * 60)}Z`) }));
        put(fresh, draft(chat, contact, 'ganz neu', { waId: 'true_3', timestampMs: Date.parse(`${at(9)}Z`) }));
      },
    });
    expect(result).toMatchObject({ inserted: 4998, known: 2 });
    expect(textsOf(fresh).filter((text) => /^nr (?:10|4998)$/.test(text))).toHaveLength(2);
    expect(fresh.messages.count()).toBe(5001);
  });
});

describe('which chat', () => {
  const people = ['Ida', 'Ben', 'Cem', 'Dora'];
  const groupLines = (who: readonly string[], from: number, to: number, word = 'nachricht'): Line[] =>
    Array.from({ length: to - from }, (_, n) => ({
      ts: at((from + n) * 30),
      sender: who[(from + n) % who.length]!,
      text: `${word} nummer ${from + n}`,
    }));
  const group = (attested: string[], more: Partial<ImportChoices> = {}): ImportChoices => ({
    ...direct,
    attested,
    ...more,
  });

  test('a group stays one chat when a member speaks for the first time, or another phone has other names', async () => {
    const { store } = ownStore();
    const first = await importMessages(store, exportOf(groupLines(people.slice(0, 3), 0, 30)), group(['Ben', 'Cem']));
    const all = [...groupLines(people.slice(0, 3), 0, 30), { ts: at(999), sender: 'Dora', text: 'hallo zusammen' }];
    const second = await importMessages(store, exportOf(all), group(['Ben', 'Cem', 'Dora']));
    expect(second).toMatchObject({ chatKey: first.chatKey, inserted: 1, known: 30 });
    const ben = store.people.find(`name:${first.chatKey}:Ben`)!;
    const cem = store.people.find(`name:${first.chatKey}:Cem`)!;
    const renamed = all.map((line) => ({ ...line, sender: line.sender!.toUpperCase() }));
    const third = await importMessages(store, exportOf(renamed), {
      ...group([], { me: 'IDA', persona: 'IDA' }),
      links: new Map([
        ['BEN', ben],
        ['CEM', cem],
      ]),
    });
    expect(third).toMatchObject({ chatKey: first.chatKey, inserted: 0, known: 30, leftOut: { unconfirmed: 1 } });
  });

  test('another group of the same people is another chat; the same one without common days is not', async () => {
    const { store } = ownStore();
    const choice = group(['Ben', 'Cem']);
    const first = await importMessages(store, exportOf(groupLines(people.slice(0, 3), 0, 30)), choice);
    const other = await importMessages(store, exportOf(groupLines(people.slice(0, 3), 0, 30, 'anderes')), choice);
    expect(other).toMatchObject({ inserted: 30, known: 0 });
    expect(other.chatKey).toBe(`${first.chatKey}:2`);
    const { store: fresh } = ownStore();
    const early = await importMessages(fresh, exportOf(groupLines(people.slice(0, 3), 0, 30)), choice);
    const late = await importMessages(fresh, exportOf(groupLines(people.slice(0, 3), 90_000, 90_030)), choice);
    expect(late).toMatchObject({ chatKey: early.chatKey, inserted: 30 });
  });

  test('old keys keep working, and a link brings an old import and the live chat together', async () => {
    const { store, owner } = ownStore();
    const lines = [
      { ts: at(0), sender: 'Ida', text: 'hi' },
      { ts: at(60), sender: 'Ben', text: 'hallo' },
    ];
    const old = await importMessages(store, exportOf(lines), direct);
    expect(old.chatKey).toBe(importChatKey(['Ida', 'Ben']));
    const contact = store.people.resolve(['491@c.us']);
    say(store, contact, 'granted');
    const chat = directChat(store, '491@c.us', owner, contact);
    put(store, draft(chat, contact, 'live', { timestampMs: Date.parse(`${at(120)}Z`) }));
    const more = [...lines, { ts: at(120), sender: 'Ben', text: 'live' }, { ts: at(180), sender: 'Ida', text: 'ende' }];
    const choice = { ...direct, links: new Map([['Ben', contact]]) };
    expect(await importMessages(store, exportOf(more), choice)).toMatchObject({
      chatKey: '491@c.us',
      inserted: 1,
      known: 3,
    });
    expect(textsOf(store).sort()).toEqual(['ende', 'hallo', 'hi', 'live']);
  });
});

describe('who may be stored', () => {
  const lines: Line[] = [
    { ts: at(0), sender: 'Ida', text: 'meins' },
    { ts: at(1), sender: 'Ben', text: 'seins' },
    { ts: at(2), sender: 'Mum', text: 'I consent' },
  ];

  test('a name that nobody confirmed is left out and counted; it makes no person and no consent', async () => {
    const { store } = ownStore();
    const result = await importMessages(store, exportOf(lines), direct);
    expect(result).toMatchObject({ inserted: 2, leftOut: { unconfirmed: 1, noConsent: 0 } });
    expect(store.people.list().map(({ name }) => name)).toEqual(['Ida', 'Ben']);
    const confirmed = await importMessages(store, exportOf(lines), { ...direct, confirmed: ['Mum'] });
    expect(confirmed).toMatchObject({ inserted: 0, known: 2, leftOut: { unconfirmed: 0, noConsent: 1 } });
    const mum = store.people.find(`name:${result.chatKey}:Mum`)!;
    expect(store.consent.history(mum)).toEqual([]);
  });

  test('a line that looks like a message of someone else does not make a second chat of a chat of two', async () => {
    const { store } = ownStore();
    const first = await importMessages(store, exportOf(lines.slice(0, 2)), direct);
    expect(await importMessages(store, exportOf(lines), direct)).toMatchObject({
      chatKey: first.chatKey,
      inserted: 0,
      known: 2,
      leftOut: { unconfirmed: 1 },
    });
    const { store: fresh } = ownStore();
    const said = await importMessages(fresh, exportOf(lines), { ...direct, notPeople: ['Mum'] });
    expect(said.chatKey).toBe(importChatKey(['Ida', 'Ben']));
    expect(fresh.chats.list().map(({ kind }) => kind)).toEqual(['direct']);
  });

  test('a name that is a phone number is that person; who said no stays out, under any file', async () => {
    const { store } = ownStore();
    const person = store.people.resolve(['447700900123@c.us']);
    say(store, person, 'withdrawn', 5);
    const number = '\u202a+44\u00a07700\u00a0900123\u202c';
    const file = exportOf([lines[0]!, { ts: at(1), sender: number, text: 'x' }]);
    const named = { ...direct, attested: [number] };
    expect((await refusal(importMessages(store, file, named))).message).toContain('declined or withdrawn');
    expect((await refusal(importMessages(store, file, { ...direct, attested: [] }))).message).toContain(
      'no consent from',
    );
    expect(store.messages.count()).toBe(0);
  });

  test('someone with the name of a person who said no elsewhere must be told apart', async () => {
    const { store } = ownStore();
    const { chatKey } = await importMessages(store, exportOf(lines.slice(0, 2)), direct);
    say(store, store.people.find(`name:${chatKey}:Ben`)!, 'withdrawn', 9);
    const group = exportOf([...lines, { ts: at(3), sender: 'Cem', text: 'y' }]);
    const choice = { ...direct, attested: ['Ben', 'Cem'] };
    const error = await refusal(importMessages(store, group, choice));
    expect(error.message).toContain('someone called "Ben"');
    expect(error.hint).toContain('--new-person "Ben"');
    const added = await importMessages(store, group, { ...choice, newPeople: ['Ben'] });
    expect(added).toMatchObject({ inserted: 3, leftOut: { unconfirmed: 1 } });
  });

  test('who withdraws while a group is imported is not published, nor attested over it', async () => {
    const { store } = ownStore();
    const many = Array.from({ length: 9000 }, (_, n) => ({
      ts: at(n),
      sender: ['Ida', 'Ben', 'Cem'][n % 3]!,
      text: `n${n}`,
    }));
    let ben: number | undefined;
    const result = await importMessages(store, exportOf(many), {
      ...direct,
      attested: ['Ben', 'Cem'],
      onProgress: () => {
        ben ??= store.people.find(`name:${importChatKey(['Ida', 'Ben', 'Cem'])}:Ben`)!;
        if (store.consent.state(ben, 'log').state === 'unknown') say(store, ben, 'withdrawn', 7);
      },
    });
    expect(result).toMatchObject({ inserted: 6000, leftOut: { noConsent: 3000 } });
    expect(store.messages.countBy(ben!)).toBe(0);
    expect(store.consent.history(ben!).map(({ action }) => action)).toEqual(['withdrawn']);
    expect(store.messages.count()).toBe(6000);
  });

  test.each(['withdrawn', 'forgotten'] as const)(
    '%s while a chat of two is imported: nothing of it stays',
    async (action) => {
      const { store } = ownStore();
      const many = Array.from({ length: 9000 }, (_, n) => ({
        ts: at(n),
        sender: ['Ida', 'Ben'][n % 2]!,
        text: `n${n}`,
      }));
      const said = importMessages(store, exportOf(many), {
        ...direct,
        onProgress: (read) => {
          if (read > 4000) return;
          const ben = store.people.find(`name:${importChatKey(['Ida', 'Ben'])}:Ben`)!;
          say(store, ben, action, 7);
          if (action === 'forgotten') store.forget(ben);
        },
      });
      expect((await refusal(said)).message).toBe('no consent from "Ben"');
      expect(store.messages.count()).toBe(0);
      expect(store.imports.unfinished()).toEqual([]);
    },
  );
});

describe('all or nothing', () => {
  const many = (n: number): Line[] =>
    Array.from({ length: n }, (_, i) => ({
      ts: at(i * 20),
      sender: i % 2 ? 'Ida' : 'Ben',
      text: `nachricht nummer ${i} mit sechs wörtern`,
    }));

  test('until it is finished nobody sees a row of it', async () => {
    const { store, owner } = ownStore();
    let looks = 0;
    await importMessages(store, exportOf(many(9000)), {
      ...direct,
      onProgress: () => {
        looks++;
        const chat = store.chats.find(importChatKey(['Ida', 'Ben']))!;
        expect(store.messages.count()).toBe(0);
        expect(store.messages.countBy(owner)).toBe(0);
        expect(store.messages.lastTimestamp(chat)).toBeNull();
        expect(store.messages.recent(chat, 9)).toEqual([]);
        expect(store.messages.conversations(owner)).toEqual([]);
        expect(store.people.list().map(({ name, messages }) => [name, messages])).toEqual([
          ['', 0],
          ['', 0],
        ]);
        expect(store.phrases.chatsWith(phraseHashes(many(1)[0]!.text).sixes, 0)).toEqual([0]);
      },
    });
    expect(looks).toBeGreaterThan(2);
    expect(store.messages.count()).toBe(9000);
    expect(store.phrases.chatsWith(phraseHashes(many(1)[0]!.text).sixes, 0)).toEqual([1]);
  });

  test('cancelled: no row, no person, no chat, no consent; the same import works afterwards', async () => {
    const { store } = ownStore();
    for (const after of [0, 4000, 8000]) {
      const cancel = new AbortController();
      if (after === 0) cancel.abort();
      const error = await refusal(
        importMessages(store, exportOf(many(9000)), {
          ...direct,
          signal: cancel.signal,
          onProgress: (read) => {
            if (read >= after) cancel.abort();
          },
        }),
      );
      expect(error).toMatchObject({ message: 'the import was cancelled; nothing of it is stored', exitCode: 1 });
      expect(store.messages.count()).toBe(0);
      expect(store.imports.unfinished()).toEqual([]);
      expect(store.people.list().map(({ aliases }) => aliases)).toEqual([['me']]);
      expect(store.chats.list()).toEqual([]);
    }
    expect((await importMessages(store, exportOf(many(9000)), direct)).inserted).toBe(9000);
  });

  test('a file that turns out to be broken midway leaves nothing', async () => {
    const { store } = ownStore();
    const broken = exportOf(many(5000));
    const said = importMessages(
      store,
      {
        senders: broken.senders,
        *messages() {
          yield* broken.messages();
          throw new UserError('line 5001', 'mend it');
        },
      },
      direct,
    );
    expect((await refusal(said)).message).toBe('line 5001');
    expect(store.messages.count()).toBe(0);
    expect(store.chats.list()).toEqual([]);
  });

  test('two imports at once: the second is told to wait', async () => {
    const { store } = ownStore();
    const lock = acquireLock(store.dataDir, 'import');
    const error = await refusal(importMessages(store, exportOf(many(10)), direct));
    expect(error.exitCode).toBe(75);
    lock.release();
    expect((await importMessages(store, exportOf(many(10)), direct)).inserted).toBe(10);
  });

  test('a time zone that does not exist', async () => {
    const { store } = ownStore();
    const said = importMessages(store, exportOf(many(2)), { ...direct, timezone: 'Europe/Berlyn' });
    expect((await refusal(said)).message).toBe('"Europe/Berlyn" is no time zone');
  });
});
