/**
 * A conversation spelled out message by message for other trainers: what `encodeConversation` places, read off as text.
 * Special tokens keep their names in the chat format's own text; for other models a placeholder is a word in brackets.
 */
import { encodeConversation, lossKind, type RedactSpans } from '../tokenizer/chat-format.ts';
import { chatIds, specialTokens } from '../tokenizer/chat-ids.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import type { Conversation } from './conversations.ts';

/** One message, spelled out. */
export interface SpelledMessage {
  speaker: string;
  opensTurn: boolean;
  /** names of the marks before the text */
  marks: string;
  text: string;
  /** nothing of the text was typed: a medium, or all of it hidden */
  isPlaceholder: boolean;
  /** `<|msg|>` or `<|end|>` */
  separator: string;
  /** in the persona's role: by the persona, or by the bot */
  isPersona: boolean;
  /** carries loss */
  isScored: boolean;
}

/** Ids of the chat format, then one for each code point: what `encodeConversation` places can be read off again. */
const speller: Tokenizer = {
  vocabSize: specialTokens.length + 0x110000,
  specialIds: specialTokens.map((_, id) => id),
  encode: (text) => Array.from(text, (char) => specialTokens.length + char.codePointAt(0)!),
  decode: (ids) => Array.from(ids, spellId).join(''),
  specialId: (name) => specialTokens.indexOf(name),
  isSpecial: (id) => id < specialTokens.length,
  byteLength: () => 0,
};

const formatIds = chatIds(speller);

function spellId(id: number): string {
  return specialTokens[id] ?? String.fromCodePoint(id - specialTokens.length);
}

/**
 * In the order in which they were said.
 * @param placeholders `named` `<|phone|>`, `bracketed` `[phone]`
 */
export function spell(
  conversation: Conversation,
  redact: RedactSpans,
  placeholders: 'named' | 'bracketed',
): SpelledMessage[] {
  const { messages } = conversation;
  const { ids, kinds, messageIndex } = encodeConversation(messages, speller, { ...conversation, redact });
  const spelled: SpelledMessage[] = [];
  let speaker = '';
  for (let from = 1, to = 1; from < ids.length; from = to) {
    while (to < ids.length && messageIndex[to] === messageIndex[from]) to++;
    const own = [...ids.subarray(from, to)];
    const opensTurn = isSpeaker(own[0]!);
    if (opensTurn) speaker = spellId(own.shift()!);
    const separator = spellId(own.pop()!);
    let marks = 0;
    while (marks < own.length && formatIds.isMark(own[marks]!)) marks++;
    const { isPersona, isBot } = messages[messageIndex[from]!]!;
    spelled.push({
      speaker,
      opensTurn,
      marks: own.slice(0, marks).map(spellId).join(''),
      text: spellText(own.slice(marks), placeholders),
      isPlaceholder: own.slice(marks).every((id) => speller.isSpecial(id) || /^\s$/u.test(spellId(id))),
      separator,
      isPersona: isPersona || isBot,
      isScored: kinds.subarray(from, to).some((kind) => kind !== lossKind.none),
    });
  }
  return spelled;
}

const isSpeaker = (id: number): boolean => id === formatIds.persona || formatIds.others.includes(id);

/**
 * What people typed must not become a special token there: `<|` is broken by a word joiner (U+2060). Half a surrogate
 * pair has no UTF-8, and readers of JSON refuse it: it is U+FFFD, as in every tokenizer.
 */
function spellText(ids: readonly number[], placeholders: 'named' | 'bracketed'): string {
  let text = '';
  let typed = '';
  const flush = (): void => {
    text += typed.replaceAll('<|', '<\u2060|').replaceAll(/\p{Surrogate}/gu, '\ufffd');
    typed = '';
  };
  for (const id of ids) {
    if (!speller.isSpecial(id)) {
      typed += spellId(id);
      continue;
    }
    flush();
    text += placeholders === 'named' ? spellId(id) : `[${spellId(id).slice(2, -2)}]`;
  }
  flush();
  return text;
}
