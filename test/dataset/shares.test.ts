/** Whose words a dataset is made of, and who makes up most of it. */
import { expect, test } from 'vitest';
import type { Conversation } from '../../src/dataset/conversations.ts';
import { dominantOf, sharesOf } from '../../src/dataset/shares.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { message } from '../tokenizer/examples.ts';

const held = (chatKey: string, messages: ConversationMessage[], withoutLoss: number[] = []): Conversation => ({
  chatKey,
  startMs: null,
  previousMs: null,
  messages,
  withoutLoss: new Set(withoutLoss),
});
const said = (rowId: number, personId: number, text: string): ConversationMessage =>
  message({ rowId, personId, text, isPersona: personId === 1 });

test('messages and bytes by person and by chat, the largest first; the bot is nobody', () => {
  const shares = sharesOf([
    held('a', [said(1, 2, 'hello'), said(2, 1, 'hü'), said(3, 1, 'said before')], [3]),
    held('b', [
      said(4, 3, 'a longer text than all'),
      said(5, 1, 'no'),
      message({ rowId: 6, personId: 1, isBot: true }),
    ]),
  ]);
  expect(shares.people).toEqual([
    { personId: 3, isPersona: false, messages: 1, bytes: 22, targetMessages: 0, targetBytes: 0 },
    { personId: 1, isPersona: true, messages: 3, bytes: 3 + 11 + 2, targetMessages: 2, targetBytes: 4 + 3 },
    { personId: 2, isPersona: false, messages: 1, bytes: 5, targetMessages: 0, targetBytes: 0 },
  ]);
  expect(shares.chats).toEqual([
    { chatKey: 'b', messages: 2, bytes: 24, targetMessages: 1, targetBytes: 3 },
    { chatKey: 'a', messages: 3, bytes: 19, targetMessages: 1, targetBytes: 4 },
  ]);
});

test('one of several who makes up 60 % is named, person and chat apart', () => {
  const text = (length: number): string => 'x'.repeat(length);
  const chats = (a: number, b: number): Conversation[] => [
    held('a', [said(1, 2, text(a)), said(2, 1, text(59))]),
    held('b', [said(3, 3, text(b)), said(4, 1, text(39))]),
  ];
  expect(dominantOf(sharesOf(chats(50, 50)))).toEqual([{ kind: 'chat', id: 'a', share: 0.6, among: 2 }]);
  expect(dominantOf(sharesOf(chats(20, 80)))[0]).toEqual({ kind: 'person', id: 3, share: 0.8, among: 2 });
  expect(dominantOf(sharesOf(chats(59, 41).slice(0, 1)))).toEqual([]);
  expect(dominantOf(sharesOf([]))).toEqual([]);
  expect(dominantOf(sharesOf([held('a', [said(1, 2, ''), said(2, 3, '')])]))).toEqual([]);
});
