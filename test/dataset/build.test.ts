/** The dataset as a whole: deterministic, counted, and a manifest from which no text can be read. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildDataset, type Dataset } from '../../src/dataset/build.ts';
import { encodeConversation, scoredBytes } from '../../src/tokenizer/chat-format.ts';
import { sha256 } from '../../src/util/files.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { anyConversation, message, tinyTokenizer } from '../tokenizer/examples.ts';

const timezone = 'Europe/Berlin';
const wednesday = Date.UTC(2026, 8, 23, 12);
const hour = 3_600_000;
const six = 'I will never ever say that';

const chats = [
  {
    chatKey: 'chat9', // test in 2026-W39
    messages: [
      message({ rowId: 10, text: 'marker-other', timestampMs: wednesday }),
      message({ rowId: 11, text: 'märker', isPersona: true, timestampMs: wednesday + 1 }),
      message({ rowId: 12, text: ' \n', timestampMs: wednesday + 2 }),
    ],
  },
  {
    chatKey: 'a', // train
    messages: [
      message({ rowId: 20, text: six, isPersona: true, timestampMs: wednesday - hour }),
      message({ rowId: 21, text: 'marker-later', timestampMs: wednesday + 40 * hour }),
      message({ rowId: 22, text: six, isPersona: true, timestampMs: wednesday + 40 * hour }),
      message({ rowId: 23, text: '', media: 'image', isPersona: true, timestampMs: wednesday + 40 * hour }),
    ],
  },
];

const rowsOf = (dataset: Dataset): [string, number[]][] =>
  dataset.conversations.map(({ conversation, split }) => [split, conversation.messages.map(({ rowId }) => rowId)]);

test('conversations stand in the order in which they were held, with their split', () => {
  expect(rowsOf(buildDataset({ chats, timezone }))).toEqual([
    ['train', [20]],
    ['test', [10, 11]],
    ['train', [21, 22, 23]],
  ]);
});

test('the manifest counts what carries loss and what was left out', () => {
  const { manifest } = buildDataset({ chats, timezone });
  expect(manifest.format).toBe(1);
  expect(manifest.counts).toEqual({
    train: { conversations: 2, messages: 4, personaMessages: 2, personaBytes: six.length + 1 + 1, personaRepeats: 1 },
    validation: { conversations: 0, messages: 0, personaMessages: 0, personaBytes: 0, personaRepeats: 0 },
    test: { conversations: 1, messages: 2, personaMessages: 1, personaBytes: 8, personaRepeats: 0 },
  });
  expect(manifest.leftOut).toEqual({
    sealedMessages: 0,
    emptyMessages: 1,
    oldConversations: 0,
    repeatedConversations: 0,
    nearRepeatedConversations: 0,
    repeatedMessages: 1,
    nearRepeatedMessages: 0,
  });
  expect(manifest.shares.people.map(({ personId, targetMessages }) => [personId, targetMessages])).toEqual([
    [1, 2],
    [2, 0],
  ]);
  expect(manifest.rows.map(({ id }) => id)).toEqual([20, 10, 11, 21, 22, 23]);
  expect(manifest.rows[1]?.sha256).toBe(sha256(JSON.stringify([false, false, wednesday, null, 'marker-other'])));
});

test('the manifest counts hidden spans by kind where asked to, and rows that are sealed', () => {
  const redact = (text: string) => (text.startsWith('marker') ? [{ start: 0, end: 6, token: 'name' as const }] : []);
  const { manifest } = buildDataset({ chats, timezone, redact, sealedMessages: 5 });
  expect(manifest.redactions).toEqual({ phone: 0, email: 0, link: 0, card: 0, name: 2, secret: 0 });
  expect(manifest.leftOut.sealedMessages).toBe(5);
  const plain = buildDataset({ chats, timezone }).manifest;
  expect(plain.redactions).toBeNull();
  expect(plain.hash).toBe(manifest.hash);
});

test('a text is learned or measured once, whatever the split: a held-out copy is context', () => {
  const letter = 'send this to ten friends before midnight or else';
  const at = (rowId: number, timestampMs: number, text: string): ConversationMessage =>
    message({ rowId, timestampMs, text, isPersona: true });
  const { manifest, conversations } = buildDataset({
    chats: [
      { chatKey: 'a', messages: [at(1, wednesday - hour, letter)] }, // train
      { chatKey: 'chat9', messages: [at(2, wednesday, `${letter} ok`), at(3, wednesday + 1, 'yes')] }, // test
    ],
    timezone,
  });
  expect(conversations.map(({ split, conversation }) => [split, [...conversation.withoutLoss]])).toEqual([
    ['train', []],
    ['test', [2]],
  ]);
  expect(manifest.counts.test).toMatchObject({ personaMessages: 1, personaRepeats: 1 });
  expect(manifest.leftOut.nearRepeatedMessages).toBe(1);
});

test('the manifest holds no text', () => {
  const json = JSON.stringify(buildDataset({ chats, timezone }).manifest);
  for (const secret of ['marker', 'märker', 'never', 'chat9']) expect(json).not.toContain(secret);
});

test('old conversations are left out, measured from the newest message', () => {
  const { conversations, manifest } = buildDataset({ chats, timezone, maxAgeMs: 40 * hour });
  expect(conversations.map(({ conversation }) => conversation.messages[0]?.rowId)).toEqual([10, 21]);
  expect(manifest.leftOut.oldConversations).toBe(1);
  expect(manifest.leftOut.repeatedMessages).toBe(0);
});

test('any change that training can see changes the hash', () => {
  const hash = (edit: Partial<ConversationMessage>, zone = timezone, chatKey = 'a'): string =>
    buildDataset({
      chats: [
        {
          chatKey,
          messages: [
            message({ rowId: 1, timestampMs: wednesday }),
            message({ rowId: 2, isPersona: true, timestampMs: wednesday, ...edit }),
          ],
        },
      ],
      timezone: zone,
    }).manifest.hash;
  const hashes = [
    hash({}),
    hash({ text: 'ho' }),
    hash({ rowId: 3 }),
    hash({ isPersona: false }),
    hash({ isBot: true }),
    hash({ personId: 9 }),
    hash({ timestampMs: wednesday + 1 }),
    hash({ timestampMs: null }),
    hash({ minutePrecision: true }),
    hash({ media: 'image' }),
    hash({ quotedRowId: 1 }),
    hash({}, timezone, 'b'),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(hash({}, 'America/New_York')).toBe(hashes[0]); // the same week there, so the same dataset
});

test('the same chats in any order give the same bytes, and the input stays as it was', () => {
  fc.assert(
    fc.property(fc.array(anyConversation(8), { maxLength: 4 }), (lists) => {
      const input = lists.map((messages, i) => ({
        chatKey: `chat${i}`,
        messages: messages.map((each, at) => ({ ...each, rowId: i * 100 + at })),
      }));
      const before = JSON.stringify(input);
      const once = buildDataset({ chats: input, timezone });
      const again = buildDataset({ chats: input.toReversed(), timezone });
      expect(again).toEqual(once);
      expect(JSON.stringify(again.manifest)).toBe(JSON.stringify(once.manifest));
      expect(JSON.stringify(input)).toBe(before);
    }),
  );
});

test('counted bytes are those that the loss pays for', () => {
  fc.assert(
    fc.property(anyConversation(20), (messages) => {
      const { conversations, manifest } = buildDataset({ chats: [{ chatKey: 'c', messages }], timezone });
      const scored = conversations.map(({ conversation }) =>
        scoredBytes(encodeConversation(conversation.messages, tinyTokenizer, conversation), tinyTokenizer),
      );
      const counted = Object.values(manifest.counts).map(({ personaBytes }) => personaBytes);
      expect(scored.reduce((a, b) => a + b, 0)).toBe(counted.reduce((a, b) => a + b, 0));
    }),
  );
});
