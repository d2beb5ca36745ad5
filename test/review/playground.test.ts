/**
 * The playground in a browser, with a real worker and a real network of random weights: sending, what was weighed, the settings'
 * effect, marks, and words that teach: they are in tonight's dataset, and nothing that a model wrote is.
 * Run: npm run build && npx vitest run test/review/playground.test.ts
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { snapshot } from '../../src/nightly/snapshot.ts';
import { openPlayground, type PlaygroundOptions } from '../../src/reply/playground.ts';
import { keepLesson } from '../../src/review/lessons.ts';
import type { ReplyAnswer, ReplyQuestion } from '../../src/review/client/playground-types.ts';
import { createLog } from '../../src/util/log.ts';
import { UserError } from '../../src/util/errors.ts';
import { publishRun, sampling } from '../reply/examples.ts';
import { draft, freshDir, put, say } from '../store/support.ts';
import { closeBrowser, isComplaint, loggedIn, post, profile, review, type Review } from './support.ts';

afterAll(closeBrowser);

/** For what a worker has to do first: others use this machine too. */
const patience = { timeout: 60_000, interval: 50 };

const entry = (run: string, problem: string | null = null) => ({
  run,
  current: run === 'loud',
  served: false,
  verdict: null,
  bitsPerByte: null,
  date: null,
  size: 'tiny',
  quiz: null,
  problem,
});

interface Place extends Review {
  modelsDir: string;
  voice: ReturnType<typeof openPlayground>;
}

async function opened(
  options: Partial<PlaygroundOptions> = {},
  parts: Parameters<typeof review>[0] = {},
): Promise<Place> {
  const modelsDir = freshDir();
  publishRun(modelsDir, 'loud', 1);
  publishRun(modelsDir, 'other', 2);
  const log = createLog('fatal', false);
  const voice = openPlayground({ modelsDir, backend: 'simd', log, check: () => Promise.resolve(), ...options });
  onTestFinished(() => voice.close());
  const place = await review({
    ...parts,
    parts: {
      modelsDir,
      playground: { voice, sampling },
      models: {
        list: () => Promise.resolve([entry('loud'), entry('other'), entry('gone', 'was trained on what is gone')]),
        use: () => Promise.resolve(),
        rollBack: () => Promise.resolve(),
        retrain: () => 'started',
      },
      ...parts.parts,
    },
  });
  return { ...place, modelsDir, voice };
}

