/**
 * Conversations -> rows for other trainers (TRL's prompt and completion): one row for each turn of the persona that carries
 * loss, with what was said before as its prompt. Rows hold what training here sees: the same splits, placeholders for what
 * is redacted, nothing of the bot's or of repeated messages as completion.
 * `text`: the chat format spelled out, for models of this program: Hugging Face's tokenizers turn it into the ids that
 * `encodeConversation` gives. `messages`: roles and plain text, for other models' chat templates; no times, no quotes.
 * Not covered: which conversations (the split), and lengths in tokens (prompts are bounded in characters).
 */
import { encodeConversation, lossKind, type RedactSpans } from '../tokenizer/chat-format.ts';
import { chatIds, specialTokens } from '../tokenizer/chat-ids.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import { check } from '../util/errors.ts';
import type { Conversation } from './conversations.ts';

export type SftFormat = 'text' | 'messages';

export interface SftMessage {
  role: 'user' | 'assistant';
  content: string;
}

export type SftRow = { prompt: string; completion: string } | { prompt: SftMessage[]; completion: SftMessage[] };

export interface SftOptions {
  format: SftFormat;
  redact: RedactSpans;
  /** a prompt drops its oldest messages above this many characters; default 1,000 */
  maxPromptChars?: number;
}

/** One message, spelled out. */
interface Spelled {
  speaker: string;
  opensTurn: boolean;
  /** names of the marks before the text */
  marks: string;
  text: string;
  /** `<|msg|>` or `<|end|>` */
  separator: string;
  isPersona: boolean;
  /** carries loss */
  isScored: boolean;
}

/** In the order in which the turns were said. A turn that carries loss only in part is left out. */
export function sftRows(conversation: Conversation, options: SftOptions): SftRow[] {
  const { format, redact, maxPromptChars = 1000 } = options;
  const messages = spell(conversation, redact, format);
  const rows: SftRow[] = [];
  for (let start = 0, end = 0; start < messages.length; start = end) {
    end = start + 1;
    while (messages[end]?.opensTurn === false) end++;
    const turn = messages.slice(start, end);
    const firstScored = turn.findIndex(({ isScored }) => isScored);
    if (firstScored < 0 || !turn.slice(firstScored).every(({ isScored }) => isScored)) continue;
    const at = start + firstScored;
    const context = latest(messages.slice(0, at), maxPromptChars);
    const completion = messages.slice(at, end);
    const row = format === 'text' ? textRow(context, completion) : messagesRow(context, completion);
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

function textRow(context: readonly Spelled[], completion: readonly Spelled[]): SftRow {
  const [first] = completion;
  check(first, 'a turn of no messages');
  const written = (message: Spelled): string => `${message.marks}${message.text}${message.separator}`;
  const opening = first.opensTurn || context.length === 0 ? first.speaker : '';
  const prompt = context.map((message, i) => (message.opensTurn || i === 0 ? message.speaker : '') + written(message));
  return { prompt: `<|bos|>${prompt.join('')}${opening}`, completion: completion.map(written).join('') };
}

/** undefined where nothing was said before: chat templates ask for a first message */
function messagesRow(context: readonly Spelled[], completion: readonly Spelled[]): SftRow | undefined {
  if (context.length === 0) return undefined;
  const prompt: SftMessage[] = [];
  for (const { isPersona, text } of context) {
    const role = isPersona ? 'assistant' : 'user';
    const last = prompt.at(-1);
    if (last?.role === role) last.content += `\n${text}`;
    else prompt.push({ role, content: text });
  }
  return { prompt, completion: [{ role: 'assistant', content: completion.map(({ text }) => text).join('\n') }] };
}

/** As many of the last messages as fit. */
function latest(messages: readonly Spelled[], maxChars: number): readonly Spelled[] {
  let room = maxChars;
  let first = messages.length;
  while (first > 0) {
    room -= messages[first - 1]!.text.length;
    if (room < 0) break;
    first--;
  }
  return messages.slice(first);
}

// === Spelling

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

function spell(conversation: Conversation, redact: RedactSpans, format: SftFormat): Spelled[] {
  const { messages } = conversation;
  const { ids, kinds, messageIndex } = encodeConversation(messages, speller, { ...conversation, redact });
  const spelled: Spelled[] = [];
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
      text: spellText(own.slice(marks), format),
      separator,
      isPersona: isPersona || isBot,
      isScored: kinds.subarray(from, to).some((kind) => kind !== lossKind.none),
    });
  }
  return spelled;
}

const isSpeaker = (id: number): boolean => id === formatIds.persona || formatIds.others.includes(id);

/**
 * Placeholders by name, `[phone]` where other models read them. What people typed must not become a special token there:
 * `<|` is broken by a word joiner (U+2060).
 */
function spellText(ids: readonly number[], format: SftFormat): string {
  let text = '';
  let typed = '';
  const flush = (): void => {
    text += typed.replaceAll('<|', '<\u2060|');
    typed = '';
  };
  for (const id of ids) {
    if (!speller.isSpecial(id)) {
      typed += spellId(id);
      continue;
    }
    flush();
    text += format === 'text' ? spellId(id) : `[${spellId(id).slice(2, -2)}]`;
  }
  flush();
  return text;
}
