/**
 * Playground: talk to any run that may speak, see what it weighed and how the settings change that, and write what it should
 * have said. Drawn by client/playground.ts. Nothing said here is stored but what somebody asks to be learned.
 */
import { randomUUID } from 'node:crypto';
import { html } from 'hono/html';
import { z } from 'zod';
import { UserError } from '../../util/errors.ts';
import type { LessonAnswer } from '../client/playground-types.ts';
import { parsed } from '../input.ts';
import { page, type Html } from '../layout.ts';
import { keepLesson, takeLessonBack } from '../lessons.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import { namesOf, visible } from './conversations-names.ts';
import { playgroundAnswers } from './playground-answers.ts';

const longest = 4000;
const text = z.string().trim().min(1).max(longest);
const seed = z.int().nonnegative().max(0xffff_ffff);
const replyBody = z.strictObject({
  run: z.string().regex(/^[\w-]{1,80}$/),
  chatId: z.int().positive().nullable(),
  turns: z
    .array(z.strictObject({ who: z.enum(['you', 'persona']), text }))
    .min(1)
    .max(100)
    .refine((turns) => turns.at(-1)?.who === 'you'),
  seed,
  // the same bounds as in persona.json
  sampling: z.strictObject({
    temperature: z.number().min(0).max(5),
    topK: z.int().min(0).max(100_000),
    topP: z.number().gt(0).max(1),
    minP: z.number().min(0).max(1),
    repetitionPenalty: z.number().min(1).max(10),
  }),
  disliked: z.array(z.array(z.string().max(longest)).max(8)).max(100),
});
const replyId = z.uuid();
const tokensBody = z.strictObject({ replyId, seed });
const betterBody = z.strictObject({ replyId, text });
const backBody = z.strictObject({ lessonId: z.uuid() });

const chatsShown = 50;
/** lessons that can be taken back here; later they can be rejected in their conversation */
const lessonsKnown = 100;

export function addPlayground(app: App, parts: ReviewParts): void {
  const { store, models, playground, personaName, speaker, reviewRequired } = parts;
  const answers = playgroundAnswers(parts);
  const lessons = new Map<string, readonly string[]>();

  app.get('/playground', async (c) => {
    const runs = (await models.list()).filter(({ problem }) => problem === null);
    const names = namesOf(parts);
    const stored = store.review.chats.list({ limit: chatsShown }).chats;
    const chats = stored
      .filter(({ people, sealed }) => sealed !== 'all' && people.some(({ personId }) => personId === names.persona))
      .map((chat) => ({ id: chat.id, name: names.chat(chat) }));
    return c.html(
      page(
        { title: 'Playground', place: '/playground', scripts: ['playground'] },
        runs.length === 0
          ? html`<h1>Playground</h1>
              <p>There is no model to talk to yet. <a href="/models">Training</a> makes the first.</p>`
          : playgroundPage({ runs, chats, personaName, sampling: playground.sampling }),
      ),
    );
  });

  app.post('/api/playground/reply', async (c) => {
    const question = await parsed(c, replyBody);
    const isKnown = question.chatId === null || store.chats.list().some(({ id }) => id === question.chatId);
    if (!isKnown) throw new UserError('This conversation is not here any more.', 'Choose another.');
    return c.json(await answers.reply(question));
  });

  app.post('/api/playground/tokens', async (c) => {
    const body = await parsed(c, tokensBody);
    return c.json(await answers.tokens(body.replyId, body.seed));
  });

  app.post('/api/playground/better', async (c) => {
    const body = await parsed(c, betterBody);
    const { said, candidates } = answers.exchange(body.replyId);
    const better = linesOf(body.text);
    if ([...said, ...better].some((line) => line.startsWith('!'))) {
      throw new UserError('A line that begins with ! is a command, and no command is learned.', 'Write it without.');
    }
    const whole = plain(better.join(' '));
    if (candidates.some(({ bubbles }) => plain(bubbles.join(' ')) === whole)) {
      throw new UserError(
        'These are the model’s own words, and it learns nothing from itself.',
        'Write it in your own words.',
      );
    }
    const kept = keepLesson(store, { said, better }, { speaker, reviewRequired, nowMs: Date.now() });
    const lessonId = randomUUID();
    lessons.set(lessonId, kept);
    for (const old of [...lessons.keys()].slice(0, -lessonsKnown)) lessons.delete(old);
    const answer: LessonAnswer = { lessonId, said: `Kept. Tonight ${personaName} learns to say it your way.` };
    return c.json(answer);
  });

  app.post('/api/playground/take-back', async (c) => {
    const { lessonId } = await parsed(c, backBody);
    const kept = lessons.get(lessonId);
    lessons.delete(lessonId);
    if (kept === undefined || !takeLessonBack(store, kept)) {
      throw new UserError('It is not there any more.', 'Look in Conversations, under Playground.');
    }
    return c.json({ said: 'Taken back: it is erased.' });
  });
}

const linesOf = (written: string): string[] =>
  written
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

const plain = (written: string): string => written.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim();

