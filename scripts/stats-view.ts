/** A report of `persona import --stats` as lines for a terminal. */
import type { DatasetManifest } from '../src/dataset/build.ts';
import type { Dominant } from '../src/dataset/shares.ts';
import type { PersonStatistics, Statistics } from '../src/dataset/statistics.ts';
import type { RedactionKind } from '../src/tokenizer/chat-format.ts';
import type { MessageKind } from '../src/types.ts';
import { bars, columns, heading, label, number, paint, percent, table, type Style } from './charts.ts';

export interface Report {
  /** a file, or what is stored */
  of: string;
  timezone: string;
  statistics: Statistics;
  /** who is the persona, as `who` of the statistics; null where nobody said */
  persona: string | null;
  /** messages of an export that are no message to learn from (notices, calls, polls, deleted ones), by kind */
  notCounted?: Partial<Record<MessageKind, number>>;
  /** what tonight would train on; the rows themselves are left out */
  dataset?: Omit<DatasetManifest, 'rows' | 'format'>;
  /** one among several that makes up most of what is learned, by name */
  dominant?: (Omit<Dominant, 'id'> & { who: string })[];
}

const mostPeople = 12;
const shownEmoji = 6;
const weekdayNames = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** One, several */
const leftNames: Record<string, readonly [string, string]> = {
  system: ['notice', 'notices'],
  deleted: ['deleted message', 'deleted messages'],
  call: ['call', 'calls'],
  poll: ['poll', 'polls'],
  contact: ['contact card', 'contact cards'],
};

function counted(count: number, [one, several]: readonly [string, string]): string {
  return `${number(count)} ${count === 1 ? one : several}`;
}

/** The whole report as lines. */
export function linesOf(report: Report, style: Style): string[] {
  const { statistics } = report;
  const people = statistics.people.slice(0, mostPeople);
  const rest = statistics.people.length - people.length;
  return [
    ...summary(report, style),
    ...heading('Who writes', style),
    ...bars(
      people.map(({ who, messages }) => ({
        label: who,
        value: messages,
        notes: [number(messages), percent(messages / statistics.messages)],
        ...(who === report.persona ? { paint: 'accent' as const } : {}),
      })),
      style,
    ),
    ...(rest > 0 ? [paint(`  and ${rest} more`, 'dim', style)] : []),
    ...heading('How', style),
    ...table(
      ['', 'words', 'per msg', 'length', 'emoji', 'media', 'in a row', 'begins'],
      people.map((person) => manner(person, statistics)),
      style,
    ),
    ...answers(people, style),
    ...bursts(people, style),
    ...emoji(people, style),
    ...heading(`When (${report.timezone})`, style),
    ...columns(
      statistics.hours,
      statistics.hours.map((_, hour) => (hour % 3 === 0 ? String(hour).padStart(2, '0') : '')),
      { height: 5, columnWidth: 3 },
      style,
    ),
    '',
    ...bars(
      statistics.weekdays.map((value, i) => ({ label: weekdayNames[i]!, value, notes: [number(value)] })),
      style,
    ),
    '',
    ...bars(
      periods(statistics.months).map(({ name, messages }) => ({
        label: name,
        value: messages,
        notes: [number(messages)],
      })),
      style,
    ),
    ...trainingLines(report, style),
  ];
}

function summary({ of, statistics, notCounted = {} }: Report, style: Style): string[] {
  const { messages, words, tokens, conversations, messagesPerConversation, chats, span, botMessages } = statistics;
  const left = Object.entries(notCounted).map(([kind, count]) => counted(count, leftNames[kind] ?? [kind, kind]));
  return [
    paint(label(of, style.width), 'bold', style),
    [
      `  ${number(messages)} messages`,
      `${number(words)} words`,
      ...(tokens === null ? [] : [`${number(tokens)} tokens`]),
      `${number(conversations)} conversations${chats > 1 ? ` in ${number(chats)} chats` : ''}`,
    ].join(', '),
    ...(span === null ? [] : [`  ${dayName(span.first)} to ${dayName(span.last)}, ${number(span.days)} days`]),
    ...(messagesPerConversation === null
      ? []
      : [
          `  a conversation has ${number(messagesPerConversation.median)} messages (half have ${number(messagesPerConversation.lower)} to ${number(messagesPerConversation.upper)})`,
        ]),
    ...(left.length === 0 ? [] : [paint(`  not counted: ${left.join(', ')}`, 'dim', style)]),
    ...(botMessages === 0 ? [] : [paint(`  and ${number(botMessages)} by the bot, which are nobody's`, 'dim', style)]),
  ];
}

function manner(person: PersonStatistics, { conversations }: Statistics): string[] {
  const { who, messages, words, charactersPerMessage, emoji: own, media, messagesPerBurst, opened } = person;
  const sent = Object.values(media).reduce((sum, count) => sum + count, 0);
  return [
    who,
    number(words),
    (words / messages).toFixed(1),
    charactersPerMessage === null ? '-' : number(charactersPerMessage.median),
    number(own.total),
    number(sent),
    messagesPerBurst.toFixed(1),
    percent(opened / conversations),
  ];
}

