/** Conversations: which there are, and the search over all of them. Both are drawn by client/conversations.ts from JSON. */
import { html } from 'hono/html';
import { z } from 'zod';
import type { ChatSummary } from '../../store/review-chats.ts';
import type { Hit } from '../../store/search.ts';
import type { SearchAnswer, SearchHit } from '../client/thread-types.ts';
import type { ChatCard, ChatsAnswer } from '../client/conversations-types.ts';
import { asked } from '../input.ts';
import { page } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import { dateOf, endOf, mediaNames, momentOf, namesOf, startOf, visible, type Names } from './conversations-names.ts';

/** `ms.id` of the last row of the page before */
const cursor = z
  .string()
  .regex(/^-?\d{1,16}\.\d{1,16}$/)
  .transform((text) => {
    const [ms, id] = text.split('.');
    return { ms: Number(ms), id: Number(id) };
  });
const id = z.coerce.number().int().positive();
/** a filter that is left open comes as '' */
const optional = <S extends z.ZodType>(schema: S) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const chatsQuery = z.strictObject({
  person: optional(id),
  status: optional(z.enum(['collecting', 'bot', 'sealed', 'undecided'])),
  after: optional(z.string().regex(/^(?:-?\d{1,16}|none)\.\d{1,16}$/)),
});
const searchQuery = z.strictObject({
  text: z.string().max(1000).default(''),
  chat: optional(id),
  person: optional(id),
  from: optional(z.iso.date()),
  to: optional(z.iso.date()),
  decision: optional(z.enum(['approved', 'rejected', 'undecided'])),
  kind: optional(z.enum(['text', 'media'])),
  before: optional(cursor),
});

export function addConversations(app: App, parts: ReviewParts): void {
  const { store, timezone } = parts;

  app.get('/', (c) => {
    const names = namesOf(parts);
    const people = store.review.people.list().filter(({ messages }) => messages > 0);
    return c.html(
      page({ title: 'Conversations', place: '/', scripts: ['conversations'] }, conversationsPage(people, names)),
    );
  });

  app.get('/api/chats', (c) => {
    const { person, status, after } = asked(c, chatsQuery);
    const { isDone } = store.review.catchUp();
    const names = namesOf(parts);
    const [ms, afterId] = after?.split('.') ?? [];
    const { chats, total, hasMore } = store.review.chats.list({
      ...(person !== undefined && { personIds: [person] }),
      ...(status !== undefined && { status }),
      ...(after !== undefined && { after: { lastMs: ms === 'none' ? null : Number(ms), id: Number(afterId) } }),
    });
    const exclusions = store.review.exclusions();
    const isLeftOut = (chatId: number): boolean =>
      exclusions.some(
        (each) => each.chatId === chatId && each.personId === null && each.fromMs === null && each.toMs === null,
      );
    const last = chats.at(-1);
    const answer: ChatsAnswer = {
      chats: chats.map((chat) => toCard(chat, names, { timezone, isLeftOut: isLeftOut(chat.id) })),
      total,
      next: hasMore && last !== undefined ? `${last.lastMs ?? 'none'}.${last.id}` : null,
      isDone,
    };
    return c.json(answer);
  });

  app.get('/api/search', (c) => {
    const { text, chat, person, from, to, decision, kind, before } = asked(c, searchQuery);
    const names = namesOf(parts);
    const found = store.review.search({
      text,
      ...(chat !== undefined && { chatId: chat }),
      ...(person !== undefined && { personId: person }),
      ...(from !== undefined && { fromMs: startOf(from, timezone) }),
      ...(to !== undefined && { toMs: endOf(to, timezone) }),
      ...(decision !== undefined && { decision }),
      ...(kind !== undefined && { kind }),
      ...(before !== undefined && { before: { timestampMs: before.ms, id: before.id } }),
    });
    const chatNames = new Map<number, string>();
    const chatName = (chatId: number): string => {
      const known = chatNames.get(chatId) ?? names.chat(store.review.chats.get(chatId));
      chatNames.set(chatId, known);
      return known;
    };
    const answer: SearchAnswer = {
      hits: found.hits.map((hit) => toHit(hit, names, chatName, timezone)),
      next: found.next === null ? null : `${found.next.timestampMs}.${found.next.id}`,
      said: said(found.total, found.hits.length, found.next !== null),
      preparing:
        found.indexing === null
          ? null
          : Math.floor((100 * found.indexing.indexedTo) / Math.max(1, found.indexing.newest)),
    };
    return c.json(answer);
  });
}

