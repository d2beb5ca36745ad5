/**
 * The reply guard against a real store (promise D4): planted copies in five disguises, each reason by itself, and how
 * many lines that were never stored it blocks. Run: npx vitest run test/reply-guard.test.ts
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkReply, type GuardOptions, type GuardVerdict, type PhraseLookup } from '../src/reply/guard.ts';
import { foldWords, phraseHashes } from '../src/util/phrases.ts';
import { createRandom } from '../src/util/random.ts';
import { admitted, directChat, draft, freshStore, put, say, type Scene, scene } from './store/support.ts';

const nothing: PhraseLookup = {
  chatsWith: (hashes) => hashes.map(() => 0),
  shortSaid: () => ({ contacts: 0, persona: 0 }),
};
const options = (changes: Partial<GuardOptions> = {}): GuardOptions => ({
  chatId: 1,
  personaId: 1,
  chatTexts: [],
  phrases: nothing,
  maxChars: 200,
  ...changes,
});
const refused = (reason: string): GuardVerdict => ({ ok: false, reason }) as GuardVerdict;
const ok = { ok: true };

describe('shape', () => {
  test.each<[string[], string | null]>([
    [['hey', 'you'], null],
    [[], 'empty'],
    [['   '], 'empty'],
    [['hey', '\u200b\u2060'], 'empty'],
    [['!bot off'], 'command'],
    [['ok', ' \u200e!stop'], 'command'],
    [['ok\n！help'], 'command'],
    [['wow! nice!'], null],
    [['a'.repeat(201)], 'too long'],
    [['👍'.repeat(200)], null],
    [['a'.repeat(200), 'b'.repeat(200), 'c'.repeat(99)], 'too long'],
    [['a'.repeat(200), 'b'.repeat(200), 'c'.repeat(98)], null],
  ])('%j -> %s', (bubbles, reason) => {
    expect(checkReply(bubbles, options())).toEqual(reason === null ? ok : refused(reason));
  });
});

describe('contact details', () => {
  const iban = 'DE89 3704 0044 0532 0130 00';
  test.each([
    ['mail jo.smith@gmail.com', ['my mail is JO.SMITH@gmail.com!']],
    ['call +49 151 23456789', ['its +49-151-23456789']],
    [`send it to ${iban}`, [`iban ${iban.replaceAll(' ', '').toLowerCase()}`]],
    ['4111 1111 1111 1111', ['card 4111-1111-1111-1111']],
    ['order 482913', ['whats order 482 913']],
    ['order ٤٨٢٩١٣', ['order 482913']],
  ])('%s is refused, unless this chat holds it', (reply, chatTexts) => {
    expect(checkReply([reply], options())).toEqual(refused('contact detail'));
    expect(checkReply([reply], options({ chatTexts: ['hi', ...chatTexts] }))).toEqual(ok);
    expect(checkReply([reply], options({ chatTexts: ['hi 1234'] }))).toEqual(refused('contact detail'));
  });

  test('a number in two bubbles is still a number, years and times are none', () => {
    expect(checkReply(['its +49 151', '23456789'], options())).toEqual(refused('contact detail'));
    expect(checkReply(['2025 was better', 'see you 18:30, bring 1500'], options())).toEqual(ok);
  });

  test('what counts as one is what training hides', () => {
    const redaction = { regions: ['DE'], names: ['Marlene'] };
    expect(checkReply(['ask marlene'], options())).toEqual(ok);
    expect(checkReply(['ask marlene'], options({ redaction }))).toEqual(refused('contact detail'));
    expect(checkReply(['ask marlene'], options({ redaction, chatTexts: ['Marlene!'] }))).toEqual(ok);
  });

  test('links never leave', () => {
    expect(checkReply(['see https://example.org'], options({ chatTexts: ['https://example.org'] }))).toEqual(
      refused('link'),
    );
  });
});

describe('copies from other chats', () => {
  const long = 'my sister is moving to lisbon in march';

  /** `count` more chats, each with its own contact who says the text */
  function saidIn({ store, owner }: Scene, text: string, count: number): void {
    for (let index = 0; index < count; index++) {
      const contact = store.people.resolve([`9${index}@c.us`]);
      say(store, contact, 'granted');
      put(store, draft(directChat(store, `9${index}@c.us`, owner, contact), contact, text));
    }
  }
  const ask = ({ store, owner, chat }: Scene, ...bubbles: string[]): GuardVerdict =>
    checkReply(bubbles, options({ chatId: chat, personaId: owner, phrases: store.phrases }));

  test('six words in a row from one or two other chats are refused, from three they are common', () => {
    const set = scene();
    expect(ask(set, long)).toEqual(ok);
    saidIn(set, long, 2);
    expect(ask(set, `haha ${long}`)).toEqual(refused('copied phrase'));
    expect(ask(set, 'my sister is', 'moving to lisbon')).toEqual(refused('copied phrase'));
    expect(ask(set, 'my sister is moving to madrid in march')).toEqual(ok);
    saidIn(set, long, 3);
    expect(ask(set, long)).toEqual(ok);
  });

  test('also what the persona wrote elsewhere; not what was said in this chat', () => {
    const set = scene();
    saidIn(set, 'hi', 1);
    const elsewhere = set.store.chats.find('90@c.us')!;
    put(set.store, draft(elsewhere, set.owner, long, { fromMe: true }));
    expect(ask(set, long)).toEqual(refused('copied phrase'));
    expect(ask({ ...set, chat: elsewhere }, long)).toEqual(ok);
  });

  test('what the bot said elsewhere is not a source', () => {
    const set = scene();
    saidIn(set, 'hi', 1);
    put(set.store, draft(set.store.chats.find('90@c.us')!, set.owner, long, { fromMe: true, origin: 'bot' }));
    expect(ask(set, long)).toEqual(ok);
  });

  test('a short message of fewer than three contacts is refused, unless the persona says it twice', () => {
    const set = scene();
    saidIn(set, 'Zebra pancakes!', 2);
    expect(ask(set, 'zebra pancakes')).toEqual(refused('copied message'));
    expect(ask(set, 'ok', 'zebra pancakes')).toEqual(refused('copied message'));
    expect(ask(set, 'zebra', 'pancakes')).toEqual(refused('copied message'));
    expect(ask(set, 'zebra pancakes now')).toEqual(ok);
    put(set.store, draft(set.chat, set.owner, 'zebra pancakes', { fromMe: true }));
    expect(ask(set, 'zebra pancakes')).toEqual(refused('copied message'));
    put(set.store, draft(set.chat, set.owner, 'ZEBRA pancakes', { fromMe: true }));
    expect(ask(set, 'zebra pancakes')).toEqual(ok);
  });

  test('a short message that three contacts said is common', () => {
    const set = scene();
    saidIn(set, 'zebra pancakes', 3);
    expect(ask(set, 'zebra pancakes')).toEqual(ok);
  });

  test('an erased message is no source any more, an edited one is by its new text', () => {
    const set = scene();
    saidIn(set, long, 1);
    const elsewhere = set.store.chats.find('90@c.us')!;
    const [message] = set.store.messages.recent(elsewhere, 1);
    set.store.messages.edit(elsewhere, message!.waId, 'we got a dog and his name is Waffle');
    expect(ask(set, long)).toEqual(ok);
    expect(ask(set, 'a dog and his name is waffle')).toEqual(refused('copied phrase'));
    set.store.messages.erase(elsewhere, message!.waId);
    expect(ask(set, 'a dog and his name is waffle')).toEqual(ok);
  });
});

