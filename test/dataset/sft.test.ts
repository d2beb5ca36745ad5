/** Rows for other trainers say exactly what training here sees, and nothing that people typed can pose as a special token. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupConversations, type Conversation } from '../../src/dataset/conversations.ts';
import { sftRows, type SftOptions } from '../../src/dataset/sft.ts';
import { encodeConversation, lossKind, specialTokens } from '../../src/tokenizer/chat-format.ts';
import type { ConversationMessage } from '../../src/types.ts';
import { anyConversation, message, tinyTokenizer } from '../tokenizer/examples.ts';

const redact: SftOptions['redact'] = (text) => {
  const start = text.indexOf('555 0100');
  return start < 0 ? [] : [{ start, end: start + 8, token: 'phone' as const }];
};
const asText: SftOptions = { format: 'text', redact, maxChars: Infinity };

function conversation(messages: ConversationMessage[], changes: Partial<Conversation> = {}): Conversation {
  return { chatKey: 'chat', startMs: null, previousMs: null, messages, withoutLoss: new Set(), ...changes };
}

const at = (clock: string): number => Date.parse(`2026-09-19T${clock}Z`);

/** The example of docs/chat-format.md. */
const example = conversation(
  [
    message({ rowId: 1, timestampMs: at('09:00:00'), text: 'are you up?' }),
    message({ rowId: 2, timestampMs: at('09:00:04'), text: 'call me: 555 0100' }),
    message({ rowId: 3, timestampMs: at('09:00:40'), text: 'yes', isPersona: true, quotedRowId: 1 }),
    message({ rowId: 4, timestampMs: at('09:00:43'), text: 'on the way', isPersona: true, media: 'image' }),
    message({ rowId: 5, timestampMs: at('09:20:00'), text: 'be right there', personId: 1, isBot: true }),
    message({ rowId: 6, timestampMs: at('09:20:10'), text: 'that was the bot', isPersona: true }),
  ],
  { previousMs: at('00:00:00') },
);

test('a row for each turn of the persona, with all that was said before', () => {
  const before = '<|bos|><|other|><|gap6|>are you up?<|msg|><|gap0|>call me: <|phone|><|end|><|persona|>';
  const reply = '<|gap2|><|quote2|>yes<|msg|><|gap0|><|image|>on the way<|end|>';
  expect(sftRows(example, asText)).toEqual([
    { prompt: before, completion: reply },
    {
      prompt: `${before}${reply}<|persona|><|gap4|>be right there<|end|><|persona|>`,
      completion: '<|gap1|>that was the bot<|end|>',
    },
  ]);
});

test('as prompt and completion: roles, bubbles as lines, no marks, placeholders in brackets', () => {
  expect(sftRows(example, { ...asText, format: 'prompt-completion' })).toEqual([
    {
      prompt: [{ role: 'user', content: 'are you up?\ncall me: [phone]' }],
      completion: [{ role: 'assistant', content: 'yes\n[image]on the way' }],
    },
    {
      prompt: [
        { role: 'user', content: 'are you up?\ncall me: [phone]' },
        { role: 'assistant', content: 'yes\n[image]on the way\nbe right there' },
      ],
      completion: [{ role: 'assistant', content: 'that was the bot' }],
    },
  ]);
});

describe('what is left out', () => {
  const turn = [
    message({ rowId: 1, text: 'well?' }),
    message({ rowId: 2, text: 'said before', isPersona: true }),
    message({ rowId: 3, text: 'new', isPersona: true }),
  ];

  test('a bubble that was said before is context of the one after it', () => {
    expect(sftRows(conversation(turn, { withoutLoss: new Set([2]) }), asText)).toEqual([
      { prompt: '<|bos|><|other|>well?<|end|><|persona|>said before<|msg|>', completion: 'new<|end|>' },
    ]);
  });

  test('a turn whose later bubble was said before has no row: nobody may learn to end before it', () => {
    expect(sftRows(conversation(turn, { withoutLoss: new Set([3]) }), asText)).toEqual([]);
  });

  test('other people and the bot have no row', () => {
    const messages = [message({ rowId: 1 }), message({ rowId: 2, isBot: true, personId: 1 }), message({ rowId: 3 })];
    expect(sftRows(conversation(messages), asText)).toEqual([]);
  });

  test('as prompt and completion, a turn that opens the conversation has no prompt and no row', () => {
    const messages = [message({ rowId: 1, isPersona: true }), message({ rowId: 2 })];
    expect(sftRows(conversation(messages), { ...asText, format: 'prompt-completion' })).toEqual([]);
    expect(sftRows(conversation(messages), asText)).toEqual([
      { prompt: '<|bos|><|persona|>', completion: 'hi<|end|>' },
    ]);
  });
});

test('a long prompt drops its oldest messages; a turn that loses its beginning keeps its speaker', () => {
  const messages = [
    message({ rowId: 1, text: 'a'.repeat(50) }),
    message({ rowId: 2, text: 'b'.repeat(50) }),
    message({ rowId: 3, text: 'yes', isPersona: true }),
  ];
  const [row] = sftRows(conversation(messages), { ...asText, maxChars: 60 });
  expect(row).toEqual({ prompt: `<|bos|><|other|>${'b'.repeat(50)}<|end|><|persona|>`, completion: 'yes<|end|>' });
  const [bare] = sftRows(conversation(messages), { ...asText, maxChars: 10 });
  expect(bare).toEqual({ prompt: '<|bos|><|persona|>', completion: 'yes<|end|>' });
});

/** As Hugging Face's tokenizers read text: names of special tokens first. */
function idsOf(text: string): number[] {
  return text.split(/(<\|\w+\|>)/).flatMap((part) => {
    const special = specialTokens.indexOf(part);
    return special >= 0 ? [special] : tinyTokenizer.encode(part);
  });
}

test('read by a tokenizer, rows are the ids and the loss of training, whatever was typed', () => {
  fc.assert(
    fc.property(anyConversation(), (messages) => {
      for (const part of groupConversations({ chatKey: 'chat', messages })) {
        const typed = part.messages.map((m) => ({ ...m, text: m.text.replaceAll('<|', '<\u2060|') }));
        const { ids, kinds } = encodeConversation(typed, tinyTokenizer, { ...part, redact });
        const learned: number[] = [];
        for (const row of sftRows(part, asText)) {
          if (!('completion' in row)) throw new Error('no completion');
          const prompt = idsOf(row.prompt as string);
          const completion = idsOf(row.completion as string);
          expect([...prompt, ...completion]).toEqual([...ids.subarray(0, prompt.length + completion.length)]);
          for (let i = 0; i < completion.length; i++) learned.push(prompt.length + i);
        }
        const scored = [...kinds.keys()].filter((i) => kinds[i] !== lossKind.none);
        const missed = scored.filter((i) => !learned.includes(i));
        expect(missed).toEqual([]);
        const media = learned.filter((i) => kinds[i] === lossKind.none);
        for (const i of media) expect(specialTokens[ids[i]!]).toMatch(/image|voice|contact|phone/);
      }
    }),
  );
});
