/** Search: any script, any input, never what is sealed or gone. Run: npx vitest run test/store/search.test.ts */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { marksIn, parseQuery, snippetOf, wordsIn } from '../../src/store/search-words.ts';
import type { SearchRequest } from '../../src/store/search.ts';
import type { Store } from '../../src/store/store.ts';
import { directChat, draft, freshStore, put, say, scene } from './support.ts';

const found = (store: Store, text: string, request: Partial<SearchRequest> = {}): number[] =>
  store.review.search({ text, ...request }).hits.map(({ messageId }) => messageId);

describe('words', () => {
  test.each([
    ["Don't STOP, café!", ['dont', 'stop', 'cafe']],
    ['Straße STRASSE', ['strasse', 'strasse']],
    ['ﬁne １２３', ['fine', '123']],
    ['مُحَمَّد', ['محمد']],
    ['كِتَابٌ أحمد', ['کتاب', 'احمد']],
    ['שָׁלוֹם', ['שלום']],
    ['今天天气', ['今', '天', '天', '气']],
    ['カタカナ', ['カ', 'タ', 'カ', 'ナ']],
    ['हिन्दी में', ['हिन्दी', 'में']],
    ['학교에서', ['학교에서']],
    ['ok 👋🏽👍', ['ok', '👋', '👍']],
    ['❤️', ['❤']],
    ['👨‍👩‍👧', ['👨', '👩', '👧']],
    ['🇩🇪', ['🇩🇪']],
    ['iPhone15今天', ['iphone15', '今', '天']],
    ['㆒0 ﾊﾟﾝ', ['一', '0', 'ハ', 'ン']],
    ['...', []],
  ])('%s', (text, words) => {
    expect(wordsIn(text).map((word) => word.text)).toEqual(words);
  });

  test('offsets are those of the text itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        let [start, end] = [0, 0];
        for (const word of wordsIn(text)) {
          expect(word.start === start || word.start >= end).toBe(true);
          expect(word.end).toBeGreaterThan(word.start);
          [start, end] = [word.start, word.end];
          // the piece alone gives the same word again
          expect(wordsIn(text.slice(start, end)).map((each) => each.text)).toContain(word.text);
        }
        expect(end).toBeLessThanOrEqual(text.length);
      }),
    );
  });

  test('marks and snippets', () => {
    const text = `${'blah '.repeat(100)}Der CAFÉ am Eck, ein Café`;
    const marks = marksIn(text, parseQuery('cafe'))!;
    expect(marks.map(({ start, end }) => text.slice(start, end))).toEqual(['CAFÉ', 'Café']);
    const snippet = snippetOf(text, marks);
    expect(snippet.text.length).toBeLessThanOrEqual(161);
    expect(snippet.marks.map(({ start, end }) => snippet.text.slice(start, end))).toEqual(['CAFÉ', 'Café']);
    expect(snippet.isCut).toEqual({ start: true, end: false });
    expect(marksIn('nothing here', parseQuery('cafe'))).toBeUndefined();
  });
});

