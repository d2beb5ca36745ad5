/**
 * Conversations -> rows for other trainers (docs/scale-out.md). Rows hold what training here sees: the same splits,
 * placeholders for what is redacted, and nothing of the bot's or of repeated messages as a target.
 * `text`: the chat format spelled out, one row for each turn of the persona that carries loss, with what was said before as
 * its prompt, for models of this program: Hugging Face's tokenizers turn it into the ids that `encodeConversation` gives.
 * `prompt-completion`: the same rows in roles and plain text, for other models' chat templates; no times, no quotes.
 * `messages` and `sharegpt`: whole conversations in such roles.
 * Not covered: which conversations (the split), and lengths in tokens (rows are bounded in characters).
 */
import type { RedactSpans } from '../tokenizer/chat-format.ts';
import { check } from '../util/errors.ts';
import type { Conversation } from './conversations.ts';
import { spell, type SpelledMessage } from './spell.ts';

export const sftFormats = ['text', 'prompt-completion', 'messages', 'sharegpt'] as const;
export type SftFormat = (typeof sftFormats)[number];

export interface SftMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ShareGptMessage {
  from: 'system' | 'human' | 'gpt';
  value: string;
}

export type SftRow =
  | { prompt: string; completion: string }
  | { prompt: SftMessage[]; completion: SftMessage[] }
  | { messages: SftMessage[] }
  | { conversations: ShareGptMessage[] };

export interface SftOptions {
  format: SftFormat;
  redact: RedactSpans;
  /**
   * characters of text a row holds at most: a prompt drops its oldest messages (default 1,000), a conversation goes on in
   * another row (default 4,000). A turn, or a message with its answer, is never cut.
   */
  maxChars?: number | undefined;
  /** a first message of the role `system` in every row of conversations */
  system?: string | undefined;
}

const defaultPromptChars = 1000;
const defaultConversationChars = 4000;

/** In the order in which the turns were said. */
export function sftRows(conversation: Conversation, options: SftOptions): SftRow[] {
  const { format, redact, maxChars } = options;
  const messages = spell(conversation, redact, format === 'text' ? 'named' : 'bracketed');
  if (format === 'text' || format === 'prompt-completion')
    return completionRows(messages, format, maxChars ?? defaultPromptChars);
  const opening: SftMessage[] = options.system === undefined ? [] : [{ role: 'system', content: options.system }];
  return conversationsIn(messages, maxChars ?? defaultConversationChars).map((turns) =>
    format === 'messages' ? { messages: [...opening, ...turns] } : shareGpt([...opening, ...turns]),
  );
}

// === Prompt and completion

/** A turn that carries loss only in part is left out, but for repeated bubbles at its beginning: they are prompt. */
function completionRows(
  messages: readonly SpelledMessage[],
  format: 'text' | 'prompt-completion',
  maxPromptChars: number,
): SftRow[] {
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

function textRow(context: readonly SpelledMessage[], completion: readonly SpelledMessage[]): SftRow {
  const [first] = completion;
  check(first, 'a turn of no messages');
  const written = (message: SpelledMessage): string => `${message.marks}${message.text}${message.separator}`;
  const opening = first.opensTurn || context.length === 0 ? first.speaker : '';
  const prompt = context.map((message, i) => (message.opensTurn || i === 0 ? message.speaker : '') + written(message));
  return { prompt: `<|bos|>${prompt.join('')}${opening}`, completion: completion.map(written).join('') };
}

/** undefined where nothing was said before: chat templates ask for a first message */
function messagesRow(context: readonly SpelledMessage[], completion: readonly SpelledMessage[]): SftRow | undefined {
  if (context.length === 0) return undefined;
  const prompt: SftMessage[] = [];
  for (const { isPersona, text } of context) {
    const role = isPersona ? 'assistant' : 'user';
    const last = prompt.at(-1);
    if (last?.role === role) last.content += `\n${text}`;
    else prompt.push({ role, content: text });
  }
  return { prompt, completion: [{ role: 'assistant', content: joined(completion) }] };
}

/** As many of the last messages as fit. */
function latest(messages: readonly SpelledMessage[], maxChars: number): readonly SpelledMessage[] {
  let room = maxChars;
  let first = messages.length;
  while (first > 0) {
    room -= messages[first - 1]!.text.length;
    if (room < 0) break;
    first--;
  }
  return messages.slice(first);
}

// === Conversations

/**
 * Pieces of a conversation in which every assistant turn is to be learned, since other trainers put loss on all of them: a
 * turn of the bot's, one with a repeated message, or one of nothing but placeholders ends a piece, and the next begins at
 * the next user turn. Roles alternate; a piece begins with the user and ends with the assistant.
 */
function conversationsIn(messages: readonly SpelledMessage[], maxChars: number): SftMessage[][] {
  const pieces: SftMessage[][] = [];
  let piece: SftMessage[] = [];
  const close = (): void => {
    if (piece.at(-1)?.role === 'user') piece.pop();
    if (piece.length > 0) pieces.push(piece);
    piece = [];
  };
  for (const { isPersona, bubbles } of rolesOf(messages)) {
    const content = joined(bubbles);
    if (!isPersona) {
      if (lengthOf(piece) + content.length > maxChars) close();
      piece.push({ role: 'user', content });
    } else if (bubbles.some(({ isScored }) => !isScored) || bubbles.every(({ isPlaceholder }) => isPlaceholder)) {
      close();
    } else if (piece.length > 0) {
      if (piece.length > 1 && lengthOf(piece) + content.length > maxChars) {
        const question = piece.pop()!;
        close();
        piece.push(question);
      }
      piece.push({ role: 'assistant', content });
    }
  }
  close();
  return pieces;
}

/** What one role says in a row, however many people that are; the bot's turn and the persona's are two. */
function rolesOf(messages: readonly SpelledMessage[]): { isPersona: boolean; bubbles: SpelledMessage[] }[] {
  const turns: { isPersona: boolean; bubbles: SpelledMessage[] }[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    const goesOn = message.isPersona ? !message.opensTurn : last?.isPersona === false;
    if (last !== undefined && goesOn) last.bubbles.push(message);
    else turns.push({ isPersona: message.isPersona, bubbles: [message] });
  }
  return turns;
}

const joined = (bubbles: readonly SpelledMessage[]): string => bubbles.map(({ text }) => text).join('\n');

const lengthOf = (piece: readonly SftMessage[]): number => piece.reduce((sum, { content }) => sum + content.length, 0);

const shareGptRoles = { system: 'system', user: 'human', assistant: 'gpt' } as const;

function shareGpt(messages: readonly SftMessage[]): SftRow {
  return { conversations: messages.map(({ role, content }) => ({ from: shareGptRoles[role], value: content })) };
}

// === Lines

/**
 * A row as a line of JSON. U+0085, U+2028 and U+2029 are escaped: some readers (Python's `str.splitlines`) end a line there.
 */
export function sftLine(row: SftRow): string {
  const json = JSON.stringify(row).replaceAll(
    /[\u0085\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${json}\n`;
}