interface Choices {
  runs: readonly { run: string; current: boolean; size: string | null }[];
  chats: readonly { id: number; name: string }[];
  personaName: string;
  sampling: ReviewParts['playground']['sampling'];
}

interface Setting {
  name: string;
  label: string;
  hint: string;
  value: number;
  min: number;
  max: number;
  step: string;
}

function playgroundPage({ runs, chats, personaName, sampling }: Choices): Html {
  const { temperature, topK, topP, minP = 0, repetitionPenalty } = sampling;
  const settings: readonly Setting[] = [
    {
      name: 'temperature',
      label: 'Temperature',
      hint: '0: always the likeliest',
      value: temperature,
      min: 0,
      max: 5,
      step: '0.05',
    },
    {
      name: 'topK',
      label: 'Top-k',
      hint: 'how many tokens at most; 0: off',
      value: topK,
      min: 0,
      max: 100_000,
      step: '1',
    },
    {
      name: 'topP',
      label: 'Top-p',
      hint: 'the likeliest with this share; 1: off',
      value: topP,
      min: 0.01,
      max: 1,
      step: '0.01',
    },
    {
      name: 'minP',
      label: 'Min-p',
      hint: 'none rarer than this part of the likeliest; 0: off',
      value: minP,
      min: 0,
      max: 1,
      step: '0.01',
    },
    {
      name: 'repetitionPenalty',
      label: 'Repetition penalty',
      hint: '1: off',
      value: repetitionPenalty,
      min: 1,
      max: 10,
      step: '0.05',
    },
    {
      name: 'seed',
      label: 'Seed',
      hint: 'the same seed, the same dice',
      value: 1,
      min: 0,
      max: 0xffff_ffff,
      step: '1',
    },
  ];
  const field = ({ name, label, hint, value, min, max, step }: Setting): Html =>
    html`<p class="field">
      <label for="set-${name}">${label}</label>
      <input
        id="set-${name}"
        name="${name}"
        type="number"
        required
        value="${value}"
        min="${min}"
        max="${max}"
        step="${step}"
        aria-describedby="hint-${name}"
      />
      <span class="faint hint" id="hint-${name}">${hint}</span>
    </p>`;
  return html`<div id="playground" data-persona="${personaName}">
    <h1>Playground</h1>
    <p>
      Talk to a run, and see what it weighed. ${personaName} is an automated imitation. Nothing said here is stored, and
      none of it is sent; only what you ask to be learned is kept.
    </p>
    <div class="play">
      <section class="play-chat" aria-label="Conversation">
        <div class="filters">
          <p class="field">
            <label for="run">Run</label>
            <select id="run">
              ${runs.map(
                ({ run, current, size }) =>
                  html`<option value="${run}" ${current ? html`selected` : ''}>
                    ${run}${size === null ? '' : `, ${size}`}${current ? ' (speaks now)' : ''}
                  </option>`,
              )}
            </select>
          </p>
          <p class="field">
            <label for="context">It has read before</label>
            <select id="context">
              <option value="">nothing</option>
              ${chats.map(({ id, name }) => html`<option value="${id}">${visible(name)}</option>`)}
            </select>
          </p>
        </div>
        <div id="turns" role="log" aria-label="What was said" tabindex="0"></div>
        <form id="say" class="play-say">
          <label for="line" class="only-read">Your line</label>
          <input
            id="line"
            type="text"
            dir="auto"
            autocomplete="off"
            maxlength="${longest}"
            placeholder="Say something"
          />
          <button class="primary">Send</button>
        </form>
        <p class="buttons">
          <button type="button" id="again" disabled>Ask again with these settings</button>
          <button type="button" id="anew" disabled>Start anew</button>
        </p>
      </section>
      <form id="settings" class="play-settings" aria-label="Settings">
        <fieldset>
          <legend>Settings</legend>
          <div class="filters">${settings.map(field)}</div>
        </fieldset>
      </form>
      <section id="weighed" class="play-weighed" aria-labelledby="weighed-title" hidden>
        <h2 id="weighed-title" tabindex="-1">What it weighed</h2>
        <p id="how" class="faint"></p>
        <p id="before" hidden></p>
        <div id="tokens"></div>
        <h3>Candidates</h3>
        <div id="candidates" class="wide" tabindex="0" role="region" aria-label="Candidates"></div>
        <h3 id="better-title">What should it have said?</h3>
        <form id="better">
          <p class="field">
            <label for="better-text">Your words, one message a line</label>
            <textarea
              id="better-text"
              dir="auto"
              rows="3"
              maxlength="${longest}"
              aria-describedby="better-hint"
            ></textarea>
            <span id="better-hint" class="faint">
              Only what a person wrote is learned: your answer, with the line it answers. What is marked good or bad
              changes this conversation, not the model.
            </span>
          </p>
          <p class="buttons">
            <button class="primary">Learn this tonight</button>
            <button type="button" id="take-back" hidden>Take it back</button>
          </p>
        </form>
      </section>
    </div>
  </div>`;
}
