/** What a thread's messages are for tonight, against the dataset itself; tokens and loss. Run: npx vitest run test/review/tonight.test.ts */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildDataset } from '../../src/dataset/build.ts';
import { isScored } from '../../src/dataset/conversations.ts';
import { conversationAt, tonightOf, type TonightOptions } from '../../src/review/tonight.ts';
import { tokenView } from '../../src/review/token-view.ts';
import type { Store } from '../../src/store/store.ts';
import { encodeConversation, lossKind } from '../../src/tokenizer/chat-format.ts';
import { draft, put, say, scene } from '../store/support.ts';
import { tinyTokenizer } from '../tokenizer/examples.ts';

const hourMs = 3_600_000;

/** What the dataset itself does with each row. */
function byDataset(store: Store, { personaId, timezone, reviewRequired }: TonightOptions): Map<number, string> {
  const chats = store.messages.conversations(personaId, { reviewRequired });
  const { conversations } = buildDataset({ chats, timezone });
  const standing = new Map<number, string>();
  for (const { conversation, split } of conversations) {
    for (const message of conversation.messages) {
      const learned = isScored(message, conversation);
      standing.set(message.rowId, !learned ? 'context' : split === 'train' ? 'trains' : 'measured');
    }
  }
  return standing;
}

test('any chat, any review: as the dataset has it, from whichever page one looks', () => {
  const said = fc.record({
    who: fc.constantFrom('persona', 'other', 'bot'),
    // far enough apart in words that nothing is a near repeat
    text: fc.constantFrom(
      '',
      'ok',
      'one two three four five six seven',
      'a b c d e f g h',
      'blue green red black white grey',
    ),
    gapHours: fc.constantFrom(0.01, 1, 7, 200),
    decision: fc.constantFrom(null, null, null, 'approved' as const, 'rejected' as const),
    media: fc.constantFrom(null, null, 'image' as const),
  });
  fc.assert(
    fc.property(
      fc.array(said, { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      fc.boolean(),
      (all, reviewRequired, isSealed) => {
        const { store, owner, contact, chat } = scene();
        let timestampMs = 1_750_000_000_000;
        all.forEach(({ who, text, gapHours, decision, media }, n) => {
          timestampMs += Math.round(gapHours * hourMs);
          // a number of its own for short ones: whole conversations that are there twice are not told here
          const own = text.length < 10 && text !== '' ? `${text} ${n} ${n * 31} ${n * 77} ${n * 131} x${n}` : text;
          const id = put(
            store,
            draft(chat, who === 'other' ? contact : owner, own, {
              timestampMs,
              origin: who === 'bot' ? 'bot' : 'live',
              ...(media !== null && { kind: 'media', media }),
            }),
          );
          if (decision !== null) store.review.decide({ ids: [id] }, decision);
        });
        store.review.exclude({ fromMs: timestampMs - 8 * hourMs, toMs: timestampMs - hourMs, personId: contact });
        if (isSealed) say(store, contact, 'withdrawn');
        const options = { personaId: owner, timezone: 'Europe/Berlin', reviewRequired };
        const wanted = byDataset(store, options);
        const isRepeat = new Set<string>();
        for (const limit of [7, 500]) {
          let page = store.review.threads.page(chat, { limit, reviewRequired });
          for (;;) {
            const tonight = tonightOf(store, page.messages, options);
            for (const { id } of page.messages) {
              const found = tonight.get(id)!;
              const expected = wanted.get(id) ?? 'out';
              // repeats of whole conversations are the night's to find
              if (expected === 'out' && found.standing !== 'out') isRepeat.add(`${id}`);
              else expect([id, found.standing]).toEqual([id, expected]);
            }
            if (!page.hasBefore) break;
            page = store.review.threads.page(chat, {
              limit,
              reviewRequired,
              before: { messageId: page.messages[0]!.id },
            });
          }
        }
        const handedOut = store.messages.conversations(owner, { reviewRequired })[0]?.messages ?? [];
        const texts = handedOut.filter(({ rowId }) => isRepeat.has(String(rowId))).map(({ text }) => text);
        // only what was there twice as a conversation: every word of it was said before
        for (const text of texts)
          expect(handedOut.filter((message) => message.text === text).length).toBeGreaterThan(1);
      },
    ),
    {
      numRuns: 40,
      // what another said in eight words is no news from the persona
      examples: [
        [
          [
            { who: 'other', text: 'a b c d e f g h', gapHours: 0.01, decision: null, media: null },
            { who: 'persona', text: 'a b c d e f g h', gapHours: 7, decision: null, media: null },
          ],
          false,
          false,
        ],
      ],
    },
  );
}, 120_000);

test('the token view: every id of the encoder, its text and its loss', () => {
  const { store, owner, contact, chat } = scene();
  const at = (minutes: number): number => 1_750_000_000_000 + minutes * 60_000;
  put(store, draft(chat, contact, 'are you coming? 😀', { timestampMs: at(0) }));
  const mine = put(store, draft(chat, owner, 'yes, code 4711 übermorgen', { timestampMs: at(1) }));
  const edited = put(store, draft(chat, owner, 'see u', { timestampMs: at(2) }));
  put(store, draft(chat, owner, 'much later', { timestampMs: at(6000) }));
  store.review.hide(mine, [{ start: 10, end: 14 }], null);
  store.review.editLine(edited, 'see you there', { personaId: owner, editedAtMs: null });
  const options = { personaId: owner, timezone: 'UTC', reviewRequired: false };
  const { conversation } = conversationAt(store, mine, options)!;
  expect(conversation.messages.map(({ text }) => text)).toEqual([
    'are you coming? 😀',
    'yes, code █ übermorgen',
    'see you there',
  ]);
  const view = tokenView(conversation.messages, tinyTokenizer, conversation);
  const encoded = encodeConversation(conversation.messages, tinyTokenizer, conversation);
  const tokens = view.messages.flatMap((message) => message.tokens);
  expect(tokens.map(({ id }) => id)).toEqual([...encoded.ids]);
  expect(tokens.map(({ loss }) => lossKind[loss])).toEqual([...encoded.kinds]);
  expect([view.tokens, view.learned]).toEqual([encoded.ids.length, encoded.kinds.filter((kind) => kind !== 0).length]);
  const spelled = view.messages.map((message) => message.tokens.map(({ text }) => text).join(''));
  expect(spelled[0]).toBe('<|bos|>');
  expect(spelled[1]).toContain('are you coming? 😀<|end|>');
  expect(spelled[2]).toContain('yes, code <|secret|> übermorgen<|msg|>');
  expect(spelled[3]).toContain('see you there<|end|>');
  const secret = tokens.find(({ text }) => text === '<|secret|>')!;
  expect(secret).toMatchObject({ isSpecial: true, loss: 'none' });
  expect(view.messages[1]!.tokens.every(({ loss }) => loss === 'none')).toBe(true);
  // what is left out is in no conversation
  store.review.decide({ ids: [mine] }, 'rejected');
  expect(conversationAt(store, mine, options)).toBeUndefined();
});
