/**
 * A conversation as the network sees it: its ids one by one, what each stands for, and where the loss falls. Made by the
 * encoder that training uses, so it cannot differ from it.
 */
import { encodeConversation, lossKind, specialTokens, type RedactSpans } from '../tokenizer/chat-format.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';
import type { ConversationMessage } from '../types.ts';

export interface ViewedToken {
  id: number;
  /** what it says; a special token's name; '' where it goes on with the character that the id before began */
  text: string;
  isSpecial: boolean;
  /** text: the persona's words, learned; mark: the persona's pauses and quotes, learned; none: read only */
  loss: 'none' | 'text' | 'mark';
}

export interface TokenView {
  /** in order; `messageId` null: the beginning of the conversation */
  messages: { messageId: number | null; tokens: ViewedToken[] }[];
  /** ids in all, and those that carry loss */
  tokens: number;
  learned: number;
}

export interface TokenViewOptions {
  /** time of the chat's last message before the first of these; null: none, or unknown */
  previousMs: number | null;
  /** what training puts placeholders for */
  redact?: RedactSpans;
  /** rows that carry no loss, said before */
  withoutLoss?: ReadonlySet<number>;
}

/** @param messages of one conversation, as the dataset has them */
export function tokenView(
  messages: readonly ConversationMessage[],
  tokenizer: Tokenizer,
  options: TokenViewOptions,
): TokenView {
  const { ids, kinds, messageIndex } = encodeConversation(messages, tokenizer, { ...options, skipsLongNumbers: true });
  const nameOf = new Map(specialTokens.map((name) => [tokenizer.specialId(name), name]));
  const view: TokenView = { messages: [], tokens: ids.length, learned: 0 };
  for (let from = 0, to = 0; from < ids.length; from = to) {
    while (to < ids.length && messageIndex[to] === messageIndex[from]) to++;
    const tokens: ViewedToken[] = [];
    for (let at = from; at < to; at++) {
      const id = ids[at]!;
      const loss = lossNames[kinds[at]!]!;
      if (loss !== 'none') view.learned++;
      const name = nameOf.get(id);
      tokens.push({ id, text: name ?? '', isSpecial: tokenizer.isSpecial(id), loss });
    }
    spell(tokens, tokenizer);
    view.messages.push({ messageId: messages[messageIndex[from]!]?.rowId ?? null, tokens });
  }
  return view;
}

const lossNames: Readonly<Record<number, ViewedToken['loss']>> = {
  [lossKind.none]: 'none',
  [lossKind.text]: 'text',
  [lossKind.mark]: 'mark',
};

/** longest run of ids that is one character, should its bytes never become one */
const maxPieces = 16;

/** Give each id its text. An id may be a part of a character: then the first of them says it whole. */
function spell(tokens: ViewedToken[], tokenizer: Tokenizer): void {
  for (let at = 0; at < tokens.length;) {
    if (tokens[at]!.isSpecial) {
      at++;
      continue;
    }
    let end = at + 1;
    let text = tokenizer.decode([tokens[at]!.id]);
    while (text.includes('\ufffd') && end - at < maxPieces && tokens[end]?.isSpecial === false) {
      text = tokenizer.decode(tokens.slice(at, ++end).map(({ id }) => id));
    }
    tokens[at]!.text = text;
    at = end;
  }
}