async function look(place: Place): Promise<Page> {
  const page = await (await profile()).newPage();
  await page.goto(place.server.link());
  await page.waitForSelector('#logout');
  const complaints: string[] = [];
  page.on('console', (line) => isComplaint(line) && complaints.push(line.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  onTestFinished(() => expect(complaints).toEqual([]));
  await page.goto(`${place.origin}/playground`);
  await page.waitForSelector('#playground');
  return page;
}

async function send(page: Page, text: string): Promise<void> {
  const before = await page.locator('.play-turn.you').count();
  await page.fill('#line', text);
  await page.keyboard.press('Enter');
  await page.locator('.play-turn.you').nth(before).waitFor(patience);
  await page.waitForSelector('#weighed:not([hidden]) .candidates', patience);
}

const ask = (changes: Partial<ReplyQuestion> = {}): ReplyQuestion => ({
  run: 'loud',
  chatId: null,
  turns: [{ who: 'you', text: 'hello there' }],
  seed: 5,
  sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 },
  disliked: [],
  ...changes,
});

async function answered(place: Place, cookie: string, question: ReplyQuestion): Promise<ReplyAnswer> {
  const response = await post(place.origin, '/api/playground/reply', question, { Cookie: cookie });
  expect(response.status).toBe(200);
  return (await response.json()) as ReplyAnswer;
}

test(
  'a candidate with a word that nobody wrote stands behind one without, and says so',
  { timeout: 120_000 },
  async () => {
    const place = await opened();
    const cookie = await loggedIn(place);
    const wild = ask({ sampling: { ...ask().sampling, temperature: 2 } });
    const before = (await answered(place, cookie, wild)).candidates.filter(({ scores }) => scores !== null);
    publishRun(place.modelsDir, 'read', 1, new Uint32Array(0)); // the same network, which says that it has read nothing
    const { candidates } = await answered(place, cookie, { ...wild, run: 'read' });
    const after = candidates.filter(({ scores }) => scores !== null);
    const isBehind = after.map(({ why }) => /^Nobody writes “.+”\.$/.test(why));
    const first = isBehind.indexOf(true);
    expect(first).toBeGreaterThan(0);
    expect(isBehind.lastIndexOf(false)).toBe(first - 1);
    expect(after[0]!.isChosen).toBe(true);
    expect(after[first]!.scores!.score).toBeGreaterThan(after[0]!.scores!.score);
    expect(after[first]!.seed).toBe(before[0]!.seed);
    const scored = (of: typeof after) => new Map(of.map(({ seed, scores }) => [seed, scores]));
    expect(scored(after)).toEqual(scored(before));
  },
);

test('a line is answered; what was weighed is there by keys alone', { timeout: 240_000 }, async () => {
  const place = await opened();
  const page = await look(place);
  expect(await page.locator('#run option').allInnerTexts()).toEqual([
    expect.stringContaining('loud, tiny (speaks now)'),
    expect.stringContaining('other'),
  ]); // and not the one that may not speak
  expect(place.voice.isLoaded()).toBe(false); // opening the page loads nothing
  await send(page, 'hello there');
  expect(place.voice.isLoaded()).toBe(true);
  const bubbles = await page.locator('.play-turn.persona .bubble').allInnerTexts();
  expect(bubbles.length).toBeGreaterThan(0);
  const rows = page.locator('table.candidates tbody tr');
  expect(await rows.count()).toBeGreaterThanOrEqual(4);
  expect(await page.locator('.candidates tr.taken').innerText()).toContain('Chosen');
  for (const why of await rows.locator('td.why').allInnerTexts()) expect(why).toMatch(/^[A-Z].*\.$/);

  // token by token with the arrow keys; what else could have stood there is below
  const tokens = page.locator('.token-button');
  const count = await tokens.count();
  expect(count).toBeGreaterThan(1);
  expect(await page.locator('.token-button[tabindex="0"]').count()).toBe(1);
  await tokens.first().focus();
  const first = await page.locator('.choices').innerText();
  await page.keyboard.press('ArrowRight');
  expect(await page.locator('.choices').innerText()).not.toBe(first);
  expect(await page.evaluate(`document.activeElement === document.querySelectorAll('.token-button')[1]`)).toBe(true);
  expect(await tokens.nth(1).innerText()).toMatch(/ %$/);
  await page.keyboard.press('End');
  expect(await tokens.last().getAttribute('aria-current')).toBe('true');
  expect(await page.locator('.choices tbody tr').count()).toBe(6);
  await tokens.first().hover();
  expect(await page.locator('.choices').innerText()).toBe(first);
  // nothing was stored: neither what was said, nor what came back
  expect(place.store.messages.count()).toBe(0);
});

test('probabilities are of one distribution; candidates are those of a chat', { timeout: 240_000 }, async () => {
  const place = await opened();
  const cookie = await loggedIn(place);
  const answer = await answered(place, cookie, ask());
  expect(answer.tokens.length).toBeGreaterThan(0);
  for (const { probability, drawn, others } of answer.tokens) {
    const sum = (of: 'probability' | 'drawn', own: number): number => others.reduce((all, each) => all + each[of], own);
    expect(probability).toBeGreaterThan(0);
    expect(sum('probability', probability)).toBeLessThanOrEqual(1 + 1e-6);
    expect(sum('drawn', drawn)).toBeLessThanOrEqual(1 + 1e-6);
    expect(others).toHaveLength(5);
    expect([...others].sort((a, b) => b.probability - a.probability)).toEqual(others);
  }
  const ranked = answer.candidates.filter(({ scores }) => scores !== null);
  const scores = ranked.map((candidate) => candidate.scores!.score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  expect(answer.candidates.filter(({ isChosen }) => isChosen).length).toBeLessThanOrEqual(1);
  // the same question has the same answer
  const again = await answered(place, cookie, ask());
  expect(again.candidates).toEqual(answer.candidates);
  expect(again.tokens).toEqual(answer.tokens);
});

test('with the same seed the settings change what is said, and how likely it was', { timeout: 240_000 }, async () => {
  const place = await opened();
  const cookie = await loggedIn(place);
  const usual = await answered(place, cookie, ask());
  const texts = ({ candidates }: ReplyAnswer) => candidates.map(({ bubbles }) => bubbles.join('\n'));
  const hot = await answered(place, cookie, ask({ sampling: { ...ask().sampling, temperature: 4 } }));
  expect(texts(hot)).not.toEqual(texts(usual));
  // greedy: every candidate is the same, each token certain
  const greedy = await answered(place, cookie, ask({ sampling: { ...ask().sampling, temperature: 0 } }));
  expect(greedy.candidates.filter(({ scores }) => scores !== null).length).toBeLessThanOrEqual(1);
  for (const { drawn, others } of greedy.tokens) {
    expect(drawn).toBe(1);
    expect(others.every((other) => other.drawn === 0)).toBe(true);
  }
  // what top-k leaves over is drawn more often, and the rest is cut off
  const cut = await answered(place, cookie, ask({ sampling: { ...ask().sampling, topK: 2 } }));
  for (const { drawn, others } of cut.tokens) {
    expect(others.filter((other) => other.drawn > 0).length).toBeLessThanOrEqual(drawn > 0 ? 1 : 2);
  }
  const other = await answered(place, cookie, ask({ run: 'other' }));
  expect(texts(other)).not.toEqual(texts(usual));
  expect((await answered(place, cookie, ask({ seed: 500 }))).candidates).not.toEqual(usual.candidates);

  const page = await look(place);
  await page.fill('#set-seed', '5');
  await send(page, 'hello there');
  const before = await page.locator('#candidates').innerText();
  await page.fill('#set-temperature', '4');
  await page.click('#again');
  await page.waitForSelector('#before:not([hidden])', patience);
  expect(await page.locator('#candidates').innerText()).not.toBe(before);
  expect(await page.locator('.play-turn.you').count()).toBe(1);
});

test('a candidate that is taken goes on; a bad one comes last here', { timeout: 240_000 }, async () => {
  const place = await opened();
  const page = await look(place);
  await send(page, 'how are you today?');
  const said = page.locator('.play-turn.persona .bubble');
  const first = (await said.allInnerTexts()).join('\n');
  const chosen = page.locator('.candidates tr.taken');
  await chosen.getByRole('button', { name: 'Bad' }).click();
  await expect.poll(async () => (await said.allInnerTexts()).join('\n'), patience).not.toBe(first);
  expect(await page.locator('table.candidates').innerText()).toContain('You said it was bad');
  const other = page.locator('table.candidates tbody tr:not(.taken)').filter({ hasText: 'Take this' }).first();
  const text = (await other.locator('.said').allInnerTexts()).join('\n');
  await other.getByRole('button', { name: 'Take this' }).click();
  await expect.poll(async () => (await said.allInnerTexts()).join('\n'), patience).toBe(text);
  await page.click('#anew');
  expect(await page.locator('.play-turn').count()).toBe(0);
  expect(place.store.messages.count()).toBe(0);
});

const options = (place: Place) => ({ dataDir: place.store.dataDir, speaker: 'me', timezone: 'Europe/Berlin' });

/** What tonight's dataset holds of the playground: text, and whether it is learned. */
const learned = (place: Place): [string, boolean][] =>
  snapshot(options(place))
    .conversations.filter(({ conversation }) => conversation.chatKey === 'playground')
    .flatMap(({ conversation, split }) =>
      conversation.messages.map(({ text, isPersona, isBot }): [string, boolean] => [
        text,
        split === 'train' && isPersona && !isBot,
      ]),
    );

test(
  'what it should have said trains tonight, as its answer; taken back, it is gone',
  { timeout: 240_000 },
  async () => {
    const place = await opened();
    const page = await look(place);
    await send(page, 'shall we eat?');
    const reply = (await page.locator('.play-turn.persona .bubble').allInnerTexts()).join('\n');
    await page.fill('#better-text', 'yes please\nat six');
    await page.getByRole('button', { name: 'Learn this tonight' }).click();
    await expect.poll(() => page.locator('#toast').innerText(), patience).toContain('Tonight Ada learns');
    expect(learned(place)).toEqual([
      ['shall we eat?', false],
      ['yes please', true],
      ['at six', true],
    ]);
    expect(snapshot(options(place)).manifest.corrections).toMatchObject({ learned: 2 });
    expect(JSON.stringify(snapshot(options(place)).conversations)).not.toContain(reply);
    // it stands among the conversations, marked as what it is
    await page.goto(place.origin);
    await page.locator('#chats .chat-name', { hasText: 'Playground' }).click();
    await page.waitForSelector('.message');
    expect(await page.locator('.message.other.context').innerText()).toContain('shall we eat?');
    expect(await page.locator('.message.persona.trains').count()).toBe(2);

    await page.goto(`${place.origin}/playground`);
    await send(page, 'and now?');
    await page.fill('#better-text', 'now too');
    await page.getByRole('button', { name: 'Learn this tonight' }).click();
    await page.click('#take-back');
    await expect.poll(() => page.locator('#toast').innerText(), patience).toContain('erased');
    expect(learned(place).map(([text]) => text)).not.toContain('now too');
  },
);

test('the model never learns from itself, nor a command, nor without consent', { timeout: 240_000 }, async () => {
  const place = await opened();
  const cookie = await loggedIn(place);
  const answer = await answered(place, cookie, ask());
  const better = (replyId: string, text: string) =>
    post(place.origin, '/api/playground/better', { replyId, text }, { Cookie: cookie });
  const { bubbles } = answer.candidates.find((candidate) => candidate.bubbles.length > 0)!;
  const own = await better(answer.replyId, bubbles.join('\n').toUpperCase());
  expect(await own.json()).toMatchObject({ error: expect.stringContaining('own words') as string });
  expect((await better(answer.replyId, '!bot off')).status).toBe(400);
  expect((await better(crypto.randomUUID(), 'fine')).status).toBe(400);
  expect(place.store.messages.count()).toBe(0);

  say(place.store, place.owner, 'withdrawn', Date.now());
  const refused = await better(answer.replyId, 'fine, thanks');
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: expect.stringContaining('not agreed') as string });
  expect(place.store.messages.count()).toBe(0);
  expect(place.store.consent.state(place.owner, 'log').state).toBe('withdrawn'); // and nobody agreed on their behalf
});

