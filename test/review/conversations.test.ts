/**
 * Conversations and a thread, driven by keys in a real browser: search and filters, moving, selecting, deciding, hiding,
 * writing a line anew, leaving out, undo and redo, two tabs at once, and a long thread with only a window of it in the page.
 * Run: npm run build && npx vitest run test/review/conversations.test.ts
 */
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import { Selection } from '../../src/review/client/thread-selection.ts';
import { admitted, draft, put } from '../store/support.ts';
import { addDemoChat, addSmallChats, type SmallChats } from './sample.ts';
import { closeBrowser, loggedIn, post, profile, review, type Review } from './support.ts';

afterAll(closeBrowser);

/** A page that is logged in, over an Arabic chat and a group; with the demo's chat where a test needs it. */
async function opened({ withDemo = false } = {}): Promise<Review & { page: Page; chats: SmallChats }> {
  const place = await review({ parts: { timezone: 'Europe/London', personaName: 'Juno' } });
  if (withDemo) await addDemoChat(place.store);
  const chats = addSmallChats(place.store);
  const page = await (await profile()).newPage();
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(place.server.link());
  await page.waitForSelector('#chats li');
  return { ...place, page, chats };
}

/** Until this is true in the page. The page's own rules forbid evaluating text, so Playwright's waitForFunction cannot. */
const until = (page: Page, condition: string): Promise<void> =>
  expect
    .poll(() => page.evaluate(`Boolean(${condition})`), { timeout: 20_000, interval: 30, message: condition })
    .toBe(true);
const texts = (page: Page, selector: string): Promise<string[]> => page.locator(selector).allTextContents();
const toast = async (page: Page, text: string): Promise<void> => {
  await until(page, `document.querySelector('#toast').textContent.includes(${JSON.stringify(text)})`);
};
const focusedText = (page: Page): Promise<string> =>
  page.evaluate(`document.activeElement.querySelector('.text')?.textContent ?? ''`);

async function thread(page: Page, origin: string, chat: number): Promise<void> {
  await page.goto(`${origin}/chat/${chat}`);
  await page.waitForSelector('.message:focus');
}

describe('the list and the search', () => {
  test('who, how much, since when, and what is switched on', async () => {
    const { page } = await opened({ withDemo: true });
    const [first = ''] = await texts(page, '#chats li');
    expect(first).toContain('Elias Brandt');
    expect(first).toContain('2,012 messages, 2026-03-02 to 2026-08-09');
    expect(first).toMatch(/Juno Varga 1,\d{3}, Elias Brandt \d{3}/);
    expect(await texts(page, '#chats .tag')).toEqual(['New messages are stored', 'Replies are on']);
  });

  test('typing searches, arrows walk, Enter opens the message where it was said', async () => {
    const { page } = await opened({ withDemo: true });
    await page.keyboard.press('/');
    await page.keyboard.type('sock');
    await until(
      page,
      `!document.querySelector('#found').textContent.includes('prepared') && document.querySelectorAll('#hits mark').length > 1`,
    );
    expect(new Set((await texts(page, '#hits mark')).map((word) => word.toLowerCase().slice(0, 4)))).toEqual(
      new Set(['sock']),
    );
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    const wanted = await page.evaluate<string>(`document.activeElement.querySelector('.hit-text').textContent`);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.message:focus');
    expect(await focusedText(page)).toBe(wanted);
  });

  test('filters by person, date and decision; an empty one says so', async () => {
    const { page, store } = await opened({ withDemo: true });
    const elias = store.review.people.list().find(({ name }) => name === 'Elias Brandt')!;
    await page.selectOption('#person', String(elias.id));
    await page.fill('#from', '2026-03-02');
    await page.fill('#to', '2026-03-02');
    await until(
      page,
      `[...document.querySelectorAll('#hits time')].some(({ textContent }) => textContent.startsWith('2026-03-02')) && !document.querySelector('#found').textContent.includes('prepared')`,
    );
    await until(
      page,
      `[...document.querySelectorAll('#hits time')].every(({ textContent }) => textContent.startsWith('2026-03-02'))`,
    );
    expect((await texts(page, '#hits time')).every((time) => time.startsWith('2026-03-02'))).toBe(true);
    expect(new Set(await texts(page, '#hits .hit-head bdi:first-child'))).toEqual(new Set(['Elias Brandt']));
    await page.selectOption('#decision', 'approved');
    await until(page, `document.querySelector('#found').textContent === 'Nothing was found.'`);
    const [shown] = store.review.search({ text: '', personId: elias.id }).hits;
    store.review.decide({ ids: [shown!.messageId] }, 'approved');
    await page.fill('#from', '');
    await page.fill('#to', '');
    await until(page, `document.querySelectorAll('#hits li').length === 1`);
  });
});

