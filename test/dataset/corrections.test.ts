/** A correction stands where the reply stood, counts as the persona's words, and only so many of one chat are learned. */
import { describe, expect, test } from 'vitest';
import { buildDataset } from '../../src/dataset/build.ts';
import { placeCorrections } from '../../src/dataset/corrections.ts';
import { isScored } from '../../src/dataset/conversations.ts';
import type { ConversationMessage } from '../../src/types.ts';

const timezone = 'UTC';
let row = 0;
const message = (text: string, fields: Partial<ConversationMessage> = {}): ConversationMessage => ({
  rowId: ++row,
  personId: 2,
  isPersona: false,
  isBot: false,
  timestampMs: Date.UTC(2026, 0, 5, 12) + row * 1000,
  minutePrecision: false,
  text,
  media: null,
  quotedRowId: null,
  ...fields,
});
const said = (text: string, fields: Partial<ConversationMessage> = {}): ConversationMessage =>
  message(text, { personId: 1, isPersona: true, ...fields });
const bot = (text: string): ConversationMessage => message(text, { personId: 1, isBot: true });
const texts = (messages: readonly ConversationMessage[]): string[] => messages.map(({ text }) => text);

describe('placeCorrections', () => {
  test('the corrected reply goes with all its bubbles, the correction stays', () => {
    const [first, second] = [bot('no'), bot('never')];
    const chat = [message('coming?'), first, said('yes, at eight', { corrects: first.rowId }), second, message('good')];
    expect(texts(placeCorrections(chat))).toEqual(['coming?', 'yes, at eight', 'good']);
  });

  test('other replies stay, and so does everything where the corrected one is gone', () => {
    const other = bot('hello');
    const chat = [other, message('coming?'), said('yes', { corrects: null }), message('good')];
    expect(placeCorrections(chat)).toEqual(chat);
    const wrong = bot('no');
    const more = [message('hi'), other, message('coming?'), wrong, said('yes', { corrects: wrong.rowId })];
    expect(texts(placeCorrections(more))).toEqual(['hi', 'hello', 'coming?', 'yes']);
  });
});

describe('the cap of a chat', () => {
  const corrected = (count: number): ConversationMessage[] =>
    Array.from({ length: count }, (_, i) => {
      const wrong = bot(`wrong ${i}`);
      return [message(`question ${i}`), wrong, said(`better ${i}`, { corrects: wrong.rowId })];
    }).flat();
  const plain = (count: number): ConversationMessage[] =>
    Array.from({ length: count }, (_, i) => [message(`what ${i}`), said(`that ${i}`)]).flat();
  /** a key whose conversation of this week is trained on */
  const key = (name: string): string => {
    for (let i = 0; ; i++) {
      const dataset = buildDataset({ chats: [{ chatKey: `${name}${i}`, messages: plain(1) }], timezone });
      if (dataset.conversations[0]?.split === 'train') return `${name}${i}`;
    }
  };
  const learnedOf = (chats: { chatKey: string; messages: ConversationMessage[] }[]): string[] =>
    buildDataset({ chats, timezone }).conversations.flatMap(({ conversation }) =>
      conversation.messages.filter((each) => isScored(each, conversation)).map(({ text }) => text),
    );

  test('five in a small chat, the newest; the rest is read and not learned', () => {
    const chats = [{ chatKey: key('a'), messages: [...plain(3), ...corrected(8)] }];
    expect(learnedOf(chats)).toEqual(['that 0', 'that 1', 'that 2', ...[3, 4, 5, 6, 7].map((i) => `better ${i}`)]);
    expect(buildDataset({ chats, timezone }).manifest.corrections).toEqual({ learned: 5, heldOut: 0, beyondCap: 3 });
  });

  test('one for ten other messages of the persona, at most 50, in each chat', () => {
    const chats = [
      { chatKey: key('b'), messages: [...plain(120), ...corrected(20)] },
      { chatKey: key('c'), messages: corrected(20) },
    ];
    expect(buildDataset({ chats, timezone }).manifest.corrections).toEqual({ learned: 24, heldOut: 0, beyondCap: 16 });
    const many = [{ chatKey: key('d'), messages: [...plain(700), ...corrected(60)] }];
    expect(buildDataset({ chats: many, timezone }).manifest.corrections).toMatchObject({ learned: 50, beyondCap: 10 });
  });

  test('what is beyond the cap changes the dataset, so that a night sees it', () => {
    const chatKey = key('e');
    const messages = [...plain(3), ...corrected(5)];
    const hashOf = (all: ConversationMessage[]): string =>
      buildDataset({ chats: [{ chatKey, messages: all }], timezone }).manifest.hash;
    expect(hashOf([...messages, ...corrected(1)])).not.toBe(hashOf(messages));
  });
});
