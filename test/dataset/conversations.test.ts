/** Cutting chats at silences, exact duplicates, and the texts that a tokenizer is trained on. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupConversations, isScored, textsOf, type Conversation } from '../../src/dataset/conversations.ts';
import { countWords, dedupe } from '../../src/dataset/dedupe.ts';
import { encodeConversation } from '../../src/tokenizer/chat-format.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { anyConversation, message, tinyTokenizer, tokenIds } from '../tokenizer/examples.ts';

const noon = Date.UTC(2026, 8, 19, 12);
const hour = 3_600_000;

const at = (...timesMs: (number | null)[]): ConversationMessage[] =>
  timesMs.map((timestampMs, rowId) => message({ rowId, timestampMs }));
const rowIds = (conversations: Conversation[]): number[][] =>
  conversations.map(({ messages }) => messages.map(({ rowId }) => rowId));

describe('groupConversations', () => {
  test('cuts after more than 6 h of silence', () => {
    const chat = { chatKey: 'c', messages: at(noon, noon + 6 * hour, noon + 12 * hour + 1, noon + 13 * hour) };
    const conversations = groupConversations(chat);
    expect(rowIds(conversations)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(conversations.map(({ startMs, previousMs }) => [startMs, previousMs])).toEqual([
      [noon, null],
      [noon + 12 * hour + 1, noon + 6 * hour],
    ]);
    expect(conversations.map(({ chatKey, withoutLoss }) => [chatKey, withoutLoss.size])).toEqual([
      ['c', 0],
      ['c', 0],
    ]);
  });

  test('counts whole minutes where one side knows minutes only', () => {
    const messages = at(noon, noon + 6 * hour + 59_000).map((each) => ({ ...each, minutePrecision: each.rowId === 0 }));
    expect(rowIds(groupConversations({ chatKey: 'c', messages }))).toEqual([[0, 1]]);
  });

  test('keeps messages of unknown time where they stand, and measures silence across them', () => {
    const conversations = groupConversations({ chatKey: 'c', messages: at(null, noon, null, noon + 7 * hour, null) });
    expect(rowIds(conversations)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    expect(conversations.map(({ startMs, previousMs }) => [startMs, previousMs])).toEqual([
      [noon, null],
      [noon + 7 * hour, noon],
    ]);
    expect(groupConversations({ chatKey: 'c', messages: at(null, null) })).toMatchObject([{ startMs: null }]);
    expect(groupConversations({ chatKey: 'c', messages: [] })).toEqual([]);
  });

  test('loses no message, and its conversations encode with gap6 exactly where they follow a silence', () => {
    fc.assert(
      fc.property(anyConversation(30), (messages) => {
        const conversations = groupConversations({ chatKey: 'c', messages });
        expect(conversations.flatMap((each) => each.messages)).toEqual(messages);
        for (const conversation of conversations) {
          const { ids } = encodeConversation(conversation.messages, tinyTokenizer, conversation);
          const opening = [...ids].filter((id) => id === tokenIds.gap0 + 6);
          const isDated = conversation.messages[0]?.timestampMs !== null;
          expect(opening).toHaveLength(conversation.previousMs !== null && isDated ? 1 : 0);
          if (opening.length === 1) expect(ids[2]).toBe(tokenIds.gap0 + 6);
        }
      }),
    );
  });
});

test('isScored: the persona itself, not the bot, not what was said before', () => {
  const rows = [
    message({ rowId: 1, isPersona: true }),
    message({ rowId: 2, isPersona: true }),
    message({ rowId: 3 }),
    message({ rowId: 4, isPersona: true, isBot: true }),
  ];
  expect(rows.map((row) => isScored(row, { withoutLoss: new Set([2]) }))).toEqual([true, false, false, false]);
});

describe('textsOf', () => {
  const [conversation] = groupConversations({
    chatKey: 'c',
    messages: [
      message({ rowId: 1, text: 'call 123 now' }),
      message({ rowId: 2, text: '' }),
      message({ rowId: 3, text: '9' }),
    ],
  });

  test('yields what is said, by everybody', () => {
    expect([...textsOf(conversation ? [conversation] : [])]).toEqual(['call 123 now', '9']);
  });

  test('yields what stands around redacted spans', () => {
    const redact = (text: string) =>
      [...text.matchAll(/\d+/g)].map(({ index, 0: { length } }) => ({
        start: index,
        end: index + length,
        token: 'phone' as const,
      }));
    expect([...textsOf(conversation ? [conversation] : [], redact)]).toEqual(['call ', ' now']);
  });
});

describe('dedupe', () => {
  const six = 'I will never ever say that';
  const said = (rowId: number, text: string, changes: Partial<ConversationMessage> = {}): ConversationMessage =>
    message({ rowId, text, isPersona: true, ...changes });
  const conversations = (...lists: ConversationMessage[][]): Conversation[] =>
    lists.flatMap((messages, i) => groupConversations({ chatKey: `c${i}`, messages }));

  test('takes the loss from a long message said before, and keeps it in its place', () => {
    const result = dedupe(
      conversations([said(1, six), said(2, 'short one')], [said(3, six), said(4, 'short one'), said(5, 'and more')]),
    );
    expect(rowIds(result.conversations)).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(result.conversations.map(({ withoutLoss }) => [...withoutLoss])).toEqual([[], [3]]);
    expect(result).toMatchObject({ repeatedConversations: 0, repeatedMessages: 1 });
  });

  test('looks past case, white space and compatibility forms', () => {
    const variant = 'i  WILL\nnever ever ｓａｙ that ';
    expect(dedupe(conversations([said(1, six), said(2, variant)])).repeatedMessages).toBe(1);
    expect(dedupe(conversations([said(1, six), said(2, `${six}!`)])).repeatedMessages).toBe(0);
  });

  test('leaves short messages and the bot alone', () => {
    const five = 'I will never say that';
    const bot = [said(5, six, { isBot: true }), said(6, six)];
    expect(dedupe(conversations([said(1, five), said(2, five)])).repeatedMessages).toBe(0);
    expect(dedupe(conversations(bot)).repeatedMessages).toBe(0);
  });

  test('counts the others apart from the persona, who may say what they said', () => {
    const rows = [said(1, six), message({ rowId: 2, text: six }), message({ rowId: 3, text: six }), said(4, six)];
    const [conversation] = dedupe(conversations(rows)).conversations;
    expect([...(conversation?.withoutLoss ?? [])]).toEqual([3, 4]);
  });

  test('counts words in scripts without spaces', () => {
    expect(countWords('')).toBe(0);
    expect(countWords('one two')).toBe(2);
    expect(countWords('我今天不想去那里吃饭')).toBe(1 + 5);
    expect(countWords('ไม่อยากไปเลยวันนี้')).toBeGreaterThanOrEqual(6);
    expect(
      dedupe(conversations([said(1, '我今天不想去那里吃饭'), said(2, '我今天不想去那里吃饭')])).repeatedMessages,
    ).toBe(1);
  });

  test('drops a conversation that is there twice: a long one at any time, a short one at the same minutes', () => {
    const long = [`${six} ${six} ${six}`, 'ok then'];
    const held = (rowId: number, texts: string[], startMs: number): ConversationMessage[] =>
      texts.map((text, i) => said(rowId + i, text, { timestampMs: startMs + i * 1000, isPersona: i === 0 }));
    const twice = dedupe(conversations(held(1, long, noon), held(5, long, noon + 90 * hour)));
    expect(rowIds(twice.conversations)).toEqual([[1, 2]]);
    expect(twice).toMatchObject({ repeatedConversations: 1, repeatedMessages: 0 });
    const morning = ['gm', 'gm!'];
    const habit = dedupe(
      conversations(held(1, morning, noon), held(5, morning, noon + 24 * hour), held(9, morning, noon + 5)),
    );
    expect(rowIds(habit.conversations)).toEqual([
      [1, 2],
      [5, 6],
    ]);
    const swapped = held(20, long, noon).map((each) => ({ ...each, isPersona: !each.isPersona }));
    expect(dedupe(conversations(held(1, long, noon), swapped)).repeatedConversations).toBe(0);
  });

  test('takes the loss from a long message that is nearly one said before, by whomever', () => {
    const joke = 'why did the chicken cross the road? to get away from the group chat';
    const rows = [message({ rowId: 1, text: joke }), said(2, `${joke} 😂😂`), said(3, `Haha: ${joke}`), said(4, joke)];
    const result = dedupe(conversations(rows));
    expect([...(result.conversations[0]?.withoutLoss ?? [])]).toEqual([2, 3, 4]);
    expect(result).toMatchObject({ repeatedMessages: 0, nearRepeatedMessages: 3 });
    const everyday = ['good morning my love', 'ok', 'see you there at eight then'];
    const daily = everyday.flatMap((text, i) => [said(10 + i, text), said(20 + i, `${text}!`)]);
    expect(dedupe(conversations(daily))).toMatchObject({ repeatedMessages: 0, nearRepeatedMessages: 0 });
  });

  test('drops a long conversation that is nearly one held before, unless the roles are changed', () => {
    const texts = Array.from({ length: 12 }, (_, i) => `this is line ${i} of what we said`);
    const held = (rowId: number, last: string, personaIs: number): ConversationMessage[] =>
      [...texts, last].map((text, i) => said(rowId + i, text, { isPersona: i % 2 === personaIs }));
    const result = dedupe(conversations(held(1, 'bye', 0), held(100, 'bye now', 0), held(200, 'bye now', 1)));
    expect(result.conversations.map(({ chatKey }) => chatKey)).toEqual(['c0', 'c2']);
    expect(result).toMatchObject({ repeatedConversations: 0, nearRepeatedConversations: 1 });
  });

  test('afterwards no long text carries loss twice', () => {
    const word = fc.constantFrom('a', 'b');
    const text = fc.array(word, { minLength: 5, maxLength: 7 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.array(fc.array(text, { maxLength: 6 }), { maxLength: 8 }), (lists) => {
        let rowId = 0;
        const chats = conversations(...lists.map((texts) => texts.map((each) => said(rowId++, each))));
        const { conversations: kept } = dedupe(chats);
        const scored = kept.flatMap((conversation) =>
          conversation.messages.filter((each) => isScored(each, conversation)).map((each) => each.text),
        );
        const long = scored.filter((each) => each.split(' ').length >= 6);
        expect(new Set(long).size).toBe(long.length);
        // and every long text that was there still carries it once
        const all = new Set(kept.flatMap((each) => each.messages.map((row) => row.text)));
        expect(new Set(long)).toEqual(new Set([...all].filter((each) => each.split(' ').length >= 6)));
      }),
    );
  });
});
