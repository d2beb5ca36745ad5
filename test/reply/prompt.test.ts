import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildPrompt } from '../../src/reply/prompt.ts';
import { tokenIds } from '../tokenizer/examples.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { sha256 } from '../../src/util/files.ts';
import { chat, tokenizer } from './examples.ts';

const contextLength = 96;
const build = (messages: readonly ConversationMessage[]) => buildPrompt(messages, tokenizer, { contextLength });

test('the whole chat, its rows, and the hash of its ids', () => {
  const prompt = build(chat(['hi', 'hello there'], { firstRow: 7 }));
  const { bos, persona, other, gap0, end } = tokenIds;
  const ids = [
    bos,
    persona,
    ...tokenizer.encode('hi'),
    end,
    other,
    gap0 + 1,
    ...tokenizer.encode('hello there'),
    end,
    persona,
  ];
  expect(prompt).toEqual({ ids, rowIds: [7, 8], promptHash: sha256(new Uint8Array(Int32Array.from(ids).buffer)) });
});

test('a third of the context is left for the reply; the oldest messages are dropped', () => {
  const messages = chat(Array.from({ length: 40 }, (_, i) => `message number ${i}`));
  const prompt = build(messages);
  expect(prompt.ids.length).toBeLessThanOrEqual(64);
  expect(prompt.ids.length).toBeGreaterThan(40);
  const text = tokenizer.decode(prompt.ids);
  expect(text.endsWith('message number 39')).toBe(true);
  // the first row is the one before, which tells the first gap only
  const [before, first] = prompt.rowIds;
  expect(text.startsWith(messages[first! - 1]!.text)).toBe(true);
  expect(text).not.toContain(messages[before! - 1]!.text);
  expect(prompt.rowIds).toEqual(messages.map((message) => message.rowId).slice(before! - 1));
});

test('after a silence of more than 6 h only the silence is told of what was before', () => {
  const [old, fresh] = chat(['secret of yesterday', 'good morning'], { stepMs: 7 * 3_600_000 });
  const prompt = build([old!, fresh!]);
  const { bos, other, gap0, end, persona } = tokenIds;
  expect(prompt.ids).toEqual([bos, other, gap0 + 6, ...tokenizer.encode('good morning'), end, persona]);
  expect(prompt.rowIds).toEqual([1, 2]);
});

test('a message too long alone keeps its end', () => {
  const prompt = build(chat([`${'zxqj'.repeat(100)} the end`]));
  expect(prompt.ids).toHaveLength(64);
  expect(tokenizer.decode(prompt.ids).endsWith(' the end')).toBe(true);
  expect(prompt.rowIds).toEqual([1]);
});

test('no message at all: the persona opens', () => {
  expect(build([])).toMatchObject({ ids: [tokenIds.bos, tokenIds.persona], rowIds: [] });
});

test('what is to be hidden stands as a placeholder', () => {
  const redact = (text: string) =>
    [...text.matchAll(/\d+/g)].map((m) => ({ start: m.index, end: m.index + m[0].length, token: 'phone' as const }));
  const { ids } = buildPrompt(chat(['call 5551234 now']), tokenizer, { contextLength, redact });
  expect(tokenizer.decode(ids)).toBe('call  now');
  expect(ids).toContain(tokenIds.phone);
});

describe('replay', () => {
  const message = fc.record({
    personId: fc.integer({ min: 1, max: 5 }),
    isBot: fc.boolean(),
    waitMs: fc.constantFrom(null, 0, 20_000, 3_000_000, 30_000_000),
    minutePrecision: fc.boolean(),
    text: fc.string({ maxLength: 30, unit: 'grapheme' }),
    media: fc.constantFrom(null, null, 'image' as const),
    quoted: fc.option(fc.integer({ min: 1, max: 9 })),
  });

  test('the rows a prompt names give the same prompt again', () => {
    let shortened = 0;
    fc.assert(
      fc.property(fc.array(message, { maxLength: 25 }), (drafts) => {
        let now = 1_700_000_000_000;
        const messages: ConversationMessage[] = drafts.map(({ waitMs, quoted, ...rest }, i) => {
          now += waitMs ?? 0;
          const quotedRowId = quoted !== null && quoted <= i ? 100 + i - quoted : null;
          const isPersona = rest.personId === 1 && !rest.isBot;
          return { ...rest, rowId: 100 + i, isPersona, timestampMs: waitMs === null ? null : now, quotedRowId };
        });
        const prompt = build(messages);
        const named = messages.filter(({ rowId }) => prompt.rowIds.includes(rowId));
        expect(build(named)).toEqual(prompt);
        expect(prompt.ids.length).toBeLessThanOrEqual(64);
        if (named.length < messages.length) shortened++;
      }),
      { seed: 7, numRuns: 500 },
    );
    expect(shortened).toBeGreaterThan(100);
  });
});
