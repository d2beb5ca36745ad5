/**
 * Who may make the bot do something, decided before anything is done (promises E4). Pure: facts in, verdict out.
 * Never obeyed: captions, forwarded or edited messages, ones that quote (but for the commands about a reply of the bot's,
 * on a quote of such a reply); anything older than five minutes or found by the catch-up sweep, except that who is asked,
 * or of whom something is kept, may always refuse. Not covered: a stolen phone.
 */
import type { InboundMessage } from '../types.ts';
import { commandFreshMs } from './deps.ts';

export type Permission = 'owner' | 'anyone';
export type Place = 'direct' | 'self' | 'group';

export interface Rule {
  who: Permission;
  where: readonly Place[];
  /** obeyed at any age, also from catch-up, where something is on and from anyone of whom something is kept */
  always: boolean;
  /** may be written on a quote of a message that the bot sent */
  onReply?: boolean;
}

export interface Facts {
  /** typed by the owner: on the account's phone, or in the direct chat of an OWNER_NUMBER */
  isOwner: boolean;
  /** collection or replies are on in this chat */
  isSwitchedOn: boolean;
  /** the author has a line in the ledger or a stored message */
  hasRows: boolean;
  /** the quoted message is one that the bot sent in this chat */
  quotesBot: boolean;
}

/** `elsewhere`: the owner may, but in another kind of chat. */
export type Verdict = 'obey' | 'elsewhere' | 'ignore';

export function decide(rule: Rule, message: InboundMessage, facts: Facts, nowMs: number): Verdict {
  const mayQuote = rule.onReply === true && facts.quotesBot;
  if (!isPlain(mayQuote ? { ...message, quotedId: null } : message)) return 'ignore';
  const mayRefuse = rule.always && (facts.hasRows || facts.isSwitchedOn);
  if (!mayRefuse && !isFresh(message, nowMs)) return 'ignore';
  if (!facts.isOwner && (rule.who === 'owner' || !(facts.isSwitchedOn || mayRefuse))) return 'ignore';
  const here = rule.where.some((place) => place === message.chatKind);
  if (here) return 'obey';
  return facts.isOwner && message.chatKind !== 'group' ? 'elsewhere' : 'ignore';
}

/** Written by hand as a message of its own. */
export function isPlain(message: InboundMessage): boolean {
  return message.kind === 'text' && message.media === null && message.quotedId === null && !message.isForwarded;
}

export function isFresh(message: InboundMessage, nowMs: number): boolean {
  return !message.isCatchUp && nowMs - message.timestampMs <= commandFreshMs;
}
