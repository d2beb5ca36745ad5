/** Every place of the page with what it can be asked to do, in the order of the menu. */
import { addConversations } from './pages/conversations.ts';
import { addBot } from './pages/bot.ts';
import type { ReviewParts } from './parts.ts';
import type { App } from './server.ts';

export function addRoutes(app: App, parts: ReviewParts): void {
  addConversations(app, parts);
  addBot(app, parts);
}