describe('a thread by keys', () => {
  test('approve, reject, clear, undo and redo, one and in bulk', async () => {
    const { page, store, chats, origin } = await opened();
    await thread(page, origin, chats.group);
    const decisions = (): (string | null)[] =>
      store.review.threads.page(chats.group).messages.map(({ decision }) => decision);
    await page.keyboard.press('Home');
    await until(page, `document.activeElement.querySelector('.text')?.textContent.startsWith('who brings')`);
    await page.keyboard.press('a');
    await toast(page, 'Approved 1 message.');
    await page.waitForSelector('.message:focus .decision.approved');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('X');
    await until(page, `document.querySelector('#selected').textContent === '3 selected'`);
    await page.keyboard.press('r');
    await toast(page, 'Rejected 3 messages.');
    expect(decisions()).toEqual(['approved', 'rejected', 'rejected', 'rejected', null, null]);
    await until(page, `document.querySelectorAll('.decision.rejected').length === 3`);
    expect(await texts(page, '.message.out .why')).toContain('you rejected it');
    await page.keyboard.press('u');
    await toast(page, 'Undone: Rejected 3 messages.');
    expect(decisions()).toEqual(['approved', null, null, null, null, null]);
    await page.keyboard.press('U');
    await toast(page, 'Done again: Rejected 3 messages.');
    expect(decisions().filter((decision) => decision === 'rejected')).toHaveLength(3);
    await page.keyboard.press('Control+a');
    await until(page, `document.querySelector('#selected').textContent === 'The whole chat is selected'`);
    await page.keyboard.press('c');
    await toast(page, 'Cleared the decision of 4 messages.');
    expect(new Set(decisions())).toEqual(new Set([null]));
    await page.keyboard.press('Escape');
    await until(page, `document.querySelector('#selected').textContent === ''`);
  });

  test('hide words by Shift and arrows, and what the mouse selected; show them again', async () => {
    const { page, store, chats, origin } = await opened();
    await thread(page, origin, chats.group);
    await page.keyboard.press('Home');
    await until(page, `document.activeElement.querySelector('.text')?.textContent.startsWith('who brings')`);
    await page.keyboard.press('h');
    await page.waitForSelector('dialog textarea:focus');
    await page.keyboard.press('Control+Home');
    for (let n = 0; n < 3; n++) await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await toast(page, 'Changed what is hidden in 1 message.');
    await page.waitForSelector('.message:focus del');
    const hidden = (): unknown => store.review.threads.page(chats.group).messages[0]!.hidden;
    expect(hidden()).toEqual([{ start: 0, end: 3 }]);
    await page.evaluate(`{
      const words = document.activeElement.querySelector('.text').lastChild.firstChild;
      getSelection().setBaseAndExtent(words, 1, words, 7);
    }`);
    await page.keyboard.press('h');
    await until(page, `document.querySelectorAll('.message:focus del').length === 2`);
    expect(hidden()).toEqual([
      { start: 0, end: 3 },
      { start: 4, end: 10 },
    ]);
    expect(await texts(page, '.message:focus del')).toEqual(['who', 'brings']);
  });

  test('the persona’s line is written anew and back; nobody else’s can be', async () => {
    const { page, store, chats, origin } = await opened();
    await thread(page, origin, chats.group);
    await page.keyboard.press('Home');
    await until(page, `document.activeElement.querySelector('.text')?.textContent.startsWith('who brings')`);
    await page.keyboard.press('e');
    await toast(page, 'Only lines of the persona');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('e');
    await page.waitForSelector('dialog textarea:focus');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('ill pick u up at 6!');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.message:focus .line');
    expect(store.review.threads.page(chats.group).messages[2]).toMatchObject({
      line: 'ill pick u up at 6!',
      text: 'i can pick u up at 6',
    });
    await page.keyboard.press('u');
    await until(page, `document.querySelector('.line') === null`);
  });

  test('leave out days, then take them back in; what trains is marked at once', async () => {
    const { page, store, chats, origin } = await opened();
    await thread(page, origin, chats.arabic);
    expect(await page.locator('.message.trains').count()).toBe(3);
    expect(await page.locator('.message.context').count()).toBe(4);
    await page.keyboard.press('o');
    await page.waitForSelector('dialog');
    await page.keyboard.press('Enter');
    await toast(page, 'Left out of training.');
    await until(page, `document.querySelectorAll('.message.out').length === 7`);
    expect(store.review.exclusions()).toMatchObject([{ chatId: chats.arabic, personId: null }]);
    await page.click('#left-out button');
    await until(page, `document.querySelectorAll('.message.out').length === 0`);
  });

  test('a quote leads to what it answers; the persona, the bot, edits, media and reactions are told', async () => {
    const { page, chats, origin } = await opened();
    await thread(page, origin, chats.group);
    expect(await texts(page, '.message.bot .by')).toEqual(['Junobot']);
    expect(await texts(page, '.message.bot .why')).toEqual(['the bot wrote it']);
    expect(await texts(page, '.media')).toEqual(['Photo']);
    expect(await texts(page, '.edited')).toEqual(['edited']);
    await page.click('button.quote');
    await until(page, `document.activeElement.querySelector('.text')?.textContent === 'I can, but I need a lift'`);
    await thread(page, origin, chats.arabic);
    expect(await texts(page, '.reaction bdi')).toEqual(['ليلى حداد']);
    expect(await texts(page, '.unseen')).toEqual(['U+202E', 'U+202C']);
    const direction = await page.evaluate(
      `[...document.querySelectorAll('.text')].map((text) => getComputedStyle(text).direction)`,
    );
    expect(direction).toEqual(['rtl', 'rtl', 'rtl', 'rtl', 'rtl', 'ltr', 'rtl']);
  });

  test('the tokens of a conversation: the persona’s carry loss, the others’ do not', async () => {
    const { page, chats, origin } = await opened();
    await thread(page, origin, chats.group);
    await page.keyboard.press('t');
    await page.waitForSelector('dialog .token');
    const spelled = (await texts(page, '.tokens .token')).join('');
    expect(spelled).toContain('who·brings·the·projector');
    const learned = (await texts(page, '.tokens .token.loss')).join('');
    expect(learned).toContain('i·can·pick·u·up·at·6');
    expect(learned).toContain('<|end|>');
    expect(learned).not.toContain('love'); // the bot said it
    expect(learned).not.toContain('projector');
    expect(await page.locator('dialog').textContent()).toMatch(/6 messages are \d+ tokens\. The \d+ marked ones/);
  });

  test('the list of keys opens with ? and closes with Escape', async () => {
    const { page, chats, origin } = await opened();
    await thread(page, origin, chats.group);
    await page.keyboard.press('?');
    await page.waitForSelector('dialog table');
    await page.keyboard.press('a');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    expect(await page.locator('.decision').count()).toBe(0);
  });
});

