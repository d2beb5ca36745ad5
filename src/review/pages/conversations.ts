/** Conversations: which there are. */
import { html } from 'hono/html';
import { page } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../server.ts';

export function addConversations(app: App, { store }: ReviewParts): void {
  app.get('/', (c) =>
    c.html(
      page(
        { title: 'Conversations', place: '/' },
        html`<h1>Conversations</h1>
          <ul>
            ${store.chats
              .list()
              .map(
                ({ id }) =>
                  html`<li>
                    ${store.chats.members(id).map((person) => html`<bdi>${store.people.nameOf(person)}</bdi> `)}
                  </li>`,
              )}
          </ul>`,
      ),
    ),
  );
}
