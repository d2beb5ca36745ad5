/** Outbox, replies, runs, settings. Run: npx vitest run test/store/records.test.ts */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AlreadyAnswered } from '../../src/store/outbox.ts';
import type { Store } from '../../src/store/store.ts';
import { freshDir, freshStore } from './support.ts';

const reply = (chatId: number, inReplyTo: string | null = 'A', textHash = 'h') => ({
  chatId,
  kind: 'reply' as const,
  inReplyTo,
  textHash,
});
function storeWithChat(now = () => 1): { store: Store; chat: number } {
  const store = freshStore({ now });
  return { store, chat: store.chats.resolve('1@c.us', 'direct') };
}

describe('outbox', () => {
  test('one message is answered once, unless the answer is known not to have left', () => {
    const { store, chat } = storeWithChat();
    const { outbox } = store;
    expect(outbox.answered(chat, 'A')).toBe(false);
    const first = outbox.begin(reply(chat));
    expect(outbox.answered(chat, 'A')).toBe(true);
    expect(() => outbox.begin(reply(chat))).toThrow(AlreadyAnswered);
    expect(() => outbox.begin(reply(chat))).toThrow(`a message of chat ${chat} has its reply already`);
    outbox.failed(first);
    expect(outbox.answered(chat, 'A')).toBe(false);
    const second = outbox.begin(reply(chat));
    outbox.unknown(second);
    expect(() => outbox.begin(reply(chat))).toThrow(AlreadyAnswered);
    outbox.sent(second, 'out');
    expect(() => outbox.begin(reply(chat))).toThrow(AlreadyAnswered);
    outbox.begin(reply(chat, 'B'));
    outbox.begin(reply(chat, null));
    outbox.begin(reply(chat, null)); // further bubbles of one reply
    outbox.begin({ chatId: chat, kind: 'ack', inReplyTo: 'A', textHash: 'h' });
    expect(() => outbox.begin(reply(99))).toThrow('FOREIGN KEY constraint failed');
  });

  test('what is settled stays settled', () => {
    const { store, chat } = storeWithChat();
    const id = store.outbox.begin(reply(chat));
    store.outbox.sent(id, 'out');
    store.outbox.failed(id);
    store.outbox.unknown(id);
    expect(store.outbox.answered(chat, 'A')).toBe(true);
    expect(store.outbox.isOurs(chat, 'out')).toBe(true);
    expect(store.outbox.isOurs(chat, 'other')).toBe(false);
    expect(store.outbox.isOurs(chat + 1, 'out')).toBe(false);
  });

  test('an echo claims the oldest row that waits for its text, once', () => {
    const { store, chat } = storeWithChat();
    const { outbox } = store;
    const [first, second] = [outbox.begin(reply(chat, 'A')), outbox.begin(reply(chat, 'B'))];
    outbox.unknown(first);
    expect(outbox.claim(chat, 'other', 'out1')).toBe(false);
    expect(outbox.claim(chat + 1, 'h', 'out1')).toBe(false);
    expect(outbox.claim(chat, 'h', 'out1')).toBe(true);
    expect(outbox.claim(chat, 'h', 'out1')).toBe(true); // the same echo again
    expect(outbox.claim(chat, 'h', 'out2')).toBe(true);
    expect(outbox.claim(chat, 'h', 'out3')).toBe(false); // typed by the owner: nothing waits
    expect([outbox.isOurs(chat, 'out1'), outbox.isOurs(chat, 'out2')]).toEqual([true, true]);
    outbox.sent(second, 'out2');
    expect(outbox.isOurs(chat, 'out2')).toBe(true);
    outbox.failed(first);
    expect(outbox.answered(chat, 'A')).toBe(true);
  });

  test('an id that a twin claimed goes to the row that knows for sure, and the twin waits again', () => {
    const { store, chat } = storeWithChat();
    const { outbox } = store;
    outbox.begin(reply(chat, 'A'));
    const second = outbox.begin(reply(chat, 'B'));
    expect(outbox.claim(chat, 'h', 'out2')).toBe(true); // the echo of the second came first
    outbox.sent(second, 'out2');
    expect(outbox.claim(chat, 'h', 'out1')).toBe(true);
    expect([outbox.isOurs(chat, 'out1'), outbox.isOurs(chat, 'out2')]).toEqual([true, true]);
  });

  test('caps count replies that may have left', () => {
    let now = 0;
    const { store, chat } = storeWithChat(() => now);
    const other = store.chats.resolve('2@c.us', 'direct');
    for (const [at, chatId, message] of [
      [10, chat, 'A'],
      [20, other, 'B'],
      [30, chat, 'C'],
    ] as const) {
      now = at;
      store.outbox.begin(reply(chatId, message));
    }
    now = 40;
    store.outbox.failed(store.outbox.begin(reply(chat, 'D')));
    store.outbox.begin({ chatId: chat, kind: 'notice', inReplyTo: null, textHash: 'h' });
    expect(store.outbox.sentSince(null, 0)).toEqual([10, 20, 30]);
    expect(store.outbox.sentSince(chat, 0)).toEqual([10, 30]);
    expect(store.outbox.sentSince(chat, 11)).toEqual([30]);
    expect(store.outbox.sentSince(chat, 31)).toEqual([]);
  });

  test('after a restart pending rows are unknown, and answered', () => {
    const dir = freshDir();
    const before = freshStore({ dir });
    const chat = before.chats.resolve('1@c.us', 'direct');
    before.outbox.begin(reply(chat, 'A'));
    before.outbox.sent(before.outbox.begin(reply(chat, 'B')), 'out');
    before.close();
    const { outbox } = freshStore({ dir });
    expect(outbox.recover()).toBe(1);
    expect(outbox.recover()).toBe(0);
    expect(outbox.answered(chat, 'A')).toBe(true);
    expect(() => outbox.begin(reply(chat, 'A'))).toThrow(AlreadyAnswered);
    expect(outbox.claim(chat, 'h', 'late echo')).toBe(true);
  });

  test('whatever happens, at most one reply to a message can have left', () => {
    const step = fc.record({
      message: fc.constantFrom('A', 'B'),
      then: fc.constantFrom('sent', 'failed', 'unknown', 'crash', 'echo'),
    });
    const { store } = storeWithChat();
    let round = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const chat = store.chats.resolve(`round${round++}@c.us`, 'direct');
        const left: Record<string, number> = { A: 0, B: 0 };
        for (const [index, { message, then }] of steps.entries()) {
          let id: number;
          try {
            id = store.outbox.begin(reply(chat, message, `hash${index}`));
          } catch (error) {
            expect(error).toBeInstanceOf(AlreadyAnswered);
            continue;
          }
          if (then !== 'failed') left[message]!++;
          if (then === 'sent') store.outbox.sent(id, `out${index}`);
          if (then === 'failed') store.outbox.failed(id);
          if (then === 'unknown') store.outbox.unknown(id);
          if (then === 'crash') store.outbox.recover();
          if (then === 'echo') expect(store.outbox.claim(chat, `hash${index}`, `out${index}`)).toBe(true);
        }
        expect(Math.max(left.A!, left.B!)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});

test('replies come back as they were, newest first', () => {
  let now = 5;
  const { store, chat } = storeWithChat(() => now);
  const outboxId = store.outbox.begin(reply(chat));
  const made = {
    chatId: chat,
    inReplyTo: 'A',
    runId: '2026-11-22',
    backend: 'simd' as const,
    seed: 4_294_967_295,
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
    promptRowIds: [3, 1, 2],
    promptHash: 'abc',
    bubbles: ['hé', 'two 👍'],
    latencyMs: 12.5,
    outboxId,
  };
  const first = store.replies.add(made);
  now = 6;
  const second = store.replies.add({ ...made, seed: 2 });
  expect(store.replies.get(first)).toEqual({ ...made, id: first, atMs: 5 });
  expect(store.replies.get(99)).toBeUndefined();
  expect(store.replies.list(9).map(({ id, seed, atMs }) => [id, seed, atMs])).toEqual([
    [second, 2, 6],
    [first, 4_294_967_295, 5],
  ]);
  expect(store.replies.list(1)).toHaveLength(1);
});

test('runs come back as they were, newest first; an id is used once', () => {
  const { runs } = freshStore();
  expect(runs.latest()).toBeUndefined();
  const run = {
    id: 'b',
    startedAtMs: 1,
    finishedAtMs: 2,
    verdict: 'promoted' as const,
    reason: 'better',
    report: { bitsPerByte: 2.1, nested: [1] },
  };
  runs.add(run);
  runs.add({ ...run, id: 'a', verdict: 'kept' });
  expect(runs.latest()?.id).toBe('a');
  expect(runs.get('b')).toEqual(run);
  expect(runs.get('c')).toBeUndefined();
  expect(runs.list().map(({ id }) => id)).toEqual(['a', 'b']);
  expect(() => runs.add(run)).toThrow('UNIQUE constraint failed');
});

test('settings', () => {
  const { settings } = freshStore();
  expect(settings.get('a')).toBeUndefined();
  settings.set('a', '1');
  settings.set('a', '2');
  expect(settings.get('a')).toBe('2');
  settings.delete('a');
  expect(settings.get('a')).toBeUndefined();
});

test('phrases: chats per hash in order, this one left out; who said a short message', () => {
  const { phrases } = freshStore();
  expect(phrases.chatsWith([], 1)).toEqual([]);
  expect(phrases.chatsWith([1n, -5n], 1)).toEqual([0, 0]);
  expect(phrases.shortSaid(1n, 1, 1)).toEqual({ contacts: 0, persona: 0 });
});
