/** `persona quiz` as a user runs it, in a pipe and on a terminal: questions of held-out replies, answers kept, the score told. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importSample, sample } from '../scripts/sample.ts';
import type { QuizQuestion } from '../src/nightly/quiz.ts';
import { snapshot } from '../src/nightly/snapshot.ts';
import { openStore } from '../src/store/store.ts';
import { distFile, projectRoot } from '../src/util/dist.ts';
import { makeHome, persona, type Home } from './support/cli.ts';

let home: Home;
let run: string;

beforeAll(async () => {
  home = makeHome();
  await persona(home, ['init', '--name', 'Juno', '--size', 'nano', '--yes']);
  await importSample(home.dataDir);
  const own = join(projectRoot, 'test', 'checkpoint', 'references', 'own');
  const added = await persona(home, ['models', 'add', own, '--use', '--json']);
  run = (JSON.parse(added.stdout) as { run: string }).run;
}, 120_000);
afterAll(() => home.remove());

function tally(): { answers: number; fooled: number } {
  const store = openStore(home.dataDir);
  try {
    return store.quiz.tally(run);
  } finally {
    store.close();
  }
}

describe.sequential('persona quiz', { timeout: 120_000 }, () => {
  test('one question as JSON: held out, with its answer, and nothing is kept', async () => {
    const { code, stdout } = await persona(home, ['quiz', '--json']);
    expect(code).toBe(0);
    const { messageId, options, real, context, run: of } = JSON.parse(stdout) as QuizQuestion;
    expect(of).toBe(run);
    expect(context.length).toBeGreaterThan(0);
    const { conversations } = snapshot({ dataDir: home.dataDir, speaker: 'me', timezone: sample.timezone });
    const held = conversations.find(({ conversation }) =>
      conversation.messages.some(({ rowId }) => rowId === messageId),
    );
    expect(held?.split).toBe('test');
    expect(options[real - 1]?.[0]).toBe(held?.conversation.messages.find(({ rowId }) => rowId === messageId)?.text);
    expect(tally().answers).toBe(0);
  });

  test('two answers in a pipe; anything but 1 and 2 is asked again', async () => {
    const { code, stdout } = await persona(home, ['quiz', '--count', '2'], '1\nwhat?\n2\n');
    expect(code).toBe(0);
    expect(stdout).toContain('1 of 2. Which one did Juno write?');
    expect(stdout).toContain('2 of 2. Which one did Juno write?');
    expect(stdout.match(/1 or 2\?/g)).toHaveLength(3);
    const { answers, fooled } = tally();
    expect(answers).toBe(2);
    expect(stdout).toContain(`in ${fooled} of 2 questions a sampled reply was taken for the real one`);
    const list = await persona(home, ['models', 'list']);
    expect(list.stdout).toMatch(/fooling rate \d+ % \(\d+-\d+ %, 2 answers\)/);
    expect((await persona(home, ['quiz', '--score'])).stdout).toContain(`in ${fooled} of 2 questions`);
  });

  test.skipIf(!existsSync('/usr/bin/script'))('on a terminal, ended with q (needs script of util-linux)', async () => {
    const command = `${process.execPath} ${distFile('scripts/persona.ts')} quiz --count 3`;
    const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { env: home.env, cwd: home.dir });
    const output = text(child.stdout);
    let seen = '';
    let asked = 0;
    child.stdout.on('data', (data: Buffer) => {
      seen += data.toString();
      const prompts = seen.match(/q ends\)/g)?.length ?? 0;
      if (prompts > asked) child.stdin.write(++asked === 1 ? '2\r' : 'q\r');
      asked = Math.max(asked, prompts);
    });
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
    const shown = await output;
    expect(shown).toMatch(/Right\.|No: [12] was real\./);
    expect(shown).toContain('of 3 questions');
    expect(tally().answers).toBe(3);
  });

  test.each([
    [['--count', '0'], 'whole number'],
    [['--count', 'many'], 'whole number'],
  ])('persona quiz %j is refused', async (args, hint) => {
    const { code, stderr } = await persona(home, ['quiz', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(hint);
  });

  test('with no model, and with nothing held out, it says what to do', async () => {
    const bare = makeHome();
    try {
      await persona(bare, ['init', '--name', 'Juno', '--size', 'nano', '--yes']);
      const { code, stderr } = await persona(bare, ['quiz']);
      expect(code).toBe(1);
      expect(stderr).toContain('no reply of the persona is held out yet');
      await importSample(bare.dataDir);
      expect((await persona(bare, ['quiz'])).stderr).toContain('there is no trained model yet');
      expect((await persona(bare, ['quiz', '--score'])).stderr).toContain('there is no trained model yet');
    } finally {
      bare.remove();
    }
  });
});
