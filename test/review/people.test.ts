/**
 * People on the page: the ledger, downloading, withdrawing, leaving out, ids split and put together, and forgetting with the
 * name typed and the receipt shown. Driven by keys where a person would.
 * Run: npm run build && npx vitest run test/review/people.test.ts
 */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { myData } from '../../src/bot/my-data.ts';
import { draft, put, say } from '../store/support.ts';
import { closeBrowser, loggedIn, post, profile, review, type Review, type ReviewSetup } from './support.ts';

afterAll(closeBrowser);

async function opened(setup: ReviewSetup = {}): Promise<Review & { page: Page }> {
  const place = await review(setup);
  const { store, chat, contact, owner } = place;
  put(store, draft(chat, contact, 'are you there?', { waId: 'p1', timestampMs: 1000 }));
  put(store, draft(chat, owner, 'yes', { waId: 'p2', fromMe: true, timestampMs: 2000 }));
  const page = await (await profile()).newPage();
  await page.goto(place.server.link());
  await page.waitForSelector('#chats li');
  await page.goto(`${place.origin}/person/${contact}`);
  return { ...place, page };
}

/** Go to a button by its text with Tab alone, and press it. */
async function pressButton(page: Page, text: string): Promise<void> {
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press('Tab');
    // '' while the page is just being read again
    const focused = await page.evaluate<string>(`document.activeElement.textContent.trim()`).catch(() => '');
    if (focused === text) return page.keyboard.press('Enter');
  }
  throw new Error(`no button "${text}" within 60 steps`);
}

const toast = (page: Page, text: string): Promise<void> =>
  expect.poll(() => page.locator('#toast').textContent(), { timeout: 20_000, interval: 30 }).toContain(text);

test('every event of the ledger with its time, notice and place', async () => {
  const notice = 'May I keep what you write?';
  const { page, store, contact, chat } = await opened({
    parts: {
      people: {
        data: () => ({ name: 'x.json', content: '{}' }),
        notice: (hash) => (hash === 'ab'.repeat(32) ? notice : undefined),
        forget: () => Promise.resolve(),
      },
    },
  });
  const at = Date.UTC(2026, 4, 1, 10, 30);
  store.consent.append({
    personId: contact,
    scope: 'log',
    action: 'asked',
    atMs: at,
    noticeHash: 'ab'.repeat(32),
    chatId: chat,
  });
  store.consent.append({
    personId: contact,
    scope: 'imitate',
    action: 'granted',
    atMs: at + 60_000,
    noticeHash: 'cd'.repeat(32),
    chatId: chat,
  });
  await page.waitForSelector('text=Answer in their voice'); // the page asks again by itself
  const rows = await page.locator('tbody tr').allInnerTexts();
  expect(rows.map((row) => row.split('\t').map((cell) => cell.trim()))).toEqual([
    ['1970-01-01 01:00', 'Store and learn', 'said yes', 'no notice', 'on this machine'],
    ['2026-05-01 12:30', 'Store and learn', 'was asked', 'notice abababababab', 'Ben'],
    ['2026-05-01 12:31', 'Answer in their voice', 'said yes', 'notice cdcdcdcdcdcd, an earlier version', 'Ben'],
  ]);
  await pressButton(page, 'notice abababababab');
  expect(await page.locator('.notice').innerText()).toBe(notice);
});

test('their data comes as a file, with the session only', async () => {
  const place = await opened();
  const { page, store, contact, origin } = place;
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    pressButton(page, 'Download everything as a file'),
  ]);
  expect(download.suggestedFilename()).toBe('my-data-1970-01-01.json');
  const content = readFileSync(await download.path(), 'utf8');
  expect(content).toBe(myData(store, contact, null, 0).file.content.toString());
  expect(content).toContain('are you there?');
  expect(content).not.toContain('"yes"');
  expect((await fetch(`${origin}/person/${contact}/data.json`)).status).toBe(401);
  const Cookie = await loggedIn(place);
  expect((await fetch(`${origin}/person/999/data.json`, { headers: { Cookie } })).status).toBe(404);
});

