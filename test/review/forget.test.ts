/**
 * Forgetting from the page to the last file: the real `persona review`, its page in a real browser, the name typed, the real
 * `persona forget` as its child, and the receipt in the page. Rows, copies and the model that saw them are gone after it.
 * Run: npm run build && npx vitest run test/review/forget.test.ts
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { readCurrent } from '../../src/checkpoint/current.ts';
import { makeHome, startPersona } from '../support/cli.ts';
import { expectForgotten, forgetWorld } from '../nightly/forget-world.ts';
import { closeBrowser, profile } from './support.ts';

afterAll(closeBrowser);

test('a person is forgotten from the page', { timeout: 240_000 }, async () => {
  const world = await forgetWorld(80);
  const made = makeHome({ DATA_DIR: world.dataDir, MODELS_DIR: world.modelsDir });
  onTestFinished(() => made.remove());
  writeFileSync(join(made.personaDir, 'persona.json'), JSON.stringify({ name: 'Ida', training: { size: 'nano' } }));
  expect(world.holding()).not.toEqual([]);
  const server = startPersona(made, ['review']);
  onTestFinished(() => void server.child.kill('SIGKILL'));
  await server.shows(/http:\/\/127\.0\.0\.1:\d+\/#[\w-]{43}/);
  const [link] = /http:\/\/127\.0\.0\.1:\d+\/#[\w-]{43}/.exec(server.output())!;

  const page = await (await profile()).newPage();
  await page.goto(link);
  await page.waitForSelector('#chats li');
  await page.click('nav >> text=People');
  await page.click('.chat-name:has-text("Anna Quartermain")');
  await page.waitForSelector('h1:has-text("Anna Quartermain")');
  await page.click('[data-people=forget]');
  await page.waitForSelector('dialog input:focus');
  await page.keyboard.type('Anna');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.locator('#toast').innerText()).toContain('That is not the name');
  expect(readCurrent(world.modelsDir)?.run).toBe('saw');
  await page.click('[data-people=forget]');
  await page.waitForSelector('dialog input:focus');
  await page.keyboard.type('anna quartermain');
  await page.keyboard.press('Enter');

  await page.waitForSelector('.receipt', { timeout: 120_000 });
  const receipt = await page.locator('.receipt').innerText();
  expect(receipt).toContain('80 messages, 1 answers of the bot');
  expect(receipt).toContain('1 models that saw them were removed; clean speaks now.');
  expect(receipt).not.toMatch(/Anna|Quartermain|zebrafish|4911/);
  expect(await page.locator('#people').innerText()).not.toContain('Anna');
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/Anna|zebrafish|4911/);

  expectForgotten(world);
  expect(readCurrent(world.modelsDir)).toEqual({ run: 'clean', previous: [] });
  expect(readdirSync(join(world.modelsDir, 'runs'))).toEqual(['clean']);
});
