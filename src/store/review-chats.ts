/** The list of chats: who is in them, since when and until when, how much, what was decided, and what is switched on. */
import type { Database } from 'better-sqlite3';
import type { ChatKind } from '../types.ts';
import type { Chat, Chats } from './chats.ts';
import type { ReviewCounts } from './review-counts.ts';
import type { Openness } from './review-open.ts';

export interface ChatSummary {
  id: number;
  kind: ChatKind;
  /** who wrote here or is a member; names are in `people.ts` */
  people: { personId: number; messages: number; isOpen: boolean }[];
  /** all that is stored, the bot's among them */
  messages: number;
  botMessages: number;
  approved: number;
  rejected: number;
  undecided: number;
  /** unix ms; null: nothing is stored */
  firstMs: number | null;
  lastMs: number | null;
  collect: boolean;
  bot: boolean;
  /** whether consent seals all of it, what some people wrote, or nothing */
  sealed: 'all' | 'some' | 'nothing';
}

export interface ChatListRequest {
  /** default 50, at most 200 */
  limit?: number;
  /** the last chat of the page before */
  after?: { lastMs: number | null; id: number };
  /** only chats with one of these people */
  personIds?: readonly number[];
  status?: 'collecting' | 'bot' | 'sealed' | 'undecided';
}

export interface ReviewChats {
  /** newest message first, empty chats last */
  list(request?: ChatListRequest): { chats: ChatSummary[]; total: number; hasMore: boolean };
  get(chatId: number): ChatSummary;
}

export function createReviewChats(
  db: Database,
  { chats, counts, openness }: { chats: Chats; counts: ReviewCounts; openness: Openness },
): ReviewChats {
  const first = db
    .prepare<[number], number>(
      'SELECT timestamp_ms FROM visible_messages WHERE chat_id = ? ORDER BY timestamp_ms LIMIT 1',
    )
    .pluck();
  const last = db
    .prepare<[number], number>(
      'SELECT timestamp_ms FROM visible_messages WHERE chat_id = ? ORDER BY timestamp_ms DESC LIMIT 1',
    )
    .pluck();

  const summary = ({ id, kind, collect, bot }: Chat, own: ReturnType<ReviewCounts['ofChat']>): ChatSummary => {
    const messages = new Map<number, number>(openness.people(id).map((personId) => [personId, 0]));
    const sum = { messages: 0, botMessages: 0, approved: 0, rejected: 0 };
    for (const { personId, isBot, ...count } of own) {
      messages.set(personId, (messages.get(personId) ?? 0) + (isBot ? 0 : count.messages));
      sum.messages += count.messages;
      if (isBot) sum.botMessages += count.messages;
      sum.approved += count.approved;
      sum.rejected += count.rejected;
    }
    const people = [...messages].map(([personId, count]) => ({
      personId,
      messages: count,
      isOpen: openness.isOpen(id, personId),
    }));
    people.sort((a, b) => b.messages - a.messages || a.personId - b.personId);
    const closed = people.filter(({ isOpen }) => !isOpen).length;
    return {
      id,
      kind,
      people,
      ...sum,
      undecided: sum.messages - sum.approved - sum.rejected,
      firstMs: first.get(id) ?? null,
      lastMs: last.get(id) ?? null,
      collect,
      bot,
      sealed: closed === 0 ? 'nothing' : closed === people.length ? 'all' : 'some',
    };
  };

  const isWanted = (chat: ChatSummary, { personIds, status }: ChatListRequest): boolean => {
    if (personIds !== undefined && !chat.people.some(({ personId }) => personIds.includes(personId))) return false;
    switch (status) {
      case undefined:
        return true;
      case 'collecting':
        return chat.collect;
      case 'bot':
        return chat.bot;
      case 'sealed':
        return chat.sealed !== 'nothing';
      case 'undecided':
        return chat.undecided > 0;
    }
  };

  const list: ReviewChats['list'] = (request = {}) => {
    const limit = Math.max(1, Math.min(200, request.limit ?? 50));
    counts.step(30);
    openness.refresh();
    const byChat = new Map<number, ReturnType<ReviewCounts['ofChat']>>();
    for (const count of counts.all()) {
      const known = byChat.get(count.chatId);
      if (known === undefined) byChat.set(count.chatId, [count]);
      else known.push(count);
    }
    const all = chats
      .list()
      .map((chat) => summary(chat, byChat.get(chat.id) ?? []))
      .filter((chat) => isWanted(chat, request))
      .sort(newestFirst);
    const { after } = request;
    const rest = after === undefined ? all : all.filter((chat) => newestFirst(chat, after) > 0);
    return { chats: rest.slice(0, limit), total: all.length, hasMore: rest.length > limit };
  };
  return {
    list,
    get: (chatId) => {
      counts.step(30);
      openness.refresh();
      return summary(chats.get(chatId), counts.ofChat(chatId));
    },
  };
}

type Placed = Pick<ChatSummary, 'id' | 'lastMs'>;

function newestFirst(a: Placed, b: Placed): number {
  return (b.lastMs ?? -Infinity) === (a.lastMs ?? -Infinity)
    ? b.id - a.id
    : (b.lastMs ?? -Infinity) - (a.lastMs ?? -Infinity);
}
