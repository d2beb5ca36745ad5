/**
 * Promise F5: whatever people write, nothing of it runs. 200 payloads stand in messages, in people's and groups' names, in
 * names of files and in errors of imports; every place is opened and the beacon, a path of our own server, is never asked for.
 * A page that does put them in as HTML is the control: there the beacon is asked for, so the count can fail.
 * Run: npm run build && npx vitest run test/review/xss.test.ts
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { protections } from '../../src/review/protections.ts';
import { UserError } from '../../src/util/errors.ts';
import { writeReportCard } from '../../src/nightly/report/card.ts';
import { message, night, sample } from '../nightly/report/night.ts';
import { admitted, draft, freshDir, say } from '../store/support.ts';
import { payloads } from './payloads.ts';
import { closeBrowser, profile, review } from './support.ts';

afterAll(closeBrowser);

const beacon = '/beacon-';
const all = payloads(beacon);

/** Counts what is asked of the beacon, wherever it leads, and dialogs. */
function countHits(page: Page): { hits: string[] } {
  const counted = { hits: [] as string[] };
  page.context().on('request', (request) => {
    if (request.url().includes(beacon)) counted.hits.push(request.url());
  });
  page.on('dialog', (dialog) => {
    counted.hits.push('dialog');
    void dialog.dismiss();
  });
  return counted;
}

test('the payloads are 200 different ones', () => {
  expect(new Set(all).size).toBe(200);
});

// with our headers the policy alone stops most of them; so the pages are looked at without them too
const withoutPolicy = { ...protections, headers: {} };
for (const [name, chosen] of [
  ['with every protection', protections],
  ['without the content security policy', withoutPolicy],
] as const) {
  test(`0 executions ${name}`, async () => {
    const modelsDir = freshDir();
    const run = join(modelsDir, 'runs', 'x');
    mkdirSync(run, { recursive: true });
    const samples = all
      .slice(0, 10)
      .map((payload, at) => sample({ context: [message(payload)], real: [all[at + 10]!], sampled: [all[at + 20]!] }));
    writeReportCard(run, night({ run: 'x', reason: all[5]!, samples }));
    const entry = { run: 'x', current: true, served: true, verdict: null, bitsPerByte: null, date: null, quiz: null };
    const importError = new UserError(`line 3 of ${all[0]!} cannot be read`, all[1]!);
    const place = await review({
      protections: chosen,
      parts: {
        personaName: all[2]!,
        modelsDir,
        models: {
          list: () =>
            Promise.resolve([
              { ...entry, size: all[6]!, problem: null },
              { ...entry, size: '', problem: all[7]! },
            ]),
          use: () => Promise.resolve(),
          rollBack: () => Promise.resolve(),
          retrain: () => 'started',
        },
        people: {
          data: () => ({ name: `${all[3]!}.json`, content: '{}' }),
          notice: () => all[4]!,
          forget: () => Promise.reject(importError),
        },
      },
    });
    const { store, server, origin } = place;
    // names of people, a group of them, and names as exports give them
    const people = all.map((payload, at) => {
      const id = store.people.resolve([at % 2 === 0 ? `49170${1_000_000 + at}@c.us` : `name:group@g.us:${payload}`]);
      store.people.setName(id, payload);
      say(store, id, 'granted');
      return id;
    });
    const group = store.chats.resolve('120363@g.us', 'group');
    for (const id of people) store.chats.addMember(group, id);
    store.consent.append({
      personId: people[0]!,
      scope: 'log',
      action: 'asked',
      atMs: 1,
      noticeHash: 'ab'.repeat(32),
      chatId: group,
    });
    store.messages.addMany(
      all.map((payload, at) =>
        admitted(
          draft(group, people[at]!, at % 3 === 2 ? `${payload}.jpg` : payload, {
            waId: `x${at}`,
            timestampMs: 1000 * at,
            ...(at > 0 && { quotedWaId: `x${at - 1}` }),
            ...(at % 3 === 2 && { kind: 'media', media: 'file' }),
          }),
        ),
      ),
    );
    for (const [at, payload] of all.entries()) store.reactions.set(group, `x${at}`, people[at]!, payload, 1);
    const first = store.review.threads.page(group, { after: { timestampMs: -1 }, limit: 1 }).messages[0]!;
    store.review.hide(first.id, [{ start: 0, end: 4 }], null);
    store.review.exclude({ personId: people[5]!, chatId: group });

    const page = await (await profile()).newPage();
    const counted = countHits(page);
    const errors: Error[] = [];
    page.on('pageerror', (error) => errors.push(error));
    await page.goto(server.link());
    await page.waitForSelector('#chats li');
    for (const word of ['img', 'svg', 'fetch', 'script']) {
      await page.fill('#search', word);
      await page.waitForSelector('#hits mark');
    }
    await page.goto(`${origin}/chat/${group}`);
    await page.waitForSelector('.message:focus');
    await page.keyboard.press('Home');
    await page.waitForSelector(`#m${first.id}:focus`);
    const texts = await page.locator('.message .text').allTextContents();
    expect(texts.some((text) => text.includes('onerror='))).toBe(true);
    for (const key of ['o', 'h', 't', '?']) {
      await page.keyboard.press(key);
      await page.waitForSelector('dialog');
      await page.keyboard.press('Escape');
      await page.waitForSelector('dialog', { state: 'detached' });
    }
    await page.keyboard.press('End');
    await page.goto(`${origin}/people`);
    await page.waitForSelector('.chat-name');
    await page.goto(`${origin}/person/${people[0]!}`);
    await page.click('summary');
    await page.click('[data-people=forget]');
    await page.fill('dialog input', all[0]!);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#toast').textContent()).toContain('cannot be read');
    await page.goto(`${origin}/models`);
    await page.goto(`${origin}/models/x`);
    expect(await page.locator('article.card').innerText()).toContain(all[10]!.slice(0, 12));
    await page.goto(`${origin}/models/compare?a=x&b=x`);
    await page.goto(`${origin}/playground`);
    await page.waitForSelector('#context');
    await page.goto(`${origin}/bot`);
    await page.waitForTimeout(300);
    expect(counted.hits).toEqual([]);
    expect(errors).toEqual([]);
    const download = await page.request.get(`${origin}/person/${people[0]!}/data.json`);
    expect(download.headers()['content-disposition']).toMatch(/^attachment; filename="[\w.-]+"$/);
    // an answer is never taken for a page
    const answer = await page.request.get(`${origin}/api/thread?chat=${group}&end=first`);
    expect(answer.headers()['content-type']).toContain('application/json');
  });
}

test('control: a page that puts the same texts in as HTML does run them', async () => {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(request.url?.includes(beacon) === true ? '' : '<!doctype html><title>control</title><main></main>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const page = await (await profile()).newPage();
  const counted = countHits(page);
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  // one by one, so that no payload swallows the next
  for (let from = 0; from < all.length; from += 20) {
    const some = JSON.stringify(all.slice(from, from + 20).filter((text) => !text.includes('http-equiv')));
    await page.evaluate(`{
      const texts = ${some};
      for (const text of texts) {
        const box = document.createElement('div');
        document.querySelector('main').append(box);
        box.innerHTML = text;
      }
    }`);
  }
  await expect
    .poll(() => new Set(counted.hits.map((url) => url.slice(url.indexOf(beacon)))).size, { timeout: 10_000 })
    .toBeGreaterThan(50);
});