describe('two tabs and live messages', () => {
  test('each sees what the other did; place and selection stay; nothing is lost', async () => {
    const place = await opened();
    const { page, store, chats, origin } = place;
    const other = await page.context().newPage();
    for (const tab of [page, other]) await thread(tab, origin, chats.group);
    await page.keyboard.press('k');
    await page.keyboard.press('x');
    await other.keyboard.press('Home');
    await until(other, `document.activeElement.querySelector('.text')?.textContent.startsWith('who brings')`);
    await other.keyboard.press('r');
    await page.waitForSelector('.decision.rejected');
    expect(await texts(page, '.message.selected .text')).toEqual(['love it']);
    expect(await focusedText(page)).toBe('love it');
    await page.keyboard.press('a');
    await other.waitForSelector('.decision.approved');
    expect(store.review.threads.page(chats.group).messages.map(({ decision }) => decision)).toEqual([
      'rejected',
      null,
      null,
      null,
      'approved',
      null,
    ]);
    const ben = store.review.people.list().find(({ name }) => name === 'Ben Okafor')!.id;
    put(store, draft(chats.group, ben, 'see you there', { timestampMs: Date.UTC(2026, 2, 2, 9) }));
    for (const tab of [page, other]) await tab.waitForSelector('text=see you there');
    // what one tab undid is not undone again by a click on what the other still showed
    const { undo } = store.review.history();
    await page.keyboard.press('u');
    await other.waitForSelector('.decision.approved', { state: 'detached' });
    const Cookie = await loggedIn(place);
    const answer = await post(origin, '/api/review/undo', { expectedId: undo!.id }, { Cookie });
    expect(await answer.json()).toMatchObject({
      said: 'Something else was done meanwhile: look again before you go on.',
    });
    expect(store.review.threads.page(chats.group).messages.filter(({ decision }) => decision !== null)).toHaveLength(1);
  });

  test('a line that was edited meanwhile is not changed by an old tab', async () => {
    const place = await review();
    const Cookie = await loggedIn(place);
    const id = put(place.store, draft(place.chat, place.contact, 'first', { waId: 'late' }));
    place.store.messages.edit(place.chat, 'late', 'second');
    const answer = await post(
      place.origin,
      '/api/review/hide',
      { messageId: id, spans: [{ start: 0, end: 5 }], editedAtMs: null },
      { Cookie },
    );
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'This message was changed meanwhile, so nothing was done.' });
    expect((await post(place.origin, '/api/review/decide', { selection: { ids: ['x'] } }, { Cookie })).status).toBe(
      400,
    );
    expect((await post(place.origin, '/api/review/exclude', { personId: 99 }, { Cookie })).status).toBe(400);
  });
});