/** The made-up chat that ships with the project, as texts. */
const sample = readFileSync(join(import.meta.dirname, '../persona/sample/chat.txt'), 'utf8')
  .split('\n')
  .flatMap((line) => /^\S+ \d\d:\d\d - (Juno Varga|Elias Brandt): (.+)$/.exec(line)?.slice(1, 3) ?? [])
  .reduce<{ isPersona: boolean; text: string }[]>((lines, part, index, all) => {
    if (index % 2 === 1) lines.push({ isPersona: all[index - 1] === 'Juno Varga', text: part });
    return lines;
  }, []);

describe('promise D4', () => {
  test('1,000 planted copies, each in five disguises: all refused, and the mean time printed', () => {
    const { store, owner, contact, chat } = scene();
    const elsewhere = directChat(store, 'elsewhere@c.us', owner, contact);
    const random = createRandom('planted');
    const syllables = ['ka', 'lo', 'mi', 'ren', 'tu', 'vas', 'po', 'sel', 'dra', 'ni', 'ö', 'ğu', 'ß', 'é'];
    const word = (): string =>
      Array.from({ length: 1 + random.int(3) }, () => syllables[random.int(syllables.length)]).join('');
    const planted = Array.from({ length: 1000 }, () => Array.from({ length: 2 + random.int(14) }, word).join(' '));
    store.messages.addMany(planted.map((text) => admitted(draft(elsewhere, contact, text))));

    const disguises: Record<string, (text: string) => string> = {
      verbatim: (text) => text,
      capitals: (text) => text.toLocaleUpperCase('en'),
      punctuation: (text) => `"${text.split(' ').join(', ')}"!?`,
      zeroWidth: (text) => [...text].join('\u200b'),
      prefix: (text) => (foldWords(text).length < 6 ? `${text} 🙂` : `well well ${text}`),
    };
    const startMs = performance.now();
    for (const [name, disguise] of Object.entries(disguises)) {
      const passed = planted.filter(
        (text) => checkReply([disguise(text)], options({ chatId: chat, personaId: owner, phrases: store.phrases })).ok,
      );
      expect(passed, name).toEqual([]);
    }
    process.stdout.write(`guard: ${((performance.now() - startMs) / 5000).toFixed(2)} ms a reply\n`);
  });

  test('fewer than 10 % of held-out lines of the persona are refused', () => {
    expect(sample.length).toBeGreaterThan(1500);
    const store = freshStore();
    const owner = store.people.resolve(['me']);
    say(store, owner, 'granted');
    // ten contacts share the first four fifths, weeks apart; the persona's last fifth was never stored
    const cut = Math.floor(sample.length * 0.8);
    const chats = Array.from({ length: 10 }, (_, index) => {
      const contact = store.people.resolve([`${index}@c.us`]);
      say(store, contact, 'granted');
      return { contact, chat: directChat(store, `${index}@c.us`, owner, contact) };
    });
    store.messages.addMany(
      sample.slice(0, cut).map(({ isPersona, text }, index) => {
        const { contact, chat } = chats[Math.floor((index * chats.length) / cut)]!;
        return admitted(draft(chat, isPersona ? owner : contact, text, { fromMe: isPersona }));
      }),
    );
    const here = chats[0]!.chat;
    const heldOut = sample.slice(cut).filter(({ isPersona }) => isPersona);
    const reasons = heldOut.flatMap(({ text }) => {
      const verdict = checkReply(
        [text],
        options({ chatId: here, personaId: owner, phrases: store.phrases, maxChars: 500 }),
      );
      return verdict.ok ? [] : [verdict.reason];
    });
    const share = reasons.length / heldOut.length;
    process.stdout.write(
      `guard: ${(share * 100).toFixed(1)} % of ${heldOut.length} held-out lines refused (${[...new Set(reasons)].join(', ')})\n`,
    );
    expect(share).toBeLessThan(0.1);
  });
});