function answers(people: readonly PersonStatistics[], style: Style): string[] {
  const rows = people.flatMap(({ who, replySeconds }) =>
    replySeconds === null
      ? []
      : [[who, duration(replySeconds.lower), duration(replySeconds.median), duration(replySeconds.upper)]],
  );
  if (rows.length === 0) return [];
  return [...heading('Answers within', style), ...table(['', 'a quarter', 'half', 'three quarters'], rows, style)];
}

function bursts(people: readonly PersonStatistics[], style: Style): string[] {
  const rows = people.map(({ who, burstLengths }) => {
    const total = burstLengths.reduce((sum, count) => sum + count, 0);
    return [who, ...burstLengths.map((count) => percent(total === 0 ? 0 : count / total))];
  });
  return [...heading('Messages in a row', style), ...table(['', '1', '2', '3', '4', '5+'], rows, style)];
}

function emoji(people: readonly PersonStatistics[], style: Style): string[] {
  const rows = people.flatMap(({ who, emoji: { top } }) =>
    top.length === 0 ? [] : [[who, ...top.slice(0, shownEmoji).map((each) => `${each.emoji} ${number(each.count)}`)]],
  );
  if (rows.length === 0) return [];
  return [...heading('Emoji', style), ...table([''], rows, style).slice(1)];
}

/** At most two dozen bars: months, else quarters, else years. */
function periods(months: Statistics['months']): { name: string; messages: number }[] {
  const nameOf: ((year: string, month: number) => string)[] = [
    (year, month) => `${monthNames[month]!} ${year}`,
    (year, month) => `${year} Q${Math.floor(month / 3) + 1}`,
    (year) => year,
  ];
  for (const name of nameOf) {
    const counts = new Map<string, number>();
    for (const { month, messages } of months) {
      const key = name(month.slice(0, 4), Number(month.slice(5)) - 1);
      counts.set(key, (counts.get(key) ?? 0) + messages);
    }
    if (counts.size <= 24 || name === nameOf.at(-1))
      return [...counts].map(([key, messages]) => ({ name: key, messages }));
  }
  return [];
}

function dayName(iso: string): string {
  const [year, month, day] = iso.split('-');
  return `${Number(day)} ${monthNames[Number(month) - 1]!} ${year!}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return seconds === 0 ? '<1 min' : `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const hiddenNames: Record<RedactionKind, readonly [string, string]> = {
  phone: ['phone number', 'phone numbers'],
  email: ['e-mail address', 'e-mail addresses'],
  link: ['link', 'links'],
  card: ['card or account number', 'card and account numbers'],
  name: ['name', 'names'],
  secret: ['code or password', 'codes and passwords'],
};

function trainingLines({ dataset, dominant = [] }: Report, style: Style): string[] {
  if (dataset === undefined) return [];
  const { counts, leftOut, redactions } = dataset;
  const splits = (['train', 'validation', 'test'] as const).map((split) => [
    split,
    number(counts[split].conversations),
    number(counts[split].messages),
    number(counts[split].personaMessages),
    number(counts[split].personaBytes),
  ]);
  const out = (
    [
      [leftOut.sealedMessages, ['message sealed (consent is gone)', 'messages sealed (consent is gone)']],
      [leftOut.rejectedMessages ?? 0, ['rejected message', 'rejected messages']],
      [
        leftOut.excludedMessages ?? 0,
        ['message left out by person, chat or time', 'messages left out by person, chat or time'],
      ],
      [leftOut.undecidedMessages ?? 0, ['message nobody approved', 'messages nobody approved']],
      [leftOut.emptyMessages, ['empty message', 'empty messages']],
      [leftOut.repeatedConversations, ['repeated conversation', 'repeated conversations']],
      [leftOut.nearRepeatedConversations, ['nearly repeated conversation', 'nearly repeated conversations']],
    ] as const
  ).filter(([count]) => count > 0);
  const repeats = leftOut.repeatedMessages + leftOut.nearRepeatedMessages;
  const hidden = Object.entries(redactions ?? {}).filter(([, count]) => count > 0);
  const list = (parts: readonly string[]): string => (parts.length === 0 ? 'nothing' : parts.join(', '));
  return [
    ...heading('To train on tonight', style),
    ...table(['', 'conversations', 'messages', "the persona's", 'their bytes'], splits, style),
    `  left out: ${list(out.map(([count, names]) => counted(count, names)))}`,
    ...(repeats === 0
      ? []
      : [`  context only: ${counted(repeats, ['long message', 'long messages'])} said before, or nearly so`]),
    `  hidden: ${list(hidden.map(([kind, count]) => counted(count, hiddenNames[kind as RedactionKind])))}`,
    ...dominant.map(({ kind, who, share, among }) =>
      paint(
        kind === 'person'
          ? `  note: ${percent(share)} of what is said to the persona is by ${label(who, 30)}, one of ${among} people`
          : `  note: ${percent(share)} of what the persona says is from ${label(who, 40)}, one of ${among} chats`,
        'accent',
        style,
      ),
    ),
  ];
}
