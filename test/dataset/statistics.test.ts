/** Statistics of a small chat, counted by hand, and what holds for any. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { localClock, statisticsOf, type Said } from '../../src/dataset/statistics.ts';

const minute = 60_000;
const hour = 60 * minute;
/** Monday 2 March 2026, 09:00 on the clock that counts */
const monday = Date.UTC(2026, 2, 2, 9);

function said(who: string, afterMs: number, text: string, changes: Partial<Said> = {}): Said {
  const timeMs = monday + afterMs;
  return { chat: 'c', who, timeMs, localMs: timeMs, minutePrecision: false, text, media: null, ...changes };
}

const chat: Said[] = [
  said('Ada', 0, 'good morning'),
  said('Ada', 5_000, "it's raining ☔️ 😀😀"),
  said('Ben', 65_000, 'again? 😀'),
  said('Ada', 66_000, '', { media: 'image' }),
  said('Ben', 66_000 + 10 * minute, 'ok'),
  // 14 hours later, on Tuesday
  said('Ben', 25 * hour, 'नमस्ते दुनिया'),
  said('Ben', 25 * hour + 1000, '你好吗'),
];

describe('a small chat', () => {
  const result = statisticsOf(chat);
  const [ada, ben] = [...result.people].sort((a, b) => (a.who < b.who ? -1 : 1));

  test('who wrote how much: messages, words, characters as people see them', () => {
    expect(result).toMatchObject({ messages: 7, words: 10, tokens: null, chats: 1, conversations: 2 });
    expect(result.people.map(({ who }) => who)).toEqual(['Ben', 'Ada']);
    expect(ada).toMatchObject({ messages: 3, words: 4, characters: 12 + 17, opened: 1 });
    expect(ben).toMatchObject({ messages: 4, words: 1 + 1 + 2 + 2, characters: 8 + 2 + 8 + 3, opened: 1 });
    expect(ada?.charactersPerMessage).toEqual({ lower: 12, median: 12, upper: 17 });
    expect(ada?.media).toMatchObject({ image: 1, voice: 0 });
  });

  test('emoji, most frequent first', () => {
    expect(ada?.emoji).toEqual({
      total: 3,
      top: [
        { emoji: '😀', count: 2 },
        { emoji: '☔️', count: 1 },
      ],
    });
    const flags = statisticsOf([said('Ada', 0, '🇩🇪🇩🇪🇫🇷 👩‍👩‍👧 👍🏽 1️⃣ ❤️ © 7 #')]).people[0]?.emoji;
    expect(flags?.top.map(({ emoji }) => emoji)).toEqual(['🇩🇪', '1️⃣', '❤️', '🇫🇷', '👍🏽', '👩‍👩‍👧']);
    expect(flags?.total).toBe(7);
  });

  test('answers come after somebody else, within a conversation', () => {
    expect(ben?.replySeconds).toEqual({ lower: 60, median: 60, upper: 600 });
    expect(ada?.replySeconds).toEqual({ lower: 1, median: 1, upper: 1 });
    const minutes = chat.map((each) => ({ ...each, minutePrecision: true }));
    expect(statisticsOf(minutes).people.find(({ who }) => who === 'Ada')?.replySeconds?.median).toBe(0);
  });

  test('messages in a row', () => {
    expect(ada?.burstLengths).toEqual([1, 1, 0, 0, 0]);
    expect(ben?.burstLengths).toEqual([2, 1, 0, 0, 0]);
    expect(ada?.messagesPerBurst).toBe(1.5);
    const six = Array.from({ length: 6 }, (_, i) => said('Ada', i, 'and'));
    expect(statisticsOf(six).people[0]?.burstLengths).toEqual([0, 0, 0, 0, 1]);
  });

  test('when: hours, weekdays, months, days', () => {
    expect(result.hours.flatMap((count, at) => (count > 0 ? [[at, count]] : []))).toEqual([
      [9, 5],
      [10, 2],
    ]);
    expect(result.weekdays).toEqual([5, 2, 0, 0, 0, 0, 0]);
    expect(result.span).toEqual({ first: '2026-03-02', last: '2026-03-03', days: 2 });
    expect(result.messagesPerConversation).toEqual({ lower: 2, median: 2, upper: 5 });
    const later = statisticsOf([...chat, said('Ada', 62 * 24 * hour, 'hey')]).months;
    expect(later).toEqual([
      { month: '2026-03', messages: 7 },
      { month: '2026-04', messages: 0 },
      { month: '2026-05', messages: 1 },
    ]);
  });

  test('the bot is nobody, and nobody is quick for answering it', () => {
    const withBot = [
      said('Ada', 0, 'hi'),
      said('Ada', 1000, 'I am a bot', { isBot: true }),
      said('Ada', 2000, 'it was'),
    ];
    const [only] = statisticsOf(withBot).people;
    expect(statisticsOf(withBot)).toMatchObject({ messages: 2, botMessages: 1, conversations: 1 });
    expect(only).toMatchObject({ messages: 2, burstLengths: [2, 0, 0, 0, 0], replySeconds: null });
  });

  test('tokens where a tokenizer counts them; messages without a time; no messages', () => {
    expect(statisticsOf(chat, { countTokens: (text) => text.length }).tokens).toBeGreaterThan(9);
    const undated = chat.map((each) => ({ ...each, timeMs: null, localMs: null }));
    expect(statisticsOf(undated)).toMatchObject({ messages: 7, conversations: 1, span: null, months: [] });
    expect(statisticsOf([])).toMatchObject({
      messages: 0,
      people: [],
      conversations: 0,
      messagesPerConversation: null,
    });
  });

  test('no word of a text comes out', () => {
    expect(JSON.stringify(result)).not.toMatch(/good|morning|raining|again|दुनिया|你好/);
  });
});

