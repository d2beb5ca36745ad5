/** Throwaway tokenizer and messages for the tests of tokenizer/ and dataset/. Nothing here is a real chat. */
import fc from 'fast-check';
import type { ConversationMessage } from '../../src/types.ts';
import { createTokenizer, trainBpe, type BpeModel, type Tokenizer } from '../../src/tokenizer/bpe.ts';
import { chatIds, specialTokens } from '../../src/tokenizer/chat-format.ts';

const lines = [
  'hey are you coming tonight?',
  "yes I'll be there at eight, don't wait",
  'ok see you there 😀😀',
  'did you see the see-saw? the theatre then the thing',
  'bringing 2 pizzas and 12 drinks',
  'haha hahaha nooo',
  'übermorgen früh, schön!',
];

export const tinyModel: BpeModel = trainBpe(Array.from({ length: 4 }, () => lines).flat(), {
  vocabSize: 400,
  specials: specialTokens,
});
export const tinyTokenizer: Tokenizer = createTokenizer(tinyModel);

const idOf = (name: string): number => specialTokens.indexOf(name);
/** Ids in a tokenizer trained here, where a special token's place is its id. */
export const tokenIds = {
  bos: idOf('<|bos|>'),
  persona: idOf('<|persona|>'),
  other: idOf('<|other|>'),
  gap0: idOf('<|gap0|>'),
  quote1: idOf('<|quote1|>'),
  image: idOf('<|image|>'),
  phone: idOf('<|phone|>'),
  msg: idOf('<|msg|>'),
  end: idOf('<|end|>'),
};
export const bannedInReplies = (): number[] => [...chatIds(tinyTokenizer).bannedInReplies];

const persona = 1;

/** A message by person 2 at an unknown time, unless told otherwise. */
export function message(changes: Partial<ConversationMessage> & { rowId: number }): ConversationMessage {
  const isPersona = changes.isPersona ?? false;
  return {
    personId: isPersona ? persona : 2,
    isPersona,
    isBot: false,
    timestampMs: null,
    minutePrecision: false,
    text: 'hi',
    media: null,
    quotedRowId: null,
    ...changes,
  };
}

/** Any well-formed string, with the pieces that break tokenizers drawn often. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
      { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          "don't",
          ' the',
          '  ',
          '\n\n',
          '\r\n\t',
          '\u00a0',
          '\u0085',
          '\ufeff',
          '👩‍👩‍👧‍👦',
          '🏳️‍🌈',
          '👍🏽',
          'e\u0301\u0323\u0308',
          'שלום עולם',
          '\u202eمرحبا\u202c',
          'नमस्ते',
          '你好吗',
          'สวัสดี',
          '\u0000',
          '<|end|>',
          '<|persona|>',
        ),
      },
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

/** Conversations of 0 to `maxLength` messages: two sides or more, bot rows, media, quotes, known and unknown times. */
export function anyConversation(maxLength = 14): fc.Arbitrary<ConversationMessage[]> {
  const draft = fc.record({
    author: fc.constantFrom('persona', 'persona', 'bot', 2, 2, 3, 4),
    waitMs: fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 21_600_000 })),
    isDated: fc.integer({ min: 0, max: 9 }).map((roll) => roll > 0),
    minutePrecision: fc.boolean(),
    text: fc.oneof(fc.constantFrom('ok', 'see you there', 'haha', ''), anyText),
    media: fc.option(fc.constantFrom('image' as const, 'voice' as const, 'contact' as const), { freq: 6 }),
    quotesBack: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 4 }),
  });
  return fc.array(draft, { maxLength }).map((drafts) => {
    let timeMs = Date.UTC(2026, 8, 19, 9, 0, 0);
    return drafts.map((item, at) => {
      timeMs += item.waitMs;
      return message({
        rowId: 100 + at,
        personId: typeof item.author === 'number' ? item.author : persona,
        isPersona: item.author === 'persona',
        isBot: item.author === 'bot',
        timestampMs: item.isDated ? timeMs : null,
        minutePrecision: item.minutePrecision,
        text: item.text,
        media: item.media,
        quotedRowId: item.quotesBack !== null && item.quotesBack <= at ? 100 + at - item.quotesBack : null,
      });
    });
  });
}
