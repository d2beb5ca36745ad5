/**
 * What the bot's page changes: replies off in a chat or everywhere, and back as they were; storing off; quiet hours; caps.
 * Switching replies or storing on in a chat is not here: that is said in the chat, where the others see it.
 */
import { z } from 'zod';
import { UserError } from '../../util/errors.ts';
import { parsed } from '../input.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';

const chatId = z.int().positive();
const switchBody = z.union([
  z.strictObject({ chatId, bot: z.literal(false) }),
  z.strictObject({ chatId, collect: z.literal(false) }),
  z.strictObject({ everywhere: z.enum(['off', 'as before']) }),
]);
const hours = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$/);
const quietBody = z.strictObject({
  /** null: every chat in which nothing else was said */
  chatId: chatId.nullable(),
  hours: z.union([hours, z.enum(['none', 'default'])]),
});

/** What caps may be on the page; persona.json may say what it likes. */
export const capBounds = {
  perChatSeconds: { min: 1, max: 3600 },
  perChatHour: { min: 0, max: 200 },
  perDay: { min: 0, max: 1000 },
} as const;
const cap = ({ min, max }: { min: number; max: number }) => z.int().min(min).max(max);
const capsBody = z.strictObject({
  /** null: as persona.json says */
  caps: z
    .strictObject({
      perChatSeconds: cap(capBounds.perChatSeconds),
      perChatHour: cap(capBounds.perChatHour),
      perDay: cap(capBounds.perDay),
    })
    .nullable(),
});

export function addBotActions(app: App, { store, bot }: ReviewParts): void {
  const known = (id: number): number => {
    if (store.chats.list().some((chat) => chat.id === id)) return id;
    throw new UserError('This conversation is not here any more.', 'Reload the page.');
  };

  app.post('/api/bot', async (c) => {
    const body = await parsed(c, switchBody);
    if ('everywhere' in body) {
      if (body.everywhere === 'off') bot.offEverywhere();
      else bot.onAsBefore();
    } else if ('bot' in body) bot.off(known(body.chatId));
    else store.chats.set(known(body.chatId), { collect: false });
    return c.json({});
  });

  app.post('/api/bot/quiet', async (c) => {
    const body = await parsed(c, quietBody);
    const scope = body.chatId === null ? null : known(body.chatId);
    const [from, to] = body.hours.split('-');
    if (from === to) throw new UserError('Quiet hours begin and end at different times.', 'Choose another time.');
    bot.setQuietHours(scope, body.hours === 'default' ? undefined : body.hours === 'none' ? null : body.hours);
    return c.json({});
  });

  app.post('/api/bot/caps', async (c) => {
    const { caps } = await parsed(c, capsBody);
    bot.setCaps(caps);
    return c.json({});
  });
}