test('sums hold for any chats, however they are mixed', () => {
  const any = fc.record({
    chat: fc.constantFrom('a', 'b'),
    who: fc.constantFrom('Ada', 'Ben', 'Cleo'),
    isBot: fc.boolean(),
    after: fc.integer({ min: 0, max: 1e7 }),
    text: fc.string({ unit: 'binary', maxLength: 20 }),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (rows) => {
      let timeMs = monday;
      const messages = rows.map(({ after, ...row }) => {
        timeMs += after * 5;
        return { ...row, timeMs, localMs: timeMs, minutePrecision: false, media: null };
      });
      const result = statisticsOf(messages);
      const people = messages.filter(({ isBot }) => !isBot);
      const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
      expect(result.messages).toBe(people.length);
      expect(result.botMessages).toBe(messages.length - people.length);
      expect(sum(result.people.map((each) => each.messages))).toBe(people.length);
      expect(sum(result.hours)).toBe(people.length);
      expect(sum(result.weekdays)).toBe(people.length);
      expect(sum(result.months.map((each) => each.messages))).toBe(people.length);
      for (const { messages: own, burstLengths, messagesPerBurst } of result.people) {
        expect(sum(burstLengths) * messagesPerBurst).toBeCloseTo(own);
      }
      // chats one after another count the same: turns and conversations are a chat's own
      const apart = ['a', 'b'].flatMap((chatKey) => messages.filter((each) => each.chat === chatKey));
      expect(statisticsOf(apart)).toEqual(result);
    }),
  );
});

test('emoji and characters are those that Intl.Segmenter finds', () => {
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const pieces = ['😀', '👩‍👩‍👧', '👍🏽', '🏳️‍🌈', '🇩🇪', '1️⃣', '❤️', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '©', '7', '#', 'a', 'e\u0301', ' ', 'ж', '日', '☔'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }), (parts) => {
      const text = parts.join('');
      const clusters = Array.from(segmenter.segment(text), ({ segment }) => segment);
      const [person] = statisticsOf([said('Ada', 0, text)], { topEmoji: 20 }).people;
      expect(person?.characters).toBe(clusters.length);
      const emoji = clusters.filter((each) => /^\p{Emoji_Presentation}|\ufe0f/u.test(each));
      expect(person?.emoji.total).toBe(emoji.length);
      expect(person?.emoji.top.map((each) => each.emoji).sort()).toEqual([...new Set(emoji)].sort());
    }),
  );
});

test('the clock is that of the timezone, summer time and half hours too', () => {
  const clock = (iso: string, zone: string): string => new Date(localClock(zone)(Date.parse(iso))).toISOString();
  expect(clock('2026-03-29T00:59:59Z', 'Europe/Berlin')).toBe('2026-03-29T01:59:59.000Z');
  expect(clock('2026-03-29T01:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T03:00:00.000Z');
  expect(clock('2026-01-01T00:00:00Z', 'Asia/Kathmandu')).toBe('2026-01-01T05:45:00.000Z');
});
