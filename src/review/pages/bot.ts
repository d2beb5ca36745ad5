/** Bot: chats with their switches. */
import { html } from 'hono/html';
import { z } from 'zod';
import type { Chat } from '../../store/chats.ts';
import { parsed } from '../input.ts';
import { page } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../server.ts';

const switchBody = z.strictObject({ chatId: z.int().positive(), bot: z.literal(false) });

export function addBot(app: App, { store, bot }: ReviewParts): void {
  const namesOf = (chat: Chat): string => {
    const names = store.chats.members(chat.id).map((id) => store.people.nameOf(id));
    return names.filter((name) => name !== '').join(', ') || `chat ${chat.id}`;
  };
  const row = (chat: Chat) => html`
    <tr>
      <th scope="row"><bdi>${namesOf(chat)}</bdi></th>
      <td>${chat.kind}</td>
      <td>${chat.collect ? 'on' : 'off'}</td>
      <td>
        ${
          bot.isOn(chat.id)
            ? html`<button
                type="button"
                data-post="/api/bot"
                data-body="${JSON.stringify({ chatId: chat.id, bot: false })}"
              >
                Switch off
              </button>`
            : 'off'
        }
      </td>
    </tr>
  `;

  app.get('/bot', (c) =>
    c.html(
      page(
        { title: 'Bot', place: '/bot' },
        html`<h1>Bot</h1>
          <table>
            <caption>
              Chats and what is switched on in them
            </caption>
            <thead>
              <tr>
                <th scope="col">With</th>
                <th scope="col">Kind</th>
                <th scope="col">Stored</th>
                <th scope="col">Replies</th>
              </tr>
            </thead>
            <tbody>
              ${store.chats.list().map(row)}
            </tbody>
          </table>`,
      ),
    ),
  );
  app.post('/api/bot', async (c) => {
    const { chatId } = await parsed(c, switchBody);
    bot.off(chatId);
    return c.json({});
  });
}
