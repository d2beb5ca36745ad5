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
import { page } from '../layout.ts';
import { keepLesson, takeLessonBack } from '../lessons.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import { namesOf } from './conversations-names.ts';
import { playgroundAnswers } from './playground-answers.ts';
import { longestLine, playgroundPage } from './playground-page.ts';

const text = z.string().trim().min(1).max(longestLine);
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
  disliked: z.array(z.array(z.string().max(longestLine)).max(8)).max(100),
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
