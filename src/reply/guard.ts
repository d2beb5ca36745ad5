/**
 * The last look at a reply before it is sent: refuses what was copied from another chat, links, contact details that
 * this chat does not hold, and what is too long, empty or looks like a command. It reduces leaks and cannot prevent them: a
 * paraphrase, one changed word in six, or a text in two bubbles with words between passes (Ippolito et al. 2022).
 * Pure: text and an index in, a verdict out.
 */
import { toPlain } from '../consent/plain.ts';
import { defaultRegions, redactSpans } from '../consent/redact.ts';
import type { RedactOptions } from '../consent/redact.ts';
import { phraseHashes } from '../util/phrases.ts';

/** What the guard asks of the store (`store.phrases`). */
export interface PhraseLookup {
  /** number of other chats in which each six-word hash occurs */
  chatsWith(hashes: readonly bigint[], exceptChatId: number): number[];
  /** distinct contacts who said exactly this in other chats, and times the persona said it anywhere */
  shortSaid(hash: bigint, exceptChatId: number, personaId: number): { contacts: number; persona: number };
}

export interface GuardOptions {
  /** the chat that the reply is for */
  chatId: number;
  personaId: number;
  /** what was said in this chat: contact details in it may be repeated */
  chatTexts: readonly string[];
  phrases: PhraseLookup;
  /** longest bubble, in characters: the persona's 99th percentile */
  maxChars: number;
  /** what counts as a contact detail, as where prompts and training hide it; default: no names, `defaultRegions` */
  redaction?: RedactOptions;
}

export type GuardReason =
  'empty' | 'command' | 'too long' | 'link' | 'contact detail' | 'copied phrase' | 'copied message';
export type GuardVerdict = { ok: true } | { ok: false; reason: GuardReason };

/** A reply is at most this long in all, however long the persona writes. */
export const maxReplyChars = 500;
/** A phrase that stands in so many other chats belongs to nobody. */
const commonPhraseChats = 3;
/** So many people said it: not private. */
const commonMessageContacts = 3;
/** The persona itself says it so often, so that it is the persona's own way of talking and not a contact's secret. */
const ownSayings = 2;

/** May this reply, as the bubbles that would be sent, leave for this chat? The first reason found is given. */
export function checkReply(bubbles: readonly string[], options: GuardOptions): GuardVerdict {
  const reason =
    shapeReason(bubbles, options.maxChars) ?? detailReason(bubbles, options) ?? copyReason(bubbles, options);
  return reason === undefined ? { ok: true } : { ok: false, reason };
}

function shapeReason(bubbles: readonly string[], maxChars: number): GuardReason | undefined {
  const visible = bubbles.map((bubble) =>
    bubble
      .normalize('NFKC')
      .replace(/[\p{Cf}\p{Cc}]/gu, keepNewline)
      .trim(),
  );
  if (visible.length === 0 || visible.includes('')) return 'empty';
  if (visible.some((bubble) => bubble.split(/[\n\u2028\u2029]/).some((line) => line.trimStart().startsWith('!')))) {
    return 'command';
  }
  const lengths = bubbles.map((bubble) => [...bubble].length);
  const total = lengths.reduce((sum, length) => sum + length, lengths.length - 1);
  return total > maxReplyChars || lengths.some((length) => length > maxChars) ? 'too long' : undefined;
}

function keepNewline(char: string): string {
  return char === '\n' || char === '\r' || char === '\t' ? '\n' : '';
}

/** A link, or an e-mail address, number, code, given name or six digits in a row that nobody wrote in this chat. */
function detailReason(
  bubbles: readonly string[],
  { chatTexts, redaction = { regions: defaultRegions } }: GuardOptions,
): GuardReason | undefined {
  const details: string[] = [];
  // bubbles are read one by one and as one text: a number in two bubbles is still a number
  for (const text of new Set([...bubbles, bubbles.join(' ')])) {
    for (const { start, end, token } of redactSpans(text, redaction)) {
      if (token === 'link') return 'link';
      details.push(compact(text.slice(start, end)));
    }
    details.push(...(asciiDigits(text).match(/\d{6,}/g) ?? []));
  }
  if (details.length === 0) return undefined;
  const known = chatTexts.map(compact);
  const isKnown = details.every((detail) => known.some((text) => text.includes(detail)));
  return isKnown ? undefined : 'contact detail';
}

/** Letters, digits and @ only, lower case: how a number or address is written no longer matters. */
function compact(text: string): string {
  return asciiDigits(text)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}@]/gu, '');
}

/** every kind of digit as 0-9, invisible marks gone */
function asciiDigits(text: string): string {
  return toPlain(text.normalize('NFKC')).text;
}

function copyReason(bubbles: readonly string[], { chatId, personaId, phrases }: GuardOptions): GuardReason | undefined {
  const whole = phraseHashes(bubbles.join(' '));
  if (phrases.chatsWith(whole.sixes, chatId).some((chats) => chats > 0 && chats < commonPhraseChats)) {
    return 'copied phrase';
  }
  const shorts = new Set([whole, ...bubbles.map(phraseHashes)].flatMap(({ short }) => short ?? []));
  for (const short of shorts) {
    const { contacts, persona } = phrases.shortSaid(short, chatId, personaId);
    if (contacts > 0 && contacts < commonMessageContacts && persona < ownSayings) return 'copied message';
  }
  return undefined;
}