test('corrections count where review is required, and never measure', async () => {
  const place = await opened();
  const { store } = place;
  const at = Date.UTC(2026, 0, 5);
  for (let week = 0; week < 30; week++) {
    const nowMs = at + week * 7 * 86_400_000;
    keepLesson(
      store,
      { said: [`question ${week}`], better: [`answer ${week}`] },
      { speaker: 'me', reviewRequired: true, nowMs },
    );
  }
  const { conversations, manifest } = snapshot({ ...options(place), reviewRequired: true });
  expect(conversations).toHaveLength(30);
  expect(new Set(conversations.map(({ split }) => split))).toEqual(new Set(['train']));
  // the cap of one chat holds here too
  expect(manifest.corrections).toEqual({ learned: 5, heldOut: 0, beyondCap: 25 });
  expect(manifest.shares.people).toMatchObject([{ isPersona: true, messages: 60, targetMessages: 5 }]);
  // the persona speaks as me: what I said in the other's part is not its voice
  expect(store.messages.countBy(place.owner)).toBe(30);
  expect(store.review.replies.nearest('question', place.owner)).toEqual([]);
  expect(store.review.replies.nearest('answer', place.owner)).not.toEqual([]);
});

test('a stored chat is read first, and only one in which the persona speaks', { timeout: 240_000 }, async () => {
  const place = await opened();
  const { store, chat, contact, owner } = place;
  put(store, draft(chat, contact, 'are you there?', { waId: 'q1', timestampMs: 1000 }));
  put(store, draft(chat, owner, 'yes', { waId: 'q2', fromMe: true, timestampMs: 2000 }));
  const cookie = await loggedIn(place);
  const tokensRead = ({ said }: ReplyAnswer): number => Number(/(\d+) tokens/.exec(said)![1]);
  const alone = await answered(place, cookie, ask());
  const after = await answered(place, cookie, ask({ chatId: chat }));
  expect(tokensRead(after)).toBeGreaterThan(tokensRead(alone) + 2);
  expect(after.candidates).not.toEqual(alone.candidates);
  const page = await look(place);
  expect(await page.locator('#context option').allInnerTexts()).toEqual(['nothing', 'Ben']);
  say(store, contact, 'withdrawn', Date.now());
  expect(tokensRead(await answered(place, cookie, ask({ chatId: chat })))).toBe(tokensRead(alone));
  const missing = await post(place.origin, '/api/playground/reply', ask({ chatId: 999 }), { Cookie: cookie });
  expect(missing.status).toBe(400);
});

