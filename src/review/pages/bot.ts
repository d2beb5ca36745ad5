/** Bot: whether it runs, chats with their switches, and its last replies with why. */
import { html } from 'hono/html';
import { z } from 'zod';
import type { Chat } from '../../store/chats.ts';
import { personaAlias } from '../../store/import-people.ts';
import type { SentReply } from '../../store/review-replies.ts';
import { parsed } from '../input.ts';
import { page, type Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';

const switchBody = z.union([
  z.strictObject({ chatId: z.int().positive(), bot: z.literal(false) }),
  z.strictObject({ chatId: z.int().positive(), collect: z.literal(false) }),
]);
const repliesShown = 20;
const nearestShown = 3;

export function addBot(app: App, { store, bot, speaker, timezone }: ReviewParts): void {
  const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: timezone });
  const namesOf = (chat: Chat): string => {
    const names = store.chats.members(chat.id).map((id) => store.people.nameOf(id));
    return names.filter((name) => name !== '').join(', ') || `chat ${chat.id}`;
  };
  const off = (chatId: number, what: 'bot' | 'collect', label: string): Html =>
    html`<button type="button" data-post="/api/bot" data-body="${JSON.stringify({ chatId, [what]: false })}">
      ${label}
    </button>`;
  const row = (chat: Chat): Html => html`
    <tr>
      <th scope="row"><bdi>${namesOf(chat)}</bdi></th>
      <td>${chat.kind}</td>
      <td>${chat.collect ? html`on ${off(chat.id, 'collect', 'Stop storing')}` : 'off'}</td>
      <td>${bot.isOn(chat.id) ? html`on ${off(chat.id, 'bot', 'Stop replying')}` : 'off'}</td>
      <td>${bot.quietHours(chat.id) ?? 'none'}</td>
    </tr>
  `;

  const why = (reply: SentReply): Html => {
    const persona = store.people.find(personaAlias(speaker));
    const near =
      persona === undefined ? [] : store.review.replies.nearest(reply.bubbles.join(' '), persona, nearestShown);
    return html`<details>
      <summary>Why?</summary>
      <p class="faint">
        Run ${reply.runId} on ${reply.backend}, seed ${reply.seed}, temperature ${reply.sampling.temperature},
        ${Math.round(reply.latencyMs)} ms; it saw ${reply.promptRowIds.length} messages of this chat.
      </p>
      ${
        near.length === 0
          ? html`<p class="faint">No stored line is near to it.</p>`
          : html`<ul>
              ${near.map(
                ({ text, nearness }) =>
                  html`<li>
                    <bdi>${text}</bdi> <span class="faint">${Math.round(nearness * 100)} % of its words</span>
                  </li>`,
              )}
            </ul>`
      }
    </details>`;
  };
  const replyItem = (reply: SentReply): Html => html`
    <li>
      <p class="faint">
        <time datetime="${new Date(reply.atMs).toISOString()}">${moment.format(reply.atMs)}</time>, to
        <bdi>${namesOf(store.chats.get(reply.chatId))}</bdi>
      </p>
      ${reply.bubbles.map((bubble) => html`<p dir="auto">${bubble}</p>`)} ${why(reply)}
    </li>
  `;

  app.get('/bot', (c) => {
    const replies = store.review.replies.list({ limit: repliesShown });
    const chats = store.chats.list().filter(({ kind }) => kind === 'direct' || kind === 'group' || kind === 'self');
    const { perChatSeconds, perChatHour, perDay } = bot.caps;
    return c.html(
      page(
        { title: 'Bot', place: '/bot' },
        html`<h1>Bot</h1>
          <p>${bot.isRunning() ? 'It is running.' : 'It is not running: npm run start.'}</p>
          <div class="wide" tabindex="0" role="region" aria-label="Chats">
            <table>
              <caption>
                What is switched on. Switching on is done in the chat itself: !collect on, !bot on.
              </caption>
              <thead>
                <tr>
                  <th scope="col">With</th>
                  <th scope="col">Kind</th>
                  <th scope="col">Stored</th>
                  <th scope="col">Replies</th>
                  <th scope="col">Quiet hours</th>
                </tr>
              </thead>
              <tbody>
                ${chats.map(row)}
              </tbody>
            </table>
          </div>
          <p class="faint">
            At most one reply every ${perChatSeconds} s in a chat, ${perChatHour} an hour in a chat, and ${perDay} a day
            in all; persona.json says so.
          </p>
          <h2>Last replies</h2>
          ${
            replies.length === 0
              ? html`<p>It has said nothing yet.</p>`
              : html`<ul class="replies">
                  ${replies.map(replyItem)}
                </ul>`
          }`,
      ),
    );
  });
  app.post('/api/bot', async (c) => {
    const body = await parsed(c, switchBody);
    if ('bot' in body) bot.off(body.chatId);
    else store.chats.set(body.chatId, { collect: false });
    return c.json({});
  });
}
