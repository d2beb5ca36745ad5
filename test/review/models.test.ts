/**
 * Models on the page, driven in a browser against `persona review` itself with two real nights: choosing who speaks, going back,
 * training now, curves, the report card and two runs side by side; and a run whose name and samples are hostile.
 * Run: npm run build && npx vitest run test/review/models.test.ts
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { readCurrent } from '../../src/checkpoint/current.ts';
import { writeReportCard } from '../../src/nightly/report/card.ts';
import { exchangesOf, parseCard, parseInline, plainOf } from '../../src/review/card-markdown.ts';
import { runningCurve } from '../../src/review/curve.ts';
import { openStore } from '../../src/store/store.ts';
import { message, night, sample } from '../nightly/report/night.ts';
import { startPersona, type Running } from '../support/cli.ts';
import { twoNights, type Nights } from './nights.ts';
import { browser, closeBrowser, isComplaint } from './support.ts';

let nights: Nights;
let program: Running;
let page: Page;
let origin: string;
/** what the page's own scripts failed at, and what its policy refused */
const complaints: string[] = [];

beforeAll(async () => {
  nights = await twoNights();
  program = startPersona(nights, ['review', '--json']);
  await program.shows(/"link":"[^"]+"/);
  const { link } = JSON.parse(/\{.*\}/.exec(program.output())![0]) as { link: string };
  page = await (await browser()).newPage();
  page.on('console', (line) => isComplaint(line) && complaints.push(line.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  origin = new URL(link).origin;
  await page.goto(link);
  await page.waitForSelector('#logout');
}, 240_000);

afterAll(async () => {
  await program?.stop();
  await closeBrowser();
  nights?.remove();
});

const serving = (): string | undefined => readCurrent(nights.modelsDir)?.run;
const row = (run: string) => page.locator(`tr:has(a[href="/models/${run}"])`);

test('another run speaks when it is told to, and the one before again', { timeout: 60_000 }, async () => {
  const [first, second] = nights.runs;
  await page.goto(`${origin}/models`);
  expect(await row(second).innerText()).toContain('speaks now');
  await row(first).getByRole('button', { name: 'Let it speak' }).click();
  await row(first).getByText('speaks now').waitFor();
  expect(serving()).toBe(first);
  await page.getByRole('button', { name: 'Back to the one before' }).click();
  await row(second).getByText('speaks now').waitFor();
  expect(serving()).toBe(second);
});

test('the curve is drawn, and stands as a picture and in numbers without the script', async () => {
  const [, run] = nights.runs;
  complaints.splice(0);
  await page.goto(`${origin}/models/${run}`);
  await page.waitForSelector('.plot canvas');
  const coloured = await page.evaluate<number>(`(() => {
    const canvas = document.querySelector('.plot canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let drawn = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] > 0) drawn++;
    return drawn;
  })()`);
  expect(coloured).toBeGreaterThan(1000);
  // the two lines, in their own colours: more than the ink of the axes and the grid
  const colours = await page.evaluate<number[]>(`(() => {
    const canvas = document.querySelector('.plot canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return ['training', 'validation'].map((name) => {
      const [r, g, b] = getComputedStyle(document.querySelector('.swatch.' + name)).color.match(/\\d+/g).map(Number);
      let found = 0;
      for (let at = 0; at < data.length; at += 4)
        if (data[at] === r && data[at + 1] === g && data[at + 2] === b && data[at + 3] === 255) found++;
      return found;
    });
  })()`);
  for (const found of colours) expect(found).toBeGreaterThan(20);
  await page.locator('details.numbers summary').click();
  const rows = readFileSync(join(nights.modelsDir, 'runs', run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const validations = rows.map((line) => JSON.parse(line) as { validationNats: number | null });
  const lowest = Math.min(...validations.flatMap(({ validationNats }) => validationNats ?? []));
  expect(await page.locator('details.numbers').innerText()).toContain(lowest.toFixed(3));
  expect(complaints).toEqual([]); // uPlot keeps to the policy: no inline style, no HTML from text

  const plain = await (await browser()).newContext({ javaScriptEnabled: false });
  await plain.addCookies(await page.context().cookies());
  const still = await plain.newPage();
  await still.goto(`${origin}/models/${run}`);
  expect(await still.locator('figure.curve img').isVisible()).toBe(true);
  expect(await still.locator('.plot').isVisible()).toBe(false);
  await plain.close();
});

test('the report card is headings, tables and quotes, with all that its file says', async () => {
  const [, run] = nights.runs;
  const card = readFileSync(join(nights.modelsDir, 'runs', run, 'report.md'), 'utf8');
  await page.goto(`${origin}/models/${run}`);
  const headings = await page.locator('article.card h2').allInnerTexts();
  expect(headings).toEqual([...card.matchAll(/^## (.*)$/gm)].map(([, title]) => title));
  expect(await page.locator('article.card table').count()).toBe(card.match(/^\| --- /gm)!.length);
  expect(await page.locator('article.card blockquote').count()).toBe(card.match(/^### /gm)!.length);
  expect(await page.locator('article.card pre').count()).toBe(0);
  const shown = await page.locator('article.card').innerText();
  const words = parseCard(card).flatMap((block) => (block.kind === 'paragraph' ? [plainOf(block.content)] : []));
  for (const sentence of words) expect(shown).toContain(sentence);
  expect(shown).not.toContain('**');
});

test('two runs are shown side by side, the real reply above', async () => {
  const [first, second] = nights.runs;
  await page.goto(`${origin}/models`);
  await page.selectOption('#a', first);
  await page.selectOption('#b', second);
  await page.getByRole('button', { name: 'Compare what they say' }).click();
  await page.waitForURL(/compare\?/);
  const cards = [first, second].map((run) =>
    exchangesOf(parseCard(readFileSync(join(nights.modelsDir, 'runs', run, 'report.md'), 'utf8'))),
  );
  const common = cards[0]!.filter(({ key }) => cards[1]!.some((other) => other.key === key));
  expect(common.length).toBeGreaterThan(3); // the same weeks are held out on both nights
  const [exchange] = common;
  const shown = page.locator('.exchange').first();
  const sampled = cards.map((card) => plainOf(card.find(({ key }) => key === exchange!.key)!.sampled));
  const beside = await shown.locator('.beside .bubble').allInnerTexts();
  expect(beside.map((text) => text.trim())).toEqual(sampled);
  expect((await shown.locator('.real .bubble').innerText()).trim()).toBe(plainOf(exchange!.real));
  const figures = await page.locator('table').first().innerText();
  for (const run of [first, second]) expect(figures).toContain(run);
  expect(figures).toMatch(/Bits per byte[^\n]*\d\.\d{3}\s+\d\.\d{3}/);
  // the run that learned from a base is the better one, and the page says so
  const [, a, b] = /Bits per byte[^\n]*?(\d\.\d{3})\s+(\d\.\d{3})/.exec(figures)!;
  expect(Number(b)).toBeLessThan(Number(a));
  await page.selectOption('#b', first);
  await page.getByRole('button', { name: 'Compare what they say' }).click();
  await expect.poll(() => page.locator('#toast').innerText(), { timeout: 20_000 }).toContain('two different runs');
});

test('a run that nobody has is not found, whatever it is called', async () => {
  for (const path of ['/models/nobody', '/models/..%2f..%2fdata', `/models/compare?a=${nights.runs[0]}&b=nobody`]) {
    expect((await page.goto(`${origin}${path}`))!.status()).toBe(404);
  }
  expect((await page.goto(`${origin}/models/compare?a=<b>&b=c`))!.status()).toBe(400);
});

test('hostile names and samples stay text', async () => {
  const attack = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
  const [, run] = nights.runs;
  const hostile = join(nights.modelsDir, 'runs', 'hostile');
  mkdirSync(hostile);
  mkdirSync(join(nights.modelsDir, 'runs', '"><svg onload=document.title=1>'));
  const text = `${attack} **bold** | cell | \\ \`code\` [link](javascript:alert(1)) &#60;b&#62; <!-- x -->`;
  const samples = [
    sample({ context: [message(text)], real: [text, '\u202edrow'], sampled: [`# ${text}`, '| a | b |'] }),
  ];
  writeReportCard(hostile, night({ run: 'hostile', reason: text, samples }));
  writeFileSync(join(hostile, 'metrics.jsonl'), '{"step":1}\nnot JSON\n');
  await page.goto(`${origin}/models/hostile`);
  expect(await page.title()).toContain('Run hostile');
  expect(await page.locator('article.card img, article.card script, article.card a, article.card svg').count()).toBe(0);
  const cell = page.locator('article.card table').last().locator('td');
  expect((await cell.nth(0).innerText()).split('\n')).toEqual([text, '[U+202E]drow']);
  expect((await cell.nth(1).innerText()).split('\n')).toEqual([`# ${text}`, '| a | b |']);
  expect((await page.locator('article.card blockquote p').innerText()).trim()).toBe(`other: ${text}`);
  await page.goto(`${origin}/models/compare?a=hostile&b=${run}`);
  expect(await page.locator('.exchange').first().innerText()).toContain(attack);
  await page.goto(`${origin}/models`);
  expect(await page.locator('main').innerText()).toContain('"><svg onload');
  expect(await page.locator('main svg, main img').count()).toBe(0);
  expect(await page.title()).toBe('Models - persona');
});

test('a card is read as its writer meant it', () => {
  expect(parseInline('a **b** *c* `d` \\*e\\* &lt;f&gt; &#58;//')).toEqual([
    { kind: 'text', text: 'a ' },
    { kind: 'strong', content: [{ kind: 'text', text: 'b' }] },
    { kind: 'text', text: ' ' },
    { kind: 'emphasis', content: [{ kind: 'text', text: 'c' }] },
    { kind: 'text', text: ' ' },
    { kind: 'code', text: 'd' },
    { kind: 'text', text: ' *e* <f&gt; ://' },
  ]);
  expect(plainOf(parseInline('2 * 3 ** 4 `'))).toBe('2 * 3 ** 4 `');
  expect(
    exchangesOf(parseCard('<!-- exchanges [{"context":[1],"real":"x"}] -->\n\n| real | sampled |\n| --- | --- |\n')),
  ).toEqual([]);
});

test('the curve of a training under way is the newest that was saved; a damaged one is none', () => {
  const dir = mkdtempSync(join(tmpdir(), 'persona-curve-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  expect(runningCurve(dir)).toBeUndefined();
  const rows = [0, 10].map((step) => ({
    step,
    epoch: 0,
    lossNats: step === 0 ? null : 4,
    validationNats: 5 - step / 10,
  }));
  const save = (way: string, text: string, atSeconds: number): void => {
    const folder = join(dir, 'training', way);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'state.json'), text);
    utimesSync(join(folder, 'state.json'), atSeconds, atSeconds);
  };
  save('gentle', JSON.stringify({ format: 1, curve: [...rows, { ...rows[1], step: 20 }] }), 1000);
  save('strong', JSON.stringify({ format: 1, curve: rows }), 2000);
  mkdirSync(join(dir, 'training', 'gentle.finished'));
  expect(runningCurve(dir)).toEqual({ steps: [0, 10], training: [null, 4], validation: [5, 4] });
  save('strong', '{"curve":[{"step":', 3000);
  expect(runningCurve(dir)).toBeUndefined();
});

test('training now: the bar moves, and the new run stands in the list', { timeout: 400_000 }, async () => {
  await page.goto(`${origin}/models`);
  const before = await page.locator('tbody tr').count();
  // without one message there is something to learn anew, or the night would be skipped
  const store = openStore(nights.dataDir);
  const chat = store.chats.list()[0]!.id;
  const [oldest] = store.messages.recent(chat, 10_000);
  store.messages.erase(chat, oldest!.waId);
  store.close();
  // long enough to be watched
  const file = join(nights.personaDir, 'persona.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as { training: object };
  writeFileSync(file, JSON.stringify({ ...config, training: { ...config.training, maxMinutes: 0.4 } }));
  complaints.splice(0);
  await page.getByRole('button', { name: 'Train now' }).click();
  await page.waitForSelector('#training:not([hidden])', { timeout: 90_000 });
  const bar = page.locator('#training progress');
  await expect.poll(() => bar.getAttribute('value'), { timeout: 120_000, interval: 100 }).not.toBeNull();
  expect(Number(await bar.getAttribute('value'))).toBeLessThanOrEqual(1);
  expect(await page.locator('#phase').innerText()).toMatch(/^(starting|training|measuring|listening|reading|learning)/);
  expect(await page.locator('#night').innerText()).toContain('Training');
  await expect
    .poll(() => page.locator('tbody tr').count(), { timeout: 240_000, interval: 500 })
    .toBeGreaterThan(before);
  expect(await page.locator('#training').isVisible()).toBe(false);
  expect(complaints).toEqual([]);
});
