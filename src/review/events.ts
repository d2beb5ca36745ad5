/**
 * Server-sent events: `changed` when anything was written to the database, by whomever, `link` when the link to WhatsApp is
 * another (its codes are in memory alone), and `progress` while a night runs. Pages ask again for what they show; nothing
 * private is in the events themselves.
 */
import { streamSSE } from 'hono/streaming';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReviewParts } from './parts.ts';
import type { App } from './app.ts';

/** how often the database is looked at */
const lookEveryMs = 1000;

interface EventGuards {
  /** does the session of this Cookie header still stand? */
  isOpen: (cookieHeader: string | undefined) => boolean;
  /** the server closes */
  ending: AbortSignal;
}

export function addEvents(app: App, { store, bot, progress }: ReviewParts, { isOpen, ending }: EventGuards): void {
  app.get('/events', (c) =>
    streamSSE(c, async (stream) => {
      const cookie = c.req.header('Cookie');
      const look = () => ({
        version: store.version(),
        progress: JSON.stringify(progress()),
        link: JSON.stringify(bot.link()),
      });
      let seen = look();
      await stream.writeSSE({ event: 'progress', data: seen.progress });
      while (!stream.aborted && !ending.aborted && isOpen(cookie)) {
        await sleep(lookEveryMs, undefined, { signal: ending }).catch(() => undefined);
        const now = look();
        if (now.version !== seen.version) await stream.writeSSE({ event: 'changed', data: '' });
        if (now.link !== seen.link) await stream.writeSSE({ event: 'link', data: '' });
        if (now.progress !== seen.progress) await stream.writeSSE({ event: 'progress', data: now.progress });
        seen = now;
      }
      if (!ending.aborted && !stream.aborted) await stream.writeSSE({ event: 'ended', data: '' });
    }),
  );
}
