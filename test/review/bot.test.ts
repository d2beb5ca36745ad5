/**
 * The bot's place in a real browser: the link to WhatsApp with its QR and pairing codes, live and in memory alone; replies off
 * in a chat, everywhere, and back; quiet hours and caps; why it said something. Driven by keys where a person would.
 * Run: npm run build && npx vitest run test/review/bot.test.ts
 */
import type { Page } from 'playwright-core';
import qrcode from 'qrcode-terminal';
import { afterAll, describe, expect, test } from 'vitest';
import { heartbeatKey } from '../../scripts/monitor.ts';
import { botOff, botOn, capsNow, isBotOn, quietHoursIn } from '../../src/bot/switches.ts';
import { createLink } from '../../src/review/link.ts';
import { qrSvg } from '../../src/review/qr.ts';
import type { Store } from '../../src/store/store.ts';
import { filesHolding } from '../support/cli.ts';
import { directChat, draft, put, say } from '../store/support.ts';
import { caps, closeBrowser, loggedIn, post, profile, review, type Review, type ReviewSetup } from './support.ts';

afterAll(closeBrowser);

const settings = { replies: { caps, quietHours: null } };

async function opened(setup: ReviewSetup = {}): Promise<Review & { page: Page }> {
  const place = await review(setup);
  const page = await (await profile()).newPage();
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(place.server.link());
  await page.waitForSelector('#chats');
  await page.goto(`${place.origin}/bot`);
  await page.waitForSelector('#bot');
  return { ...place, page };
}

const linkSaid = (page: Page): Promise<string> => page.locator('#link-said').innerText();

/** The dark modules of a code as the terminal draws it: two rows to a line of half blocks, light ones drawn. */
function drawnModules(text: string): string[] {
  let drawn = '';
  qrcode.generate(text, { small: true }, (code) => (drawn = code));
  const lines = drawn.split('\n').slice(1);
  const light: Readonly<Record<string, string>> = { '█': '..', '▀': '.#', '▄': '#.', ' ': '##' };
  const rows = lines.flatMap((line) => {
    const cells = [...line].slice(1, -1).map((cell) => light[cell]!);
    return [0, 1].map((half) => cells.map((cell) => cell[half]).join(''));
  });
  const side = rows[0]!.length;
  return rows.slice(0, side);
}

