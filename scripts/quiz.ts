/** `persona quiz`: which of two replies did the person write? Answers are stored, and the run's report card says the score. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { CheckpointError } from '../src/checkpoint/error.ts';
import { readCurrent } from '../src/checkpoint/current.ts';
import { runDir } from '../src/checkpoint/save.ts';
import { redactorOf } from '../src/consent/redact.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import { askQuestion, quizTurns, type QuizQuestion } from '../src/nightly/quiz.ts';
import { cardName } from '../src/nightly/report/card.ts';
import { foolingSentence, updateQuizSection } from '../src/nightly/report/quiz-section.ts';
import { snapshot } from '../src/nightly/snapshot.ts';
import type { Voice } from '../src/reply/voice.ts';
import { UserError } from '../src/util/errors.ts';
import { createLog } from '../src/util/log.ts';
import { createRandom } from '../src/util/random.ts';
import { loadContext, openServingVoice, printJson, withStore, type Context } from './context.ts';

const defaultCount = 10;

export function register(program: Command): void {
  program
    .command('quiz')
    .description('guess which of two replies the person really wrote')
    .option('--count <n>', 'questions', String(defaultCount))
    .option('--json', 'print one question with its answer as JSON, and ask nothing')
    .option('--score', 'ask nothing: print the score of the serving model, and put it into its report card')
    .action(quiz);
}

async function quiz(flags: { count: string; json?: boolean; score?: boolean }): Promise<void> {
  const context = loadContext();
  if (flags.score === true) return score(context);
  const count = Number(flags.count);
  if (!Number.isInteger(count) || count < 1) {
    throw new UserError(`--count is "${flags.count}"`, 'give a whole number from 1');
  }
  const voice = openServingVoice(context.env, createLog('warn'), context.persona);
  try {
    const next = questions(context, voice);
    if (flags.json === true) printJson(await next());
    else await play(context, next, count);
  } finally {
    await voice.close();
  }
}

/** The held-out replies are read once, what was asked before each question. */
function questions({ env, persona }: Context, voice: Voice): () => Promise<QuizQuestion> {
  const redact = redactorOf(redactionOf(persona));
  const turns = quizTurns(
    snapshot({
      dataDir: env.dataDir,
      speaker: persona.speaker,
      timezone: persona.timezone,
      reviewRequired: persona.review === 'required',
    }),
    redact,
  );
  const random = createRandom(randomInt(2 ** 47));
  return async () => {
    const run = servingRun(env.modelsDir);
    const asked =
      run === undefined ? new Set<number>() : await withStore(env.dataDir, (store) => store.quiz.asked(run));
    return askQuestion(turns, {
      speak: (request) => voice.speak(request),
      sampling: persona.sampling,
      redact,
      random,
      asked,
    });
  };
}

async function play({ env, persona }: Context, next: () => Promise<QuizQuestion>, count: number): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const answers = lines[Symbol.asyncIterator]();
  let run: string | undefined;
  try {
    for (let i = 1; i <= count; i++) {
      const question = await orEnd(next, i > 1);
      if (question === undefined) break;
      process.stdout.write(`\n${describe(question, persona.name, `${i} of ${count}`)}\n`);
      const said = await ask(lines, answers);
      if (said === undefined) break;
      const isRight = said === question.real;
      run = question.run;
      await withStore(env.dataDir, (store) =>
        store.quiz.add({ run: question.run, messageId: question.messageId, isRight }),
      );
      process.stdout.write(isRight ? 'Right.\n' : `No: ${question.real} was real.\n`);
    }
  } finally {
    lines.close();
  }
  if (run === undefined) return;
  const done = run;
  const tally = await withStore(env.dataDir, (store) => store.quiz.tally(done));
  updateQuizSection(join(runDir(env.modelsDir, done), cardName), tally);
  process.stdout.write(`\nRun ${done}. ${foolingSentence(tally)}\n`);
}

/** After the first question, no more to ask is the end and no failure. */
async function orEnd(next: () => Promise<QuizQuestion>, isLater: boolean): Promise<QuizQuestion | undefined> {
  try {
    return await next();
  } catch (error) {
    if (!isLater || !(error instanceof UserError)) throw error;
    process.stdout.write(`\n${error.message}.\n`);
    return undefined;
  }
}

/** 1 or 2; undefined: the player ends it. */
async function ask(
  lines: ReturnType<typeof createInterface>,
  answers: AsyncIterator<string>,
): Promise<1 | 2 | undefined> {
  for (;;) {
    lines.setPrompt('1 or 2? (q ends) ');
    lines.prompt();
    const line = await answers.next();
    const said = line.done === true ? 'q' : line.value.trim().toLowerCase();
    if (said === '1' || said === '2') return said === '1' ? 1 : 2;
    if (said === 'q' || said === 'quit') return undefined;
  }
}

function describe({ context, options }: QuizQuestion, name: string, place: string): string {
  const names = { persona: name, bot: 'bot', other: '-' } as const;
  const shown = (bubbles: readonly string[]): string => bubbles.map((text) => `   ${oneLine(text)}`).join('\n');
  return [
    `${place}. Which one did ${name} write?`,
    ...context.map(({ who, text }) => `  ${names[who]}: ${oneLine(text)}`),
    ' 1)',
    shown(options[0]),
    ' 2)',
    shown(options[1]),
  ].join('\n');
}

/** Nothing in a message moves the cursor or colours the terminal. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ');

async function score({ env }: Context): Promise<void> {
  const run = servingRun(env.modelsDir);
  if (run === undefined) throw new UserError('there is no trained model yet', 'Run `persona retrain`.');
  const tally = await withStore(env.dataDir, (store) => store.quiz.tally(run));
  updateQuizSection(join(runDir(env.modelsDir, run), cardName), tally);
  console.log(`Run ${run}. ${tally.answers === 0 ? 'No answers yet.' : foolingSentence(tally)}`);
}

function servingRun(modelsDir: string): string | undefined {
  try {
    return readCurrent(modelsDir)?.run;
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}