test('left out of training and back; consent taken back seals what is stored', async () => {
  const { page, store, contact, chat, origin } = await opened();
  await pressButton(page, 'Leave out of training');
  await page.waitForSelector('.tag:has-text("Left out of training")');
  expect(store.review.exclusions()).toMatchObject([{ personId: contact, chatId: null }]);
  await pressButton(page, 'Back into training');
  await page.waitForSelector('.tag:has-text("Left out of training")', { state: 'detached' });
  say(store, contact, 'granted', 5, 'imitate');
  await pressButton(page, 'Take their consent back');
  await page.waitForSelector('dialog');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  expect(store.consent.isOpen(contact)).toBe(true);
  await page.click('[data-people=withdraw]');
  await pressButton(page, 'Take it back');
  await toast(page, 'Their consent is taken back.');
  expect([store.consent.state(contact, 'log').state, store.consent.state(contact, 'imitate').state]).toEqual([
    'withdrawn',
    'withdrawn',
  ]);
  expect(store.messages.recent(chat, 10)).toEqual([]);
  await page.goto(`${origin}/chat/${chat}`);
  await page.waitForSelector('.message');
  expect(await page.locator('#thread').innerText()).not.toContain('are you there?');
  expect(await page.locator('.message .why').first().innerText()).toBe('sealed: no consent');
});

test('ids that are somebody else go, and two who are one are put together', async () => {
  const { page, store, contact, chat } = await opened();
  expect(store.people.resolve(['4911@c.us', '777@lid'])).toBe(contact);
  await page.waitForSelector('#aliases >> text=777@lid');
  await page.check('#aliases label:has-text("777@lid") input');
  await page.click('[data-people=split]');
  await pressButton(page, 'Split');
  await toast(page, 'They are somebody else now');
  const other = store.people.find('777@lid')!;
  expect(other).not.toBe(contact);
  await expect.poll(() => page.url()).toContain(`/person/${other}`);
  await page.waitForSelector('#aliases >> text=777@lid');
  expect(store.consent.isOpen(other)).toBe(false);
  expect(store.messages.recent(chat, 10)).toHaveLength(2);
  await page.selectOption('#other', String(contact));
  await page.click('[data-people=merge]');
  await pressButton(page, 'Make one');
  await toast(page, 'They are one person now.');
  expect(store.people.find('777@lid')).toBe(contact);
});

test('forgetting asks for the name, erases, and shows the receipt', async () => {
  let asked = 0;
  const place = await opened();
  const { page, store, contact, origin, parts } = place;
  const erase = parts.people.forget;
  parts.people.forget = async (personId) => {
    asked++;
    const id = store.receipts.begin(personId, 0);
    await erase(personId);
    store.consent.append({ personId, scope: 'log', action: 'forgotten', atMs: 1, noticeHash: '', chatId: null });
    store.receipts.finish(id, 1000, {
      what: 'person',
      rows: { messages: 1, botMessages: 0, replies: 0, outbox: 0, reactions: 0, quizAnswers: 0, names: 1 },
      retired: ['run-1'],
      serves: null,
      datasets: 1,
      copies: 2,
      exports: 0,
      stoppedTraining: true,
      loss: null,
      left: [],
      seconds: 1.25,
    });
  };
  await page.click('[data-people=forget]');
  await page.waitForSelector('dialog input:focus');
  await page.keyboard.type('Bob');
  await page.keyboard.press('Enter');
  await toast(page, 'That is not the name, so nothing was erased.');
  expect(asked).toBe(0);
  await page.click('[data-people=forget]');
  await page.waitForSelector('dialog input:focus');
  await page.keyboard.type(' ben ');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.receipt');
  expect(asked).toBe(1);
  expect(store.lookups.rowIds(contact)).toEqual([]);
  const receipt = await page.locator('.receipt').innerText();
  expect(receipt).toContain('1 messages, 0 answers of the bot and 0 other rows were erased.');
  expect(receipt).toContain('1 models that saw them were removed; none speaks until the next training.');
  expect(receipt).toContain('A training that was running starts anew without them.');
  expect(receipt).not.toContain('Ben');
  const Cookie = await loggedIn(place);
  const wrong = await post(origin, '/api/people/forget', { personId: 999, typed: 'x' }, { Cookie });
  expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: 'This person is not here any more.' }]);
  for (const path of ['withdraw', 'split', 'merge', 'forget']) {
    expect((await post(origin, `/api/people/${path}`, { personId: 'x' }, { Cookie })).status).toBe(400);
  }
});