describe('folding', () => {
  test.each([
    ["Don't  STOP—now!", ['dont', 'stop', 'now']],
    ['Ｆｕｌｌ ﬁne', ['full', 'fine']],
    ['Crème brûlée, ÇA VA', ['creme', 'brulee', 'ca', 'va']],
    ['zero\u200bwidth \u202ertl\u202c so\u00adft', ['zerowidth', 'rtl', 'soft']],
    ['😂😂 ...', []],
    ['Straße STRASSE ΣΟΦΟΣ σοφός İ ı', ['strasse', 'strasse', 'σοφοσ', 'σοφοσ', 'i', 'i']],
    ['明天下午三点', ['明天下', '天下午', '下午三', '午三点']],
    ['ok好的', ['ok', '好的']],
  ])('%j', (text, words) => {
    expect(foldWords(text)).toEqual(words);
  });

  test('hashes: six words slide, fewer are one, none is nothing', () => {
    expect(phraseHashes('')).toEqual({ sixes: [], short: null });
    expect(phraseHashes('👍')).toEqual({ sixes: [], short: null });
    expect(phraseHashes('one two three four five')).toMatchObject({ sixes: [] });
    expect(phraseHashes('one two three four five').short).toBe(phraseHashes('ONE, two three four five!').short);
    expect(phraseHashes('a b c d e f g h').sixes).toHaveLength(3);
    expect(phraseHashes('a a a a a a a a').sixes).toHaveLength(1);
    expect(phraseHashes('a b c d e f').short).toBeNull();
    for (const hash of phraseHashes('a b c d e f g').sixes) expect(BigInt.asIntN(64, hash)).toBe(hash);
  });

  test('a hash is fixed: stored ones must be found by every later version', () => {
    expect(phraseHashes('hello').short).toBe(3238736544897475342n);
  });

  test('any text folds, and folding twice changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const words = foldWords(text);
        expect(phraseHashes(text).sixes.length).toBeLessThanOrEqual(words.length);
        expect(words.every((each) => each !== '' && !/\s/.test(each))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
