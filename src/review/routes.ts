/** Every place of the page with what it can be asked to do, in the order of the menu. */
import { addConversations } from './pages/conversations.ts';
import { addModels } from './pages/models.ts';
import { addPlayground } from './pages/playground.ts';
import { addPeople } from './pages/people.ts';
import { addThread } from './pages/thread.ts';
import { addBot } from './pages/bot.ts';
import type { ReviewParts } from './parts.ts';
import type { App } from './app.ts';

export function addRoutes(app: App, parts: ReviewParts): void {
  addConversations(app, parts);
  addThread(app, parts);
  addPeople(app, parts);
  addModels(app, parts);
  addPlayground(app, parts);
  addBot(app, parts);
}