function said(total: number | null, shown: number, hasMore: boolean): string {
  if (total === null) return hasMore ? 'Many messages. The newest come first.' : count(shown);
  return total === 0 ? 'Nothing was found.' : count(total);
}

const count = (messages: number): string =>
  messages === 1 ? '1 message.' : `${messages.toLocaleString('en')} messages.`;

function toCard(
  chat: ChatSummary,
  names: Names,
  { timezone, isLeftOut }: { timezone: string; isLeftOut: boolean },
): ChatCard {
  const { id: chatId, messages, approved, rejected, undecided, firstMs, lastMs, collect, bot, sealed } = chat;
  const status = [
    ...(isLeftOut ? ['Left out of training'] : []),
    ...(sealed === 'nothing' ? [] : [sealed === 'all' ? 'Sealed: no consent' : 'Partly sealed']),
    ...(collect ? ['New messages are stored'] : []),
    ...(bot ? ['Replies are on'] : []),
  ];
  return {
    id: chatId,
    name: names.chat(chat),
    people: chat.people
      .slice(0, 20)
      .map(({ personId, messages: count_ }) => ({ name: names.person(personId), messages: count_ })),
    messages,
    approved,
    rejected,
    undecided,
    first: firstMs === null ? null : dateOf(firstMs, timezone),
    last: lastMs === null ? null : dateOf(lastMs, timezone),
    status,
  };
}

function toHit(hit: Hit, names: Names, chatName: (chatId: number) => string, timezone: string): SearchHit {
  const { messageId, chatId, personId, isBot, timestampMs, media, decision, snippet } = hit;
  return {
    id: messageId,
    chatId,
    chat: chatName(chatId),
    name: names.person(personId),
    isBot,
    at: momentOf(timestampMs, timezone),
    ...snippet,
    media: media === null ? null : mediaNames[media],
    decision,
  };
}

function conversationsPage(people: readonly { id: number }[], names: Names) {
  const options = people
    .slice(0, 500)
    .map(({ id: personId }) => html`<option value="${personId}">${visible(names.person(personId))}</option>`);
  return html`<h1>Conversations</h1>
    <search>
      <form id="search-form" class="filters" autocomplete="off">
        <p class="field wide-field">
          <label for="search">Search in all messages</label>
          <input id="search" type="search" dir="auto" aria-describedby="found" />
        </p>
        <p class="field">
          <label for="person">Person</label>
          <select id="person">
            <option value="">Everybody</option>
            ${options}
          </select>
        </p>
        <p class="field"><label for="from">From</label> <input id="from" type="date" /></p>
        <p class="field"><label for="to">To</label> <input id="to" type="date" /></p>
        <p class="field">
          <label for="decision">Decision</label>
          <select id="decision">
            <option value="">Any</option>
            <option value="approved">Approved</option>
            <option value="rejected">Rejected</option>
            <option value="undecided">Not decided</option>
          </select>
        </p>
        <p class="field">
          <label for="kind">Kind</label>
          <select id="kind">
            <option value="">Any</option>
            <option value="text">Text</option>
            <option value="media">Photos and other media</option>
          </select>
        </p>
      </form>
    </search>
    <p id="found" role="status"></p>
    <section id="results" hidden aria-label="Search results">
      <ol id="hits" class="hits"></ol>
      <p><button type="button" id="more-hits" hidden>More</button></p>
    </section>
    <section id="list" aria-label="All conversations">
      <ul id="chats" class="chats"></ul>
      <p id="no-chats" hidden>
        Nothing is stored yet. Import an exported chat with <code>persona import FILE</code>, or switch collection on in
        a chat with <code>!collect on</code>.
      </p>
      <p><button type="button" id="more-chats" hidden>More conversations</button></p>
    </section>`;
}