describe('finding', () => {
  test('scripts, accents, phrases, beginnings, emoji', () => {
    const { store, contact, chat } = scene();
    const add = (text: string): number => put(store, draft(chat, contact, text));
    const cafe = add('Treffen wir uns im Café?');
    const arabic = add('أهلا يا محمد كيف الحال');
    const vowels = add('قال مُحَمَّد نعم');
    const hebrew = add('שלום לכולם');
    const chinese = add('今天天气很好，我们去公园吧');
    const thai = add('วันนี้อากาศดีมาก');
    const emoji = add('haha 😂😂 👋🏽');
    const order = add('the quick brown fox');
    const rtl = add('order #42 הוזמן today');

    expect(found(store, 'cafe')).toEqual([cafe]);
    expect(found(store, 'CAF')).toEqual([cafe]);
    expect(found(store, 'محمد')).toEqual([vowels, arabic]);
    expect(found(store, 'احلا')).toEqual([]);
    expect(found(store, 'اهلا')).toEqual([arabic]);
    expect(found(store, 'שלום')).toEqual([hebrew]);
    expect(found(store, '天气')).toEqual([chinese]);
    expect(found(store, '公园')).toEqual([chinese]);
    expect(found(store, '气天')).toEqual([]);
    expect(found(store, 'อากาศ')).toEqual([thai]);
    expect(found(store, '😂')).toEqual([emoji]);
    expect(found(store, '👋')).toEqual([emoji]);
    expect(found(store, 'fox quick')).toEqual([order]);
    expect(found(store, '"quick brown"')).toEqual([order]);
    expect(found(store, '"brown quick"')).toEqual([]);
    expect(found(store, 'הוזמן 42')).toEqual([rtl]);
    expect(found(store, '?!')).toEqual([]);
    const [hit] = store.review.search({ text: 'קולם שלום' }).hits;
    expect(hit).toBeUndefined();
    expect(store.review.search({ text: '天气' }).hits[0]!.snippet).toEqual({
      text: '今天天气很好，我们去公园吧',
      marks: [{ start: 2, end: 4 }],
      isCut: { start: false, end: false },
    });
  });

  test('any input is a search and no error', () => {
    const { store, contact, chat } = scene();
    put(store, draft(chat, contact, 'something AND "quoted" NEAR(x) * col:val'));
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(
          fc.constantFrom('"', '*', ':', '(', ')', 'AND', 'OR', 'NOT', 'NEAR', '^', '-', '+', '{', '}', ' ', 'a', '\0'),
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(anything, (text) => {
        expect(store.review.search({ text }).indexing).toBeNull();
      }),
    );
    expect(found(store, 'AND NEAR(x) "quoted')).toHaveLength(1);
  });

  test('a message is found by each of its words, and by the beginning of its last', () => {
    const { store, contact, chat } = scene();
    let group = 0;
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        const id = put(store, draft(chat, contact, `${text} zz${group++}`));
        const unique = `zz${group - 1}`;
        for (const word of wordsIn(text).slice(0, 5)) {
          expect(found(store, `"${word.text}" ${unique}`)).toContain(id);
        }
        expect(found(store, unique)).toContain(id);
      }),
      { numRuns: 60 },
    );
  });

  test('filters, and pages from the newest', () => {
    const { store, owner, contact, chat } = scene();
    const other = store.people.resolve(['4922@c.us']);
    say(store, other, 'granted');
    const second = directChat(store, '4922@c.us', owner, other);
    const ids: number[] = [];
    for (let n = 0; n < 30; n++) {
      const inSecond = n % 3 === 0;
      ids.push(
        put(
          store,
          draft(inSecond ? second : chat, inSecond ? other : n % 2 === 0 ? owner : contact, `word number${n}`, {
            timestampMs: 1_700_000_000_000 + n * 86_400_000,
            ...(n % 5 === 0 ? { kind: 'media', media: 'image' } : {}),
          }),
        ),
      );
    }
    const expected = (wanted: (n: number) => boolean): number[] => ids.filter((_, n) => wanted(n)).reverse();
    expect(found(store, 'word')).toEqual(expected(() => true));
    expect(found(store, 'word', { chatId: second })).toEqual(expected((n) => n % 3 === 0));
    expect(found(store, 'word', { personId: contact })).toEqual(expected((n) => n % 3 !== 0 && n % 2 === 1));
    expect(found(store, 'word', { kind: 'image' })).toEqual(expected((n) => n % 5 === 0));
    expect(found(store, 'word', { kind: 'media' })).toEqual(expected((n) => n % 5 === 0));
    expect(found(store, 'word', { kind: 'text' })).toEqual(expected((n) => n % 5 !== 0));
    const [fromMs, toMs] = [1_700_000_000_000 + 10 * 86_400_000, 1_700_000_000_000 + 20 * 86_400_000];
    expect(found(store, 'word', { fromMs, toMs })).toEqual(expected((n) => n >= 10 && n < 20));
    expect(found(store, '', { chatId: second })).toEqual(expected((n) => n % 3 === 0));
    expect(found(store, '')).toEqual(expected(() => true));

    store.review.decide({ ids: [ids[4]!, ids[7]!] }, 'rejected');
    expect(found(store, 'word', { decision: 'rejected' })).toEqual([ids[7], ids[4]]);
    expect(found(store, 'number7', { decision: 'rejected' })).toEqual([ids[7]]);
    expect(found(store, 'word', { decision: 'undecided' })).toEqual(expected((n) => n !== 4 && n !== 7));

    const pages: number[] = [];
    let before: SearchRequest['before'];
    for (;;) {
      const page = store.review.search({ text: 'word', limit: 7, ...(before && { before }) });
      expect(page.total).toBe(before === undefined ? 30 : null);
      pages.push(...page.hits.map(({ messageId }) => messageId));
      if (page.next === null) break;
      before = page.next;
    }
    expect(pages).toEqual(expected(() => true));
  });

  test('more than are sorted at once: weeks are walked back, none is missed or twice', () => {
    const { store, contact, chat } = scene();
    const rows = Array.from({ length: 2600 }, (_, n) =>
      draft(chat, contact, 'same', { timestampMs: 1_700_000_000_000 + ((n * 7919) % 2600) * 3_600_000 }),
    );
    store.transaction(() => rows.forEach((row) => put(store, row)));
    while (!store.review.catchUp(200).isDone);
    const seen: number[] = [];
    let before: SearchRequest['before'];
    for (let pages = 0; pages < 1000; pages++) {
      const page = store.review.search({ text: 'same', limit: 200, ...(before && { before }) });
      seen.push(...page.hits.map(({ timestampMs }) => timestampMs));
      if (page.next === null) break;
      before = page.next;
    }
    expect(seen).toEqual(Array.from({ length: 2600 }, (_, n) => 1_700_000_000_000 + (2599 - n) * 3_600_000));
  });
});

