/** A thread: its frame, and pages of messages as JSON. What is done in it is in thread-actions.ts. */
import { html } from 'hono/html';
import { z } from 'zod';
import type { ThreadPage } from '../client/thread-types.ts';
import { asked } from '../input.ts';
import { page } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import { UserError } from '../../util/errors.ts';
import { dateOf, named, namesOf, startOf } from './conversations-names.ts';
import { addThreadActions } from './thread-actions.ts';
import { threadReader } from './thread-view.ts';

const id = z.coerce.number().int().positive();
const instant = z.coerce.number().int();
const pageQuery = z.strictObject({
  chat: id,
  /** exactly one of these says where */
  before: id.optional(),
  after: id.optional(),
  /** this one and what follows */
  from: id.optional(),
  at: id.optional(),
  date: z.iso.date().optional(),
  end: z.enum(['first', 'last']).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(80),
});
const daysQuery = z.strictObject({ from: instant, to: instant });

export function addThread(app: App, parts: ReviewParts): void {
  const { store, timezone, reviewRequired } = parts;
  const { threads } = store.review;

  app.get('/chat/:id', (c) => {
    const chatId = Number(c.req.param('id'));
    const known = store.chats.list().find((chat) => chat.id === chatId);
    if (known === undefined) return c.notFound();
    const name = namesOf(parts).chat(store.review.chats.get(chatId));
    return c.html(page({ title: 'Conversation', place: '/', scripts: ['thread'] }, threadPage(chatId, name, parts)));
  });

  app.get('/api/thread', (c) => {
    const { chat, before, after, from, at, date, end, limit } = asked(c, pageQuery);
    const seenAtMs = Date.now();
    const common = { limit, reviewRequired };
    const read = threadReader(parts);
    const answer = (found: ReturnType<typeof threads.page>, focusId?: number): ThreadPage => ({
      messages: read(found.messages),
      hasOlder: found.hasBefore,
      hasNewer: found.hasAfter,
      seenAtMs,
      focus: Math.max(
        0,
        found.messages.findIndex((message) => message.id === focusId),
      ),
    });
    if (before !== undefined) return c.json(answer(threads.page(chat, { ...common, before: { messageId: before } })));
    if (after !== undefined) return c.json(answer(threads.page(chat, { ...common, after: { messageId: after } })));
    if (from !== undefined) {
      const rest = threads.page(chat, { ...common, after: { messageId: from } });
      const first = threads.message(from, { reviewRequired });
      const isHere = first !== undefined && first.chatId === chat;
      return c.json(answer({ ...rest, messages: isHere ? [first, ...rest.messages] : rest.messages }));
    }
    if (at !== undefined) return c.json(answer(threads.page(chat, { ...common, around: { messageId: at } }), at));
    if (date !== undefined) {
      const place = threads.placeAt(chat, startOf(date, timezone));
      const around = place && { around: { messageId: place.messageId } };
      return c.json(answer(threads.page(chat, { ...common, ...around }), place?.messageId));
    }
    const earliest = { after: { timestampMs: Number.MIN_SAFE_INTEGER } };
    return c.json(answer(threads.page(chat, { ...common, ...(end === 'first' ? earliest : {}) })));
  });

  app.get('/api/days', (c) => {
    const { from, to } = asked(c, daysQuery);
    if (Math.max(Math.abs(from), Math.abs(to)) > 8.64e15) throw new UserError('No such time.', 'Reload the page.');
    return c.json({ from: dateOf(from, timezone), to: dateOf(to, timezone) });
  });

  addThreadActions(app, parts);
}

const actions = [
  { name: 'approve', label: 'Approve', key: 'a' },
  { name: 'reject', label: 'Reject', key: 'r' },
  { name: 'clear', label: 'Clear', key: 'c' },
  { name: 'hide', label: 'Hide words', key: 'h' },
  { name: 'edit', label: 'Edit line', key: 'e' },
  { name: 'leave-out', label: 'Leave out', key: 'o' },
  { name: 'tokens', label: 'Tokens', key: 't' },
  { name: 'undo', label: 'Undo', key: 'u' },
  { name: 'redo', label: 'Redo', key: 'U' },
  { name: 'day', label: 'Go to day', key: 'g' },
  { name: 'keys', label: 'Keys', key: '?' },
] as const;

function threadPage(chatId: number, name: string, { reviewRequired }: ReviewParts) {
  return html`<div class="thread-page">
    <div class="thread-head">
      <h1><a href="/" aria-label="Back to all conversations">←</a> ${named(name)}</h1>
      <p class="legend" id="legend">
        <span class="standing trains">Trains</span> is learned tonight, <span class="standing context">Context</span> is
        read and not learned, <span class="standing measured">Measures</span> is kept aside to measure,
        <span class="standing out">Left out</span> is not in
        it.${reviewRequired ? ' Only what you approve is used.' : ''}
      </p>
      <ul id="left-out" aria-label="Left out of training"></ul>
    </div>
    <p class="day-now" aria-hidden="true"><span id="day"></span></p>
    <div id="thread" role="feed" aria-label="Messages" aria-busy="true" data-chat="${chatId}"></div>
    <p id="nothing" hidden>Nothing is stored of this conversation.</p>
    <div id="actions" role="toolbar" aria-label="What to do with the selected messages">
      <span id="selected" role="status"></span>
      ${actions.map(
        ({ name: what, label, key }) =>
          html`<button type="button" data-do="${what}">${label} <kbd aria-hidden="true">${key}</kbd></button>`,
      )}
    </div>
  </div>`;
}
