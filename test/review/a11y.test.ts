/**
 * Every page in the dark and in the light, on a phone and on a desk: axe-core finds nothing serious or critical, nothing is
 * wider than the window. With SCREENSHOTS=docs/screenshots the pictures of docs/review.md are made anew.
 * Run: npm run build && npx vitest run test/review/a11y.test.ts
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Page } from 'playwright-core';
import { sample } from '../../scripts/sample.ts';
import { listModels } from '../../src/nightly/models.ts';
import { openPlayground } from '../../src/reply/playground.ts';
import { createLink } from '../../src/review/link.ts';
import { createLog } from '../../src/util/log.ts';
import { twoNights, type Nights } from './nights.ts';
import { closeBrowser, profile, review, type ReviewSetup } from './support.ts';
import { addDemoChat, addReply, addSmallChats } from './sample.ts';

afterAll(closeBrowser);

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screenshots = process.env['SCREENSHOTS'];

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Serious and critical findings, as sentences. */
async function findings(page: Page): Promise<string[]> {
  const violations = await page.evaluate<Violation[]>(
    'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)',
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`);
}

/** A dialog is gone a moment after Escape: only then do the page's keys count again. */
async function closed(page: Page): Promise<void> {
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
}

/** No finding, nothing wider than the window, and a picture where one is wished. */
function looker(page: Page, kind: string): (name: string) => Promise<void> {
  return async (name) => {
    expect(await findings(page), name).toEqual([]);
    const isWider = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
    expect(isWider, `${name} is wider than the window`).toBe(false);
    if (screenshots !== undefined) await page.screenshot({ path: join(screenshots, `${name}-${kind}.png`) });
  };
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [320, 1440]) {
    test(`${colorScheme}, ${width} px wide`, { timeout: 240_000 }, async () => {
      const link = createLink(Date.now);
      link.onState('ready');
      const place = await review({ link, parts: { timezone: 'Europe/London', personaName: 'Juno' } });
      const chats = { sample: await addDemoChat(place.store), ...addSmallChats(place.store) };
      addReply(place.store, chats.sample);
      // axe is put in by the test: the page's own rules would not let it
      const context = await profile({
        colorScheme,
        viewport: { width, height: width === 320 ? 640 : 900 },
        bypassCSP: true,
      });
      await context.addInitScript(axe);
      const page = await context.newPage();
      await page.goto(place.server.link());
      await page.waitForSelector('#chats li');
      const look = looker(page, `${colorScheme}-${width}`);
      await look('conversations');
      await page.fill('#search', 'pickle');
      await page.waitForSelector('#hits mark');
      await look('search');
      await page.goto(`${place.origin}/chat/${chats.sample}`);
      await page.waitForSelector('.message');
      await page.keyboard.press('k');
      await page.keyboard.press('Shift+K');
      await look('thread');
      await page.keyboard.press('t');
      await page.waitForSelector('dialog .token');
      await look('tokens');
      await closed(page);
      await page.keyboard.press('?');
      await page.waitForSelector('dialog table');
      await look('keys');
      await closed(page);
      await page.keyboard.press('o');
      await page.waitForSelector('dialog');
      await look('leave-out');
      await page.goto(`${place.origin}/chat/${chats.arabic}`);
      await page.waitForSelector('.message');
      await look('arabic');
      await page.goto(`${place.origin}/chat/${chats.group}`);
      await page.waitForSelector('.message');
      await look('group');
      await page.goto(`${place.origin}/people`);
      await look('people');
      await page.click('.chat-name:has-text("Elias")');
      await page.waitForSelector('table');
      await look('person');
      await page.click('[data-people=forget]');
      await page.waitForSelector('dialog');
      await look('forget');
      await page.goto(`${place.origin}/bot`);
      await page.waitForSelector('.link.ok');
      await look('bot');
      await page.click('summary');
      await page.waitForSelector('details li');
      await page.locator('summary').scrollIntoViewIfNeeded();
      await look('why');
      await page.click('[data-quiet=everywhere]');
      await page.waitForSelector('dialog');
      await look('quiet-hours');
      await closed(page);
      await page.click('#caps');
      await page.waitForSelector('dialog');
      await look('caps');
      await closed(page);
      link.onState('pairing');
      link.onQr(`2@${'kH7xq'.repeat(40)},invented==`);
      await page.waitForSelector('.qr');
      await page.evaluate('scrollTo(0, 0)');
      await look('pairing');
    });
  }
}

describe('models and the playground', () => {
  let nights: Nights;
  beforeAll(async () => void (nights = await twoNights()), 400_000);
  afterAll(() => nights?.remove());

  /** With the two nights' runs, the better one speaking, and a training under way. */
  const setup = (): ReviewSetup => {
    const { dataDir, modelsDir } = nights;
    const voice = openPlayground({
      modelsDir,
      backend: 'simd',
      log: createLog('fatal', false),
      check: () => Promise.resolve(),
    });
    onTestFinished(() => voice.close());
    return {
      dir: dataDir,
      parts: {
        modelsDir,
        timezone: sample.timezone,
        personaName: sample.shortName,
        models: {
          list: () => Promise.resolve(listModels({ dataDir, modelsDir, speaker: 'me', timezone: sample.timezone })),
          use: () => Promise.resolve(),
          rollBack: () => Promise.resolve(),
          retrain: () => 'running',
        },
        playground: { voice, sampling: { temperature: 0.6, topK: 0, topP: 0.9, minP: 0, repetitionPenalty: 1 } },
        progress: () => ({ phase: 'training nano on simd, gentle', share: 0.42, secondsLeft: 95 }),
      },
    };
  };

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [320, 1440]) {
      test(`${colorScheme}, ${width} px wide`, { timeout: 240_000 }, async () => {
        const place = await review(setup());
        const context = await profile({
          colorScheme,
          viewport: { width, height: width === 320 ? 640 : 900 },
          bypassCSP: true,
        });
        await context.addInitScript(axe);
        const page = await context.newPage();
        await page.goto(place.server.link());
        await page.waitForSelector('#chats li');
        const look = looker(page, `${colorScheme}-${width}`);
        const [first, second] = nights.runs;
        await page.goto(`${place.origin}/models`);
        await page.locator('#phase', { hasText: 'left' }).waitFor();
        await look('models');
        await page.goto(`${place.origin}/models/${second}`);
        await page.waitForSelector('.plot canvas');
        await look('report-card');
        await page.locator('article.card h2').last().scrollIntoViewIfNeeded();
        await look('report-card-end');
        await page.goto(`${place.origin}/models/compare?a=${first}&b=${second}`);
        await look('compare-figures');
        await page.locator('.exchange').first().scrollIntoViewIfNeeded();
        await page.evaluate(`document.querySelector('.exchange').scrollIntoView()`);
        await look('compare');
        await page.goto(`${place.origin}/playground`);
        await look('playground-empty');
        await page.fill('#line', 'Did Pickle behave while you were out?');
        await page.keyboard.press('Enter');
        await page.waitForSelector('.token-button');
        await page.locator('.token-button').nth(1).focus();
        await look('playground');
        await page.locator('#candidates').scrollIntoViewIfNeeded();
        await look('playground-candidates');
      });
    }
  }
});
