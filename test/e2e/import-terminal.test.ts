/**
 * `persona import` as a person meets it: its questions in a terminal of its own (`script` of util-linux makes one), and names that
 * try to write there themselves.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { distFile } from '../../src/util/dist.ts';
import { makeHome, persona, type Home } from '../support/cli.ts';

/** BSD's `script` takes other arguments */
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;
const withoutScript = 'needs `script` of util-linux for a terminal';

let home: Home;
beforeEach(async () => {
  home = makeHome();
  expect((await persona(home, ['init', '--name', 'Mia', '--yes'])).code).toBe(0);
});
afterEach(() => home.remove());

function chatOf(names: readonly string[]): string {
  const file = join(home.dir, 'chat.txt');
  const lines = names.map((name, i) => `2${i}/09/2026, 09:5${i} - ${name}: hello ${i}\n`);
  writeFileSync(file, lines.join(''));
  return file;
}

function stored(): number {
  const store = openStore(home.dataDir);
  try {
    return store.messages.count();
  } finally {
    store.close();
  }
}

/** Answers questions as they come; resolves with everything shown, and the exit code. */
async function talk(args: readonly string[], answers: readonly [question: RegExp, keys: string][]) {
  const command = [process.execPath, distFile('scripts/persona.ts'), ...args].map((part) => `'${part}'`).join(' ');
  const child = spawn('script', ['-q', '-e', '-c', command, '/dev/null'], {
    env: { ...home.env, TERM: 'xterm' },
    cwd: home.dir,
  });
  let seen = '';
  let from = 0;
  const left = [...answers];
  child.stdout.on('data', (piece: Buffer) => {
    seen += piece.toString('utf8');
    const [next] = left;
    if (next === undefined || !next[0].test(seen.slice(from))) return;
    left.shift();
    from = seen.length;
    child.stdin.write(next[1]);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, seen, unanswered: left.length };
}

test.skipIf(!hasScript)(`the questions: who are you, who is of this chat, who agreed (${withoutScript})`, async () => {
  const file = chatOf(['Mia', 'Sam', 'Mia', 'Sam']);
  const { code, seen, unanswered } = await talk(
    ['import', file],
    [
      [/Which of them is you\?/, '\r'],
      [/These names wrote messages/, ' \r'],
      [/Did "Sam" tell you/, 'y\r'],
    ],
  );
  expect({ code, unanswered }, seen).toEqual({ code: 0, unanswered: 0 });
  expect(seen).toContain('Stored 4 messages');
  expect(stored()).toBe(4);
});

test.skipIf(!hasScript)(`no is the answer of whoever only presses Enter (${withoutScript})`, async () => {
  const file = chatOf(['Mia', 'Sam']);
  const { code, seen, unanswered } = await talk(
    ['import', file],
    [
      [/Which of them is you\?/, '\r'],
      [/These names wrote messages/, ' \r'],
      [/Did "Sam" tell you/, '\r'],
    ],
  );
  expect({ code, unanswered }, seen).toEqual({ code: 1, unanswered: 0 });
  expect(seen).toContain('no consent from "Sam"');
  expect(stored()).toBe(0);
});

test('names are shown without effect on the terminal, in the list and in errors', async () => {
  const file = chatOf(['\u001b[2J\u001b[31mMia', 'S\u0007am', '\u001b[2J\u001b[31mMia']);
  const { code, stdout, stderr } = await persona(home, ['import', file, '--me', 'Mia', '--yes']);
  expect(code).toBe(1);
  expect(stdout).toContain('2  \\u001b[2J\\u001b[31mMia\n');
  expect(stderr).toContain('names in it: \\u001b[2J\\u001b[31mMia, S\\u0007am');
  // eslint-disable-next-line no-control-regex
  expect(`${stdout}${stderr}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});
