/**
 * How often the bot may speak (promises E7): counted from the outbox, so that a restart resets nothing, and over
 * sliding windows, so that midnight resets nothing either. Every message sent in reply counts for the hour and the day;
 * the pause between replies runs from the last of them. Acknowledgements of commands are not replies.
 */
import type { Store } from '../store/store.ts';

export interface ReplyCaps {
  perChatSeconds: number;
  perChatHour: number;
  perDay: number;
}

/** `yes`; `wait`: may be sent after so many ms; `no`: an hour's or a day's worth is used up */
export type Allowance =
  { verdict: 'yes' } | { verdict: 'wait'; waitMs: number } | { verdict: 'no'; cap: 'hour' | 'day' };

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** May a new reply begin in this chat now? */
export function replyAllowance(outbox: Store['outbox'], chatId: number, nowMs: number, caps: ReplyCaps): Allowance {
  const used = usedUp(outbox, chatId, nowMs, caps);
  if (used !== undefined) return { verdict: 'no', cap: used };
  const pauseMs = caps.perChatSeconds * 1000;
  const last = Math.max(...outbox.sentSince(chatId, nowMs - pauseMs), Number.NEGATIVE_INFINITY);
  const waitMs = Math.min(last + pauseMs - nowMs, pauseMs); // a clock that stepped back never waits longer than one pause
  return waitMs > 0 ? { verdict: 'wait', waitMs } : { verdict: 'yes' };
}

/** Is there room for one more message of a reply that has begun? */
export function bubbleAllowed(outbox: Store['outbox'], chatId: number, nowMs: number, caps: ReplyCaps): boolean {
  return usedUp(outbox, chatId, nowMs, caps) === undefined;
}

function usedUp(outbox: Store['outbox'], chatId: number, nowMs: number, caps: ReplyCaps): 'hour' | 'day' | undefined {
  if (outbox.sentSince(chatId, nowMs - hourMs).length >= caps.perChatHour) return 'hour';
  if (outbox.sentSince(null, nowMs - dayMs).length >= caps.perDay) return 'day';
  return undefined;
}