test('a run that saw what is gone is refused, and one that is erased is let go', { timeout: 240_000 }, async () => {
  const refusal = new UserError(
    'Run other: was trained on messages that changed or are gone since.',
    'Choose another.',
  );
  const asked: string[] = [];
  const place = await opened({
    check: (run) => {
      asked.push(run);
      return run === 'other' ? Promise.reject(refusal) : Promise.resolve();
    },
  });
  const cookie = await loggedIn(place);
  const refused = await post(place.origin, '/api/playground/reply', ask({ run: 'other' }), { Cookie: cookie });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toEqual({ error: refusal.message, hint: refusal.hint });
  expect(place.voice.isLoaded()).toBe(false);
  await answered(place, cookie, ask());
  await answered(place, cookie, ask());
  expect(asked).toEqual(['other', 'loud']); // what was said a moment ago still counts
  rmSync(join(place.parts.modelsDir, 'runs', 'loud'), { recursive: true });
  const erased = await post(place.origin, '/api/playground/reply', ask(), { Cookie: cookie });
  expect(erased.status).toBe(400);
  expect(await erased.json()).toMatchObject({ error: expect.stringContaining('no such run') as string });
});

test('the worker is gone after some idle time, and comes back when asked', { timeout: 240_000 }, async () => {
  const place = await opened({ idleMs: 50 });
  const cookie = await loggedIn(place);
  const first = await answered(place, cookie, ask());
  await expect.poll(() => place.voice.isLoaded(), patience).toBe(false);
  expect((await answered(place, cookie, ask())).candidates).toEqual(first.candidates);
});

test.each([
  ['no turns', { turns: [] }],
  ['the last turn is the persona’s', { turns: [{ who: 'persona', text: 'hi' }] }],
  ['a path for a run', { run: '../current' }],
  ['a temperature without bounds', { sampling: { ...ask().sampling, temperature: 50 } }],
  ['a name that nobody knows', { extra: 1 }],
] as const)('a question with %s is refused', async (_, changes) => {
  const place = await opened();
  const cookie = await loggedIn(place);
  const response = await post(place.origin, '/api/playground/reply', { ...ask(), ...changes }, { Cookie: cookie });
  expect(response.status).toBe(400);
  expect(place.voice.isLoaded()).toBe(false);
});