/** The same of the SVG, as the browser paints it: the middle of every module. */
function paintedModules(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(async () => {
    const image = document.querySelector('.qr');
    await image.decode();
    const svg = await (await fetch(image.src)).text();
    const [side, cell] = [Number(/viewBox="0 0 (\\d+)/.exec(svg)[1]), 4];
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = side * cell;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const isDark = (x, y) => data[4 * ((y * cell + cell / 2) * canvas.width + x * cell + cell / 2)] < 128;
    const row = (y) => Array.from({ length: side }, (_, x) => (isDark(x, y) ? '#' : '.')).join('');
    return Array.from({ length: side }, (_, y) => row(y));
  })()`);
}

/** What the page itself would get. */
const fetched = (page: Page, path: string): Promise<{ status: number; text: string }> =>
  page.evaluate(`fetch(${JSON.stringify(path)}).then(async (r) => ({ status: r.status, text: await r.text() }))`);

describe('the link', () => {
  const secret = `2@${'kH7xq'.repeat(40)},canary-of-the-code==`;

  test('a QR code is shown live, changes, and is gone once it is linked; it is in no file and no text', async () => {
    const link = createLink(() => 0);
    const { page, store, origin } = await opened({ link });
    await expect.poll(() => linkSaid(page)).toContain('It is starting');
    link.onQr(secret);
    link.onState('pairing');
    await page.waitForSelector('.qr');
    expect(await linkSaid(page)).toBe('It is not linked to a phone yet.');
    const painted = await paintedModules(page);
    const zone = 4;
    const inner = painted.slice(zone, -zone).map((row) => row.slice(zone, -zone));
    expect(inner).toEqual(drawnModules(secret));
    expect(painted.slice(0, zone).join('')).not.toContain('#');

    const first = await page.getAttribute('.qr', 'src');
    link.onQr(`${secret}2`);
    await expect.poll(() => page.getAttribute('.qr', 'src')).not.toBe(first);
    const second = (await paintedModules(page)).slice(zone, -zone).map((row) => row.slice(zone, -zone));
    expect(second).toEqual(drawnModules(`${secret}2`));
    for (const path of ['/bot', '/api/bot/link', '/bot/qr.svg']) {
      expect((await fetched(page, path)).text).not.toContain('canary');
      expect((await fetch(`${origin}${path}`)).status).toBe(401);
    }
    expect(filesHolding(store.dataDir, ['canary-of-the-code'])).toEqual([]);

    link.onState('syncing');
    await page.waitForSelector('.qr', { state: 'detached' });
    expect(link.now().pairing).toBeNull();
    expect((await fetched(page, '/bot/qr.svg')).status).toBe(404);
    for (const [state, sentence] of [
      ['ready', 'connected to WhatsApp'],
      ['phone offline', 'The phone is offline'],
      ['logged out', 'logged it out'],
    ] as const) {
      link.onState(state);
      await expect.poll(() => linkSaid(page)).toContain(sentence);
    }
  });

  test('a pairing code to type', async () => {
    const link = createLink(() => 0);
    link.onState('pairing');
    link.onCode('ABCD2345');
    const { page } = await opened({ link });
    await expect.poll(() => page.locator('.pairing-code').innerText()).toBe('ABCD-2345');
    expect(await page.locator('#pairing li').last().innerText()).toContain('type this code');
    expect(await page.locator('.qr').count()).toBe(0);
  });

  test('where another program has the link, only whether it runs is known', async () => {
    const { page, store } = await opened();
    await expect.poll(() => linkSaid(page)).toContain('It is not running');
    store.settings.set(heartbeatKey, String(Date.now()));
    await expect.poll(() => linkSaid(page)).toContain('It runs.');
  });

  test('the smallest and a long code have their quiet zone and one path each', () => {
    expect(qrSvg('a')).toContain('viewBox="0 0 29 29"');
    expect(qrSvg(secret).match(/<path/g)).toHaveLength(2);
    expect(qrSvg(secret)).not.toContain('canary');
  });
});

describe('switches', () => {
  test('off in one chat; off everywhere and back to exactly what was on', async () => {
    const { page, store, chat, owner, contact } = await opened();
    const more = ['21@c.us', '22@c.us', '23@c.us'].map((key) => {
      const id = directChat(store, key, owner, contact);
      store.chats.set(id, { collect: true, bot: true });
      return id;
    });
    const on = (): number[] => [chat, ...more].filter((id) => isBotOn(store, id));
    await page.waitForSelector('tbody tr:nth-child(4)'); // the page shows them by itself
    await page.locator('tbody tr').nth(1).getByRole('button', { name: 'Stop replying' }).click();
    await expect.poll(on).toEqual([chat, more[1], more[2]]);

    await page.waitForLoadState();
    await page.focus('text=Stop replying everywhere');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Replies are off everywhere');
    expect(on()).toEqual([]);
    await page.waitForSelector('text=Back on in the 3 chats where it was on');
    botOff(store, more[1]!); // said in the chat meanwhile: that one stays off
    await page.waitForSelector('text=Back on in the 2 chats where it was on');
    await page.focus('text=Back on in the 2 chats');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Stop replying everywhere');
    expect(on()).toEqual([chat, more[2]]);

    await page.click('text=Stop replying everywhere');
    await page.waitForSelector('text=Back on in the 2 chats');
    botOn(store, more[0]!, 1); // `!bot on` in a chat: there alone
    await page.waitForSelector('text=Stop replying everywhere');
    expect(on()).toEqual([more[0]]);
    expect(await page.locator('text=Back on').count()).toBe(0);
  });

  test('storing can be stopped; nothing can be switched on in a chat, and what is no chat is refused', async () => {
    const place = await opened();
    const { page, store, chat, origin } = place;
    await page.click('text=Stop storing');
    await expect.poll(() => store.chats.get(chat).collect).toBe(false);
    const Cookie = await loggedIn(place);
    const refused: [string, unknown][] = [
      ['/api/bot', { chatId: chat, bot: true }],
      ['/api/bot', { chatId: chat, collect: true }],
      ['/api/bot', { chatId: 999, bot: false }],
      ['/api/bot', { everywhere: 'on' }],
      ['/api/bot/quiet', { chatId: 999, hours: 'none' }],
      ['/api/bot/quiet', { chatId: chat, hours: '22:00-22:00' }],
      ['/api/bot/quiet', { chatId: chat, hours: '24:00-08:00' }],
      ['/api/bot/caps', { caps: { ...caps, perDay: 1001 } }],
      ['/api/bot/caps', { caps: { ...caps, perChatSeconds: 0 } }],
      ['/api/bot/caps', { caps: { perDay: 1 } }],
    ];
    const before = dump(store, chat);
    for (const [path, body] of refused) {
      const response = await post(origin, path, body, { Cookie });
      expect([path, body, response.status]).toEqual([path, body, 400]);
    }
    expect(dump(store, chat)).toEqual(before);
    expect((await fetch(`${origin}/api/bot/why?reply=999`, { headers: { Cookie } })).status).toBe(404);
  });
});

const dump = (store: Store, chat: number): unknown => [
  store.chats.get(chat),
  quietHoursIn(store, settings, chat),
  capsNow(store, settings),
];

describe('limits', () => {
  test('quiet hours everywhere and of one chat, and back', async () => {
    const { page, store, chat, contact, owner } = await opened();
    const other = directChat(store, '31@c.us', owner, contact);
    const hours = (): (string | null)[] => [chat, other].map((id) => quietHoursIn(store, settings, id));
    const choose = async (button: string, option: string, times?: [string, string]): Promise<void> => {
      await page.waitForSelector(button);
      await page.focus(button);
      await page.keyboard.press('Enter');
      await page.waitForSelector('dialog');
      await page.check(`dialog label:has-text("${option}") input`);
      if (times !== undefined) {
        await page.getByLabel('From', { exact: true }).fill(times[0]);
        await page.getByLabel('To', { exact: true }).fill(times[1]);
        await page.focus('dialog input[type=radio]:checked');
      }
      await page.keyboard.press('Enter'); // a form is sent by Enter
      await page.waitForSelector('dialog', { state: 'detached' });
    };
    const everywhere = '[data-quiet=everywhere]';
    await choose(everywhere, 'Every day at these hours', ['23:30', '07:00']);
    await expect.poll(hours).toEqual(['23:30-07:00', '23:30-07:00']);
    await page.waitForSelector('text=Quiet hours: 23:30-07:00');
    await choose(`[data-quiet="${chat}"]`, 'Never');
    await expect.poll(hours).toEqual([null, '23:30-07:00']);
    await choose(`[data-quiet="${other}"]`, 'Every day at these hours', ['12:00', '13:00']);
    await expect.poll(hours).toEqual([null, '12:00-13:00']);
    await choose(`[data-quiet="${chat}"]`, 'As in every other chat (23:30-07:00)');
    await expect.poll(hours).toEqual(['23:30-07:00', '12:00-13:00']);
    await choose(everywhere, 'As persona.json says (none)');
    await expect.poll(hours).toEqual([null, '12:00-13:00']);

    await page.waitForLoadState();
    await page.click(everywhere);
    await page.check('dialog label:has-text("Every day") input');
    await page.getByLabel('From', { exact: true }).fill('10:00');
    await page.getByLabel('To', { exact: true }).fill('10:00');
    await page.click('dialog >> text=Save');
    await expect.poll(() => page.locator('#toast').innerText()).toContain('two different times');
    await page.keyboard.press('Escape');
    expect(hours()).toEqual([null, '12:00-13:00']);
  });

  test('caps within their bounds count at once, and persona.json can count again', async () => {
    const { page, store } = await opened();
    const now = (): unknown => capsNow(store, settings);
    await page.click('#caps');
    await page.getByLabel('Replies a day in all').fill('100000');
    await page.click('dialog >> text=Save');
    expect(await page.locator('dialog input:invalid').count()).toBe(1); // the browser says why, and sends nothing
    await page.getByLabel('Replies a day in all').fill('1.5');
    await page.click('dialog >> text=Save');
    expect(await page.locator('dialog input:invalid').count()).toBe(1);
    expect(now()).toEqual(caps);
    await page.getByLabel('Replies a day in all').fill('12');
    await page.getByLabel('Replies an hour in a chat').fill('3');
    await page.keyboard.press('Enter');
    await expect.poll(now).toEqual({ perChatSeconds: 5, perChatHour: 3, perDay: 12 });
    await page.waitForSelector('text=3 an hour in a chat, and 12 a day in all');
    await page.click('#caps');
    await page.click('dialog >> text=As persona.json says');
    await expect.poll(now).toEqual(caps);
  });
});

test('why it said something: run, seed, what it saw, and the nearest lines that may be shown', async () => {
  const place = await review();
  const { store, chat, owner, contact } = place;
  const line = (text: string): number =>
    put(store, draft(chat, owner, text, { fromMe: true, timestampMs: 1000 + text.length }));
  const near = line('see you at the old harbour tonight');
  const rejected = line('see you at the old harbour tonight then');
  line('something else altogether');
  const asked = put(store, draft(chat, contact, 'where do we meet?', { waId: 'ask' }));
  store.review.decide({ ids: [rejected] }, 'rejected');
  while (!store.review.catchUp().isDone);
  const outboxId = store.outbox.begin({ chatId: chat, kind: 'reply', inReplyTo: 'ask', textHash: 'h' });
  store.replies.add({
    chatId: chat,
    inReplyTo: 'ask',
    runId: '2026-11-20-nano',
    backend: 'simd',
    seed: 4711,
    sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
    promptRowIds: [asked],
    promptHash: 'p',
    bubbles: ['see you at the old harbour', '<b>ok</b>'],
    latencyMs: 321.4,
    outboxId,
  });
  const page = await (await profile()).newPage();
  await page.goto(place.server.link());
  await page.waitForSelector('#chats li');
  await page.goto(`${place.origin}/bot`);
  const reply = page.locator('.replies li');
  expect(await reply.locator('p').allInnerTexts()).toEqual([
    expect.stringMatching(/, to Ben$/) as string,
    'see you at the old harbour',
    '<b>ok</b>',
  ]);
  await page.focus('summary');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.replies details li');
  const why = await reply.locator('details').innerText();
  expect(why).toContain('Run 2026-11-20-nano on simd, seed 4711, temperature 0.8, in 321 ms. It saw 1 message');
  const lines = page.locator('.replies details li');
  expect(await lines.first().innerText()).toMatch(/^see you at the old harbour tonight \d+ % of the words$/);
  expect(await reply.locator('details').innerText()).not.toContain('tonight then');

  // what is read is not taken away by news; it is said instead
  say(store, store.people.resolve(['41@c.us']), 'granted');
  store.chats.set(chat, { bot: false });
  await expect.poll(() => page.locator('#toast').innerText()).toContain('Something changed meanwhile');
  expect(await lines.count()).toBeGreaterThan(0);
  await lines.first().locator('a').click();
  await page.waitForSelector('.message:focus');
  expect(await page.getAttribute('.message:focus', 'data-id')).toBe(String(near));
});