test('a long thread: a window of it in the page, both ends, a day, and the place kept while pages come and go', async () => {
  const { page, store, owner, contact, chat, origin } = await opened();
  const day = 86_400_000;
  const start = Date.UTC(2020, 0, 1);
  store.messages.addMany(
    Array.from({ length: 4000 }, (_, n) =>
      admitted(
        draft(chat, n % 3 === 0 ? owner : contact, `line ${n}\n`.repeat(1 + (n % 4)), {
          waId: `long${n}`,
          timestampMs: start + (n * day) / 10,
        }),
      ),
    ),
  );
  await thread(page, origin, chat);
  expect(await focusedText(page)).toContain('line 3999');
  const inPage = (): Promise<number> => page.locator('.message').count();
  // scroll up by half a screen at a time: what is in the middle moves by exactly that
  let jumps = 0;
  for (let n = 0; n < 60; n++) {
    const moved = await page.evaluate<number>(`(async () => {
      const box = document.querySelector('#thread');
      const { top, height } = box.getBoundingClientRect();
      const seen = [...box.children].find((each) => each.getBoundingClientRect().bottom > top + height / 4);
      const before = seen.getBoundingClientRect().top;
      box.scrollBy(0, -200);
      await new Promise((done) => setTimeout(done, 30));
      return seen.getBoundingClientRect().top - before;
    })()`);
    if (Math.abs(moved - 200) > 1) jumps++;
  }
  expect(jumps).toBe(0);
  expect(await inPage()).toBeLessThanOrEqual(300);
  await page.keyboard.press('Home');
  await until(page, `document.activeElement.querySelector('.text')?.textContent.startsWith('line 0')`);
  await page.keyboard.press('g');
  await page.waitForSelector('dialog input:focus');
  await page.fill('dialog input', '2020-06-01');
  await page.keyboard.press('Enter');
  await until(page, `/^Monday,? 1 June 2020$/.test(document.activeElement.querySelector('.day')?.textContent)`);
  expect(await inPage()).toBeLessThanOrEqual(300);
  await page.keyboard.press('End');
  await until(page, `document.activeElement.querySelector('.text')?.textContent.startsWith('line 3999')`);
});

test('a selection: some, a stretch in either direction, all, and what it is called', () => {
  const loaded = [1, 2, 3, 4, 5].map((id) => ({ id, atMs: 100 * id }));
  const selection = new Selection(7);
  const here = (): number[] => loaded.filter((place) => selection.has(place)).map(({ id }) => id);
  expect(selection.chosen(3)).toEqual({ ids: [3] });
  expect(selection.chosen(undefined)).toBeUndefined();
  selection.toggle(loaded[3]!, loaded);
  selection.extend(loaded[1]!, loaded[0]!);
  expect(here()).toEqual([2, 3, 4]);
  expect(selection.chosen(1)).toEqual({ chatId: 7, between: [2, 4] });
  expect(selection.span(loaded)).toEqual({ fromMs: 200, toMs: 400 });
  selection.toggle(loaded[2]!, loaded);
  expect(here()).toEqual([2, 4]);
  expect(selection.said(loaded)).toBe('2 selected');
  selection.all();
  expect(selection.chosen(1)).toEqual({ chatId: 7 });
  expect(selection.said(loaded)).toBe('The whole chat is selected');
  selection.clear();
  expect(selection.isEmpty).toBe(true);
  selection.extend(loaded[4]!, { id: 99, atMs: 10_000 });
  expect(selection.said(loaded)).toBe('A stretch is selected that reaches beyond what is shown');
});
