/** Bot: its link to WhatsApp, chats with their switches, quiet hours, caps, and its last replies with why. */
import { createHash } from 'node:crypto';
import { html } from 'hono/html';
import { z } from 'zod';
import type { Chat } from '../../store/chats.ts';
import { personaAlias } from '../../store/import-people.ts';
import type { SentReply } from '../../store/review-replies.ts';
import type { ClientState } from '../../whatsapp/client.ts';
import type { BotPageState, LinkView, Why } from '../client/bot-types.ts';
import { asked } from '../input.ts';
import { page, type Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import { qrSvg } from '../qr.ts';
import type { App } from '../app.ts';
import { addBotActions, capBounds } from './bot-actions.ts';
import { momentOf, named, namesOf } from './conversations-names.ts';

const whyQuery = z.strictObject({ reply: z.coerce.number().int().positive() });
const repliesShown = 20;
const nearestShown = 3;

const links: Readonly<Record<ClientState, Pick<LinkView, 'said' | 'tone'>>> = {
  starting: { said: 'It is starting: a browser opens WhatsApp Web.', tone: 'wait' },
  pairing: { said: 'It is not linked to a phone yet.', tone: 'wait' },
  syncing: { said: 'It is linked, and WhatsApp is loading the chats.', tone: 'wait' },
  ready: { said: 'It runs, and is connected to WhatsApp.', tone: 'ok' },
  'phone offline': { said: 'The phone is offline. Messages come when it is back.', tone: 'wait' },
  'logged out': { said: 'WhatsApp logged it out. Start it again and link the phone anew.', tone: 'no' },
  blocked: { said: 'WhatsApp blocked the account or the connection. The phone says what to do.', tone: 'no' },
  outdated: { said: 'WhatsApp refuses this version. Update this program and start it again.', tone: 'no' },
  stopped: { said: 'It has stopped. Start it again with npm run start.', tone: 'no' },
};

export function addBot(app: App, parts: ReviewParts): void {
  const { store, bot, timezone, speaker } = parts;

  const linkView = (): LinkView => {
    const link = bot.link();
    if (link === null) {
      const said = bot.isRunning()
        ? 'It runs. How it is connected is shown where it was started.'
        : 'It is not running. Start it with npm run start.';
      return { state: null, said, tone: bot.isRunning() ? 'ok' : 'wait', qr: null, code: null };
    }
    const { state, pairing } = link;
    const code = pairing !== null && 'code' in pairing ? pairing.code : null;
    return {
      state,
      ...links[state],
      qr: pairing !== null && 'qr' in pairing ? pairing.version : null,
      code: code === null ? null : `${code.slice(0, 4)}-${code.slice(4)}`,
    };
  };
  const shownChats = (): Chat[] =>
    store.chats.list().filter(({ kind }) => kind === 'direct' || kind === 'group' || kind === 'self');
  const shownReplies = (): SentReply[] => store.review.replies.list({ limit: repliesShown });

  /** equal while nothing changes that the page shows, but for the link, which has its own event */
  const stateNow = (): string => {
    const chats = shownChats().map(({ id, kind, collect }) => [
      id,
      kind,
      collect,
      bot.isOn(id),
      bot.quietHours(id),
      bot.saidQuietHours(id),
      store.chats.members(id).map((person) => store.people.nameOf(person)),
    ]);
    const said = [chats, bot.isOffEverywhere(), bot.onBefore(), bot.saidQuietHours(null), bot.caps()];
    const replies = shownReplies().map(({ id }) => id);
    return createHash('sha256')
      .update(JSON.stringify([said, replies]))
      .digest('base64url');
  };

  app.get('/bot', (c) => {
    const names = namesOf(parts);
    // by its members alone: counting the messages of hundreds of chats would take longer than the rest of the page
    const nameOf = (id: number): Html => {
      const people = store.chats.members(id).map((personId) => ({ personId, messages: 0, isOpen: true }));
      return named(names.chat({ id, kind: store.chats.get(id).kind, people }));
    };
    return c.html(
      page(
        { title: 'Bot', place: '/bot', scripts: ['bot'] },
        html`<div id="bot" data-state="${stateNow()}">
          <h1>Bot</h1>
          ${linkSection(linkView())} ${everywhere(parts)} ${chatTable(shownChats(), nameOf, parts)} ${limits(parts)}
          <h2>Last replies</h2>
          ${replyList(shownReplies(), nameOf, timezone)}
        </div>`,
      ),
    );
  });
  app.get('/api/bot/state', (c) => c.json({ state: stateNow() } satisfies BotPageState));
  app.get('/api/bot/link', (c) => c.json(linkView()));
  app.get('/bot/qr.svg', (c) => {
    const pairing = bot.link()?.pairing;
    if (pairing === undefined || pairing === null || !('qr' in pairing)) return c.notFound();
    return c.body(qrSvg(pairing.qr), 200, { 'Content-Type': 'image/svg+xml; charset=utf-8' });
  });

  app.get('/api/bot/why', (c) => {
    const { reply: id } = asked(c, whyQuery);
    const reply = store.review.replies.get(id);
    if (reply === undefined) return c.notFound();
    const persona = store.people.find(personaAlias(speaker));
    const near =
      persona === undefined ? [] : store.review.replies.nearest(reply.bubbles.join(' '), persona, nearestShown);
    const { runId, backend, seed, sampling, latencyMs } = reply;
    const answer: Why = {
      seen: reply.promptRowIds.length,
      made: `Run ${runId} on ${backend}, seed ${seed}, temperature ${sampling.temperature}, in ${Math.round(latencyMs)} ms.`,
      near: near.map(({ text, chatId, messageId, nearness }) => ({
        text,
        chatId,
        messageId,
        percent: Math.round(nearness * 100),
      })),
    };
    return c.json(answer);
  });

  addBotActions(app, parts);
}

/** The page's script draws the same anew when it changes (client/bot.ts). */
function linkSection({ said, tone }: LinkView): Html {
  return html`<section id="link" aria-label="Link to WhatsApp">
    <p id="link-said" role="status" class="link ${tone}">${said}</p>
    <div id="pairing"></div>
  </section>`;
}

function everywhere({ bot }: ReviewParts): Html {
  const body = (to: 'off' | 'as before'): string => JSON.stringify({ everywhere: to });
  if (!bot.isOffEverywhere()) {
    return html`<p>
      <button type="button" class="danger" data-post="/api/bot" data-body="${body('off')}">
        Stop replying everywhere
      </button>
    </p>`;
  }
  const count = bot.onBefore().length;
  return html`<p>
    <span class="tag no">Replies are off everywhere</span>
    ${
      count === 0
        ? ''
        : html`<button type="button" data-post="/api/bot" data-body="${body('as before')}">
            ${count === 1 ? 'Back on in the one chat where it was on' : `Back on in the ${count} chats where it was on`}
          </button>`
    }
  </p>`;
}

function chatTable(chats: readonly Chat[], nameOf: (chatId: number) => Html, { bot }: ReviewParts): Html {
  const off = (chatId: number, what: 'bot' | 'collect', label: string): Html =>
    html`<button type="button" data-post="/api/bot" data-body="${JSON.stringify({ chatId, [what]: false })}">
      ${label}
    </button>`;
  const quiet = (chatId: number): Html => {
    const own = bot.saidQuietHours(chatId);
    const now = bot.quietHours(chatId) ?? 'none';
    return html`${now}${own === undefined ? html` <span class="faint">as everywhere</span>` : ''}
      <button
        type="button"
        data-quiet="${chatId}"
        data-now="${own === undefined ? 'default' : (own ?? 'none')}"
        data-default="${bot.quietHours(null) ?? 'none'}"
      >
        Change<span class="only-read"> the quiet hours with ${nameOf(chatId)}</span>
      </button>`;
  };
  const row = ({ id, kind, collect }: Chat): Html => html`
    <tr>
      <th scope="row"><a href="/chat/${id}">${nameOf(id)}</a></th>
      <td>${kind}</td>
      <td>${collect ? html`on ${off(id, 'collect', 'Stop storing')}` : 'off'}</td>
      <td>${bot.isOn(id) ? html`on ${off(id, 'bot', 'Stop replying')}` : 'off'}</td>
      <td>${kind === 'self' ? '' : quiet(id)}</td>
    </tr>
  `;
  return html`<h2>Chats</h2>
    <p class="faint">
      What is switched on. Switching on is done in the chat itself, where the others see it: !collect on, !bot on.
    </p>
    <div class="wide" tabindex="0" role="region" aria-label="Chats">
      <table>
        <caption class="only-read">
          Chats and what is on in them
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
    </div>`;
}

function limits({ bot, timezone }: ReviewParts): Html {
  const { perChatSeconds, perChatHour, perDay } = bot.caps();
  const own = bot.saidQuietHours(null);
  const fromFile = bot.defaults.quietHours ?? 'none';
  return html`<h2>Limits</h2>
    <p>
      Quiet hours: ${bot.quietHours(null) ?? 'none'}, by the clock of ${timezone}.
      <button
        type="button"
        data-quiet="everywhere"
        data-now="${own === undefined ? 'default' : (own ?? 'none')}"
        data-default="${fromFile}"
      >
        Change<span class="only-read"> the quiet hours everywhere</span>
      </button>
    </p>
    <p>
      At most one reply every ${perChatSeconds} s in a chat, ${perChatHour} an hour in a chat, and ${perDay} a day in
      all.
      <button
        type="button"
        id="caps"
        data-now="${JSON.stringify({ perChatSeconds, perChatHour, perDay })}"
        data-default="${JSON.stringify(bot.defaults.caps)}"
        data-bounds="${JSON.stringify(capBounds)}"
      >
        Change<span class="only-read"> how much it may say</span>
      </button>
    </p>`;
}

function replyList(replies: readonly SentReply[], nameOf: (chatId: number) => Html, timezone: string): Html {
  if (replies.length === 0) return html`<p>It has said nothing yet.</p>`;
  return html`<ul class="replies">
    ${replies.map(
      ({ id, atMs, chatId, bubbles }) => html`
        <li>
          <p class="faint">
            <time datetime="${new Date(atMs).toISOString()}">${momentOf(atMs, timezone)}</time>, to ${nameOf(chatId)}
          </p>
          ${bubbles.map((bubble) => html`<p dir="auto">${bubble}</p>`)}
          <details data-why="${id}">
            <summary>Why?</summary>
          </details>
        </li>
      `,
    )}
  </ul>`;
}
