/** What an exported chat holds, counted in one pass over its messages. */
import { messageKinds, type ExportMessage, type MessageKind } from '../types.ts';
import type { ChatExport } from './chat-export.ts';

export interface Counted extends Pick<ChatExport, 'senders' | 'counts' | 'span'> {
  /** some time is no whole minute */
  hasSeconds: boolean;
  forwarded: number;
  /** messages dated more than a day before the one above them, and the line of the first */
  backward: { count: number; line: number };
}

const dayMs = 86_400_000;

export function countMessages(messages: Iterable<ExportMessage>): Counted {
  const counts = Object.fromEntries(messageKinds.map((kind) => [kind, 0])) as Record<MessageKind, number>;
  const bySender = new Map<string, number>();
  const backward = { count: 0, line: 0 };
  let span = null as Counted['span'];
  let hasSeconds = false;
  let forwarded = 0;
  let previousMs = NaN;
  for (const { ts, sender, kind, line, timestampMs, isForwarded } of messages) {
    counts[kind]++;
    if (span === null) span = { first: ts, last: ts };
    else span.last = ts;
    if (sender !== null && kind !== 'system') bySender.set(sender, (bySender.get(sender) ?? 0) + 1);
    if (isForwarded === true) forwarded++;
    if (!ts.endsWith(':00')) hasSeconds = true;
    const ms = timestampMs ?? Date.parse(`${ts}Z`);
    if (ms < previousMs - dayMs && backward.count++ === 0) backward.line = line;
    previousMs = ms;
  }
  const senders = [...bySender].map(([name, count]) => ({ name, messages: count }));
  return { senders: senders.sort((a, b) => b.messages - a.messages), counts, span, hasSeconds, forwarded, backward };
}

/** The oddities that every source with exact messages can show. */
export function odditiesOf({ forwarded, backward }: Counted): string[] {
  const oddities: string[] = [];
  if (forwarded > 0)
    oddities.push(`forwarded messages and messages made by bots, which are never stored: ${forwarded}`);
  if (backward.count > 0) {
    oddities.push(
      `messages dated more than a day before the message above them: ${backward.count} (the first is line ${backward.line})`,
    );
  }
  return oddities;
}