describe('never found', () => {
  test('people who withdrew, and the whole direct chat with them; found again when they agree again', () => {
    const { store, owner, contact, chat } = scene();
    const mine = put(store, draft(chat, owner, 'penguin one', { timestampMs: 1 }));
    const theirs = put(store, draft(chat, contact, 'penguin two', { timestampMs: 2 }));
    const group = store.chats.resolve('g@g.us', 'group');
    const third = store.people.resolve(['4933@c.us']);
    say(store, third, 'granted');
    const inGroup = put(store, draft(group, contact, 'penguin three', { timestampMs: 3 }));
    const ofThird = put(store, draft(group, third, 'penguin four', { timestampMs: 4 }));
    expect(found(store, 'penguin')).toEqual([ofThird, inGroup, theirs, mine]);
    say(store, contact, 'withdrawn');
    expect(found(store, 'penguin')).toEqual([ofThird]);
    expect(found(store, '')).toEqual([ofThird]);
    expect(found(store, 'penguin', { chatId: chat })).toEqual([]);
    expect(found(store, 'penguin', { personId: contact })).toEqual([]);
    expect(store.review.replies.nearest('penguin two', contact)).toEqual([]);
    say(store, contact, 'granted');
    expect(found(store, 'penguin')).toEqual([ofThird, inGroup, theirs, mine]);
  });

  test('any consents, in any order: found is exactly what may be used', () => {
    const action = fc.constantFrom('granted' as const, 'withdrawn' as const, 'declined' as const, 'attested' as const);
    const step = fc.oneof(
      fc.record({ do: fc.constant('say' as const), who: fc.nat(4), action }),
      fc.record({ do: fc.constant('write' as const), who: fc.nat(4), chat: fc.nat(3) }),
      fc.record({ do: fc.constant('join' as const), who: fc.nat(4), chat: fc.nat(3) }),
      fc.record({ do: fc.constant('merge' as const), who: fc.nat(4), other: fc.nat(4) }),
      fc.record({ do: fc.constant('look' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const store = freshStore();
        const alias = (who: number): string => (who === 0 ? 'me' : `49${who}@c.us`);
        const person = (who: number): number => store.people.resolve([alias(who)]);
        const chats = [0, 1, 2, 3].map((n) => store.chats.resolve(`${n}`, n === 3 ? 'group' : 'direct'));
        const compare = (): void => {
          const usable = store.messages.conversations(person(0)).flatMap(({ messages }) => messages);
          const ids = usable.map(({ rowId }) => rowId).sort((a, b) => b - a);
          expect(found(store, 'word').sort((a, b) => b - a)).toEqual(ids);
          expect(found(store, '').sort((a, b) => b - a)).toEqual(ids);
        };
        for (const each of steps) {
          if (each.do === 'say') say(store, person(each.who), each.action);
          else if (each.do === 'write') put(store, draft(chats[each.chat]!, person(each.who), 'word'));
          else if (each.do === 'join') store.chats.addMember(chats[each.chat]!, person(each.who));
          else if (each.do === 'merge') store.people.resolve([alias(each.who), alias(each.other)]);
          else compare();
        }
        compare();
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  test('rows of an import that is not finished', () => {
    const { store, contact, chat } = scene();
    const before = put(store, draft(chat, contact, 'walrus live'));
    const run = store.imports.begin(chat, { chat: false, people: [], aliases: [] });
    for (const _step of run.add([{ ...draft(chat, contact, 'walrus import'), origin: 'import' } as never]));
    expect(found(store, 'walrus')).toEqual([before]);
    for (const _step of run.end());
    store.imports.finish(run.id, { inserted: 1, known: 0 });
    expect(found(store, 'walrus')).toHaveLength(2);
  });

  test('what was edited says only what it says now', () => {
    const { store, contact, chat } = scene();
    const id = put(store, draft(chat, contact, 'the ostrich sings', { waId: 'E' }));
    expect(found(store, 'ostrich')).toEqual([id]);
    store.messages.edit(chat, 'E', 'the pelican sings');
    expect(found(store, 'ostrich')).toEqual([]);
    expect(found(store, 'pelican')).toEqual([id]);
    store.messages.erase(chat, 'E');
    expect(found(store, 'pelican')).toEqual([]);
  });
});

/** Files of the data folder that hold these bytes. */
function filesWith(store: Store, text: string): string[] {
  return readdirSync(store.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
}

describe('no byte is left', () => {
  const canary = 'xylocanarium';
  const fill = (store: Store, chat: number, person: number, count: number): void =>
    store.transaction(() => {
      for (let n = 0; n < count; n++) put(store, draft(chat, person, `filler ${n} ${n % 97} words of no importance`));
    });
  const indexAll = (store: Store): void => {
    while (!store.review.catchUp(500).isDone);
  };

  test('after one message was erased, or edited', () => {
    const { store, contact, chat } = scene();
    fill(store, chat, contact, 300);
    put(store, draft(chat, contact, `a ${canary} in here`, { waId: 'C' }));
    put(store, draft(chat, contact, `a second ${canary}two in here`, { waId: 'D' }));
    fill(store, chat, contact, 300);
    indexAll(store);
    expect(filesWith(store, canary).some((file) => file.includes('search.sqlite'))).toBe(true);
    store.messages.erase(chat, 'C');
    store.messages.edit(chat, 'D', 'nothing of that sort');
    expect(filesWith(store, canary)).toEqual([]);
    expect(found(store, 'filler importance', { limit: 5 })).toHaveLength(5);
    expect(found(store, 'sort')).toHaveLength(1);
  });

  test.each([40, 2500])('after a person with %d messages was forgotten', (count) => {
    const { store, owner, contact, chat } = scene();
    fill(store, chat, owner, 100);
    store.transaction(() => {
      for (let n = 0; n < count; n++) put(store, draft(chat, contact, `secret ${canary}${n % 50} said ${n}`));
    });
    indexAll(store);
    expect(filesWith(store, canary)).not.toEqual([]);
    store.forget(contact);
    expect(filesWith(store, canary)).toEqual([]);
    say(store, contact, 'withdrawn');
    expect(found(store, canary)).toEqual([]);
  });

  test('after a process died between erasing and sweeping: the next one that opens the store sweeps', () => {
    const { store, contact, chat } = scene();
    put(store, draft(chat, contact, `one ${canary}`, { waId: 'C' }));
    indexAll(store);
    // as if the process ended here: the row is gone, the index does not know it yet
    store.searchIndex.sweep = (): void => undefined;
    store.messages.erase(chat, 'C');
    expect(filesWith(store, canary).every((file) => file.includes('search.sqlite'))).toBe(true);
    expect(filesWith(store, canary)).not.toEqual([]);
    const next = freshStore({ dir: store.dataDir });
    expect(filesWith(next, canary)).toEqual([]);
  });

  test('a damaged index is made again', () => {
    const { store, contact, chat } = scene();
    const ids = Array.from({ length: 40 }, (_, n) => put(store, draft(chat, contact, `a giraffe ${n}`))).reverse();
    indexAll(store);
    store.searchIndex.close();
    const file = join(store.dataDir, 'search.sqlite');
    const bytes = readFileSync(file);
    expect(bytes.length).toBeGreaterThan(8192);
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0xff)]));
    expect(found(store, 'giraffe')).toEqual(ids);
    store.searchIndex.close();
    writeFileSync(file, 'no database at all');
    expect(found(store, 'giraffe')).toEqual(ids);
    rmSync(file);
    expect(found(store, 'giraffe')).toEqual(ids);
  });
});
