/**
 * Messages -> what a person would want to know of a chat before and after it becomes training data: who writes how much, how
 * long, how fast, how many in a row, when, and with which emoji. Numbers and emoji only; no other piece of a text comes out.
 * One pass over any number of messages, in memory that grows with people and distinct values, not with messages.
 * Not covered: where they come from and who may be counted (scripts/stats.ts), and how they are drawn (scripts/charts.ts).
 */
import { IANAZone } from 'luxon';
import { gapIndex, openingGap } from '../tokenizer/chat-format.ts';
import { PersonCounts, Tally, zeros, type PersonStatistics, type Quartiles, type Said } from './counts.ts';

export type { PersonStatistics, Quartiles, Said } from './counts.ts';

export interface Statistics {
  /** most messages first */
  people: PersonStatistics[];
  messages: number;
  words: number;
  tokens: number | null;
  botMessages: number;
  chats: number;
  /** parted by silences of more than 6 h */
  conversations: number;
  messagesPerConversation: Quartiles | null;
  /** local days, `2026-03-02` */
  span: { first: string; last: string; days: number } | null;
  hours: number[];
  /** Monday first */
  weekdays: number[];
  /** every month from the first to the last, `2026-03` */
  months: { month: string; messages: number }[];
}

export interface StatisticsOptions {
  countTokens?: ((text: string) => number) | undefined;
  /** default 8 */
  topEmoji?: number;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** Messages of a chat come in the order in which they were said; chats may be mixed. */
export function statisticsOf(
  messages: Iterable<Said>,
  { countTokens, topEmoji = 8 }: StatisticsOptions = {},
): Statistics {
  const people = new Map<string, PersonCounts>();
  const chats = new Map<string | number, Turn>();
  const total = { messages: 0, botMessages: 0, conversations: 0 };
  const lengths = new Tally();
  const weekdays = zeros(7);
  const byDay = new Tally();

  for (const said of messages) {
    const before = chats.get(said.chat);
    const turn = nextTurn(before, said);
    chats.set(said.chat, turn);
    if (before !== undefined && turn.opens) lengths.add(before.inConversation);
    if (before !== undefined && turn.burst === 1) endBurst(people, before);
    if (turn.opens) total.conversations++;
    if (said.isBot === true) {
      total.botMessages++;
      continue;
    }
    total.messages++;
    let counts = people.get(said.who);
    if (counts === undefined) people.set(said.who, (counts = new PersonCounts()));
    counts.add(said, countTokens);
    if (turn.opens) counts.opened++;
    if (turn.replySeconds !== null) counts.replySeconds.add(turn.replySeconds);
    if (said.localMs === null) continue;
    const day = Math.floor(said.localMs / dayMs);
    counts.hours[Math.floor((said.localMs - day * dayMs) / hourMs)]!++;
    weekdays[(((day + 3) % 7) + 7) % 7]!++; // 1970-01-01 was a Thursday
    byDay.add(day);
  }
  for (const turn of chats.values()) {
    lengths.add(turn.inConversation);
    endBurst(people, turn);
  }

  const counted = [...people].map(([who, counts]) => counts.result(who, countTokens !== undefined, topEmoji));
  counted.sort((a, b) => b.messages - a.messages || (a.who < b.who ? -1 : 1));
  const sum = (of: (person: PersonStatistics) => number): number => counted.reduce((all, each) => all + of(each), 0);
  return {
    people: counted,
    messages: total.messages,
    words: sum(({ words }) => words),
    tokens: countTokens === undefined ? null : sum(({ tokens }) => tokens ?? 0),
    botMessages: total.botMessages,
    chats: chats.size,
    conversations: total.conversations,
    messagesPerConversation: lengths.quartiles(),
    span: spanOf(byDay),
    hours: zeros(24).map((_, hour) => sum(({ hours }) => hours[hour]!)),
    weekdays,
    months: monthsOf(byDay),
  };
}

/** Clock of a timezone: unix ms -> the same moment's wall-clock time, as if it were UTC. @param timezone IANA name */
export function localClock(timezone: string): (timeMs: number) => number {
  const zone = IANAZone.create(timezone);
  const quarterMs = 900_000; // offsets change at quarters of an hour at the finest
  const offsets = new Map<number, number>();
  return (timeMs) => {
    const quarter = Math.floor(timeMs / quarterMs);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      if (offsets.size > 100_000) offsets.clear();
      offsets.set(quarter, (offset = zone.offset(quarter * quarterMs) * 60_000));
    }
    return timeMs + offset;
  };
}

// === Turns

/** The last message of a chat, and what it is part of. */
interface Turn {
  who: string;
  isBot: boolean;
  timeMs: number | null;
  minutePrecision: boolean;
  /** the n-th message in a row by its author */
  burst: number;
  /** the n-th of its conversation */
  inConversation: number;
  opens: boolean;
  /** null where this is no answer to a person */
  replySeconds: number | null;
}

function nextTurn(before: Turn | undefined, said: Said): Turn {
  const { who, timeMs, minutePrecision } = said;
  const own = { who, isBot: said.isBot === true, timeMs, minutePrecision };
  const minutes = minutePrecision || before?.minutePrecision === true;
  const gap = gapIndex(before?.timeMs ?? null, timeMs, minutes);
  if (before === undefined || gap === openingGap) {
    return { ...own, burst: 1, inConversation: 1, opens: true, replySeconds: null };
  }
  const goesOn = before.who === who && before.isBot === own.isBot;
  const isReply = !goesOn && !before.isBot && before.timeMs !== null && timeMs !== null;
  return {
    ...own,
    timeMs: timeMs ?? before.timeMs,
    burst: goesOn ? before.burst + 1 : 1,
    inConversation: before.inConversation + 1,
    opens: false,
    replySeconds: isReply ? secondsBetween(before.timeMs!, timeMs, minutes) : null,
  };
}

function secondsBetween(fromMs: number, toMs: number, minutes: boolean): number {
  const seconds = minutes
    ? (Math.floor(toMs / 60_000) - Math.floor(fromMs / 60_000)) * 60
    : Math.round((toMs - fromMs) / 1000);
  return Math.max(0, seconds);
}

function endBurst(people: ReadonlyMap<string, PersonCounts>, { who, isBot, burst }: Turn): void {
  if (!isBot) people.get(who)!.addBurst(burst);
}

// === Days

const isoDay = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);

function spanOf({ counts }: Tally): Statistics['span'] {
  let first = Infinity;
  let last = -Infinity;
  for (const day of counts.keys()) {
    first = Math.min(first, day);
    last = Math.max(last, day);
  }
  return first > last ? null : { first: isoDay(first), last: isoDay(last), days: last - first + 1 };
}

function monthsOf(byDay: Tally): Statistics['months'] {
  const span = spanOf(byDay);
  if (span === null) return [];
  const counts = new Map<string, number>();
  for (const [day, count] of byDay.counts) {
    const month = isoDay(day).slice(0, 7);
    counts.set(month, (counts.get(month) ?? 0) + count);
  }
  const months: Statistics['months'] = [];
  const end = span.last.slice(0, 7);
  for (let at = new Date(`${span.first.slice(0, 7)}-01T00:00:00Z`); ; at.setUTCMonth(at.getUTCMonth() + 1)) {
    const month = at.toISOString().slice(0, 7);
    months.push({ month, messages: counts.get(month) ?? 0 });
    if (month === end) return months;
  }
}
