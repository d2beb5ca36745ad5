/**
 * Every page in the dark and in the light, on a phone and on a desk: axe-core finds nothing serious or critical, nothing is
 * wider than the window. With SCREENSHOTS=docs/screenshots the pictures of docs/review.md are made anew.
 * Run: npm run build && npx vitest run test/review/a11y.test.ts
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { closeBrowser, profile, review } from './support.ts';
import { addDemoChat, addSmallChats } from './sample.ts';

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

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [320, 1440]) {
    test(`${colorScheme}, ${width} px wide`, { timeout: 240_000 }, async () => {
      const place = await review({ parts: { timezone: 'Europe/London', personaName: 'Juno' } });
      const chats = { sample: await addDemoChat(place.store), ...addSmallChats(place.store) };
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
      const look = async (name: string): Promise<void> => {
        expect(await findings(page), name).toEqual([]);
        const isWider = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
        expect(isWider, `${name} is wider than the window`).toBe(false);
        if (screenshots !== undefined)
          await page.screenshot({ path: join(screenshots, `${name}-${colorScheme}-${width}.png`) });
      };
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
    });
  }
}
