/**
 * The command line as a user meets it: exit codes, one clear line with the remedy, JSON that is only JSON, and nothing
 * half done. Each command runs as its own process from dist.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../src/store/store.ts';
import { backendNames } from '../src/types.ts';
import { distFile, projectRoot } from '../src/util/dist.ts';
import { makeHome, persona, startPersona } from './support/cli.ts';
import type { Finished, Home } from './support/cli.ts';

const sample = join(projectRoot, 'persona', 'sample', 'chat.txt');
const fixtures = join(projectRoot, 'test', 'exports', 'fixtures');
const everybody = ['--me', 'Juno Varga', '--i-have-consent-from', 'Elias Brandt', '--yes'];
const commands = [
  'backup',
  'init',
  'import',
  'retrain',
  'chat',
  'start',
  'replay',
  'evaluate',
  'pretrain',
  'models',
  'quiz',
  'forget',
  'review',
  'export',
  'doctor',
  'demo',
];

let home: Home;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

const init = (): Promise<Finished> => persona(home, ['init', '--name', 'Juno', '--size', 'nano', '--yes']);
/** One line that says what is wrong, one with the remedy, nothing else. */
const oneClearLine = /^persona: .+\n {2}-> .+\n$/;

function countMessages(): number {
  if (!existsSync(join(home.dataDir, 'persona.sqlite'))) return 0;
  const store = openStore(home.dataDir);
  try {
    return store.messages.count();
  } finally {
    store.close();
  }
}

describe('usage', () => {
  test('help lists the commands that work, and each is an npm script', async () => {
    const { code, stdout } = await persona(home, ['--help']);
    expect(code).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]).filter((name) => name !== 'help');
    expect(listed.sort()).toEqual([...commands].sort());
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const name of commands) expect(scripts[name]).toBe(`node dist/scripts/persona.js ${name}`);
  });

  test.each([
    [['sing']],
    [['retrain', '--quickly']],
    [['evaluate']],
    [['pretrain', 'x.jsonl']],
    [['pretrain', '--out', 'x']],
    [['import']],
    [['models', 'sell']],
    [['export', 'gguf']],
  ])('persona %j ends with 2', async (args) => {
    expect((await persona(home, args)).code).toBe(2);
  });

  test.each([
    'import x.txt',
    'retrain',
    'chat',
    'start',
    'replay',
    'evaluate --test x --persona y',
    'pretrain x.jsonl --out y',
    'models list',
    'quiz',
    'export sft',
  ])('without persona.json `%s` ends with 1 and says how to make one', async (line) => {
    const { code, stderr, stdout } = await persona(home, line.split(' '));
    expect(code).toBe(1);
    expect(stderr).toMatch(oneClearLine);
    expect(stderr).toContain('persona init');
    expect(stdout).toBe('');
  });

  test('a misspelled key in persona.json is named, with the right one', async () => {
    writeFileSync(join(home.personaDir, 'persona.json'), '{"name":"Juno","speeker":"me"}');
    const { code, stderr } = await persona(home, ['retrain']);
    expect(code).toBe(1);
    expect(stderr).toContain('unknown key "speeker", did you mean "speaker"?');
  });
});

describe('init', () => {
  test('never replaces a persona.json unasked', async () => {
    await init();
    const again = await init();
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('exists already');
  });

  test('without a terminal and without flags it says which flags', async () => {
    const { code, stderr } = await persona(home, ['init']);
    expect(code).toBe(1);
    expect(stderr).toContain('persona init --name NAME --yes');
  });
});

describe('import', () => {
  beforeEach(init);

  test.each([
    ['a file that is not there', 'nowhere.txt', /nowhere\.txt does not exist/],
    ['a file that is no export', 'package.json', /package\.json: JSON, but not a chat/],
    ['an empty file', 'empty.txt', /empty\.txt/],
  ])('%s: file, reason, remedy, and nothing stored', async (_what, name, words) => {
    writeFileSync(join(home.dir, 'empty.txt'), '');
    const path = name === 'package.json' ? join(projectRoot, name) : join(home.dir, name);
    const { code, stderr } = await persona(home, ['import', path, ...everybody]);
    expect(code).toBe(1);
    expect(stderr).toMatch(oneClearLine);
    expect(stderr).toMatch(words);
    expect(countMessages()).toBe(0);
  });

  test('without consent of the other person nothing is stored, and the flag is named', async () => {
    const { code, stderr } = await persona(home, ['import', sample, '--me', 'Juno Varga', '--yes']);
    expect(code).toBe(1);
    expect(stderr).toContain('no consent from "Elias Brandt"');
    expect(stderr).toContain('--i-have-consent-from "Elias Brandt"');
    expect(countMessages()).toBe(0);
  });

  test('a name that is not in the export is refused, with the names that are', async () => {
    const { code, stderr } = await persona(home, ['import', sample, '--me', 'Juno', '--yes']);
    expect(code).toBe(1);
    expect(stderr).toContain('Juno Varga, Elias Brandt');
  });

  test('dry run: one JSON line a message, exactly as expected.json says, and nothing stored', async () => {
    const file = 'android_en-GB.txt';
    const { code, stdout, stderr } = await persona(home, ['import', join(fixtures, file), '--dry-run', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as Record<
      string,
      { messages: object[] }
    >;
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual(expected[file]?.messages);
    expect(countMessages()).toBe(0);
  });

  test('the same file twice adds nothing the second time', async () => {
    const first = await persona(home, ['import', sample, ...everybody, '--json']);
    const second = await persona(home, ['import', sample, ...everybody, '--json']);
    const { inserted } = JSON.parse(first.stdout) as { inserted: number };
    expect(JSON.parse(second.stdout)).toMatchObject({ inserted: 0, known: inserted });
    expect(countMessages()).toBe(inserted);
  });

  test('the other phone: its own names, linked; nothing is added, and a stranger is left out', async () => {
    await persona(home, ['import', sample, ...everybody, '--json']);
    const before = countMessages();
    const lines = readFileSync(sample, 'utf8')
      .replaceAll('- Juno Varga:', '- Schatz:')
      .replaceAll('- Elias Brandt:', '- Eli:');
    const path = join(home.dir, 'theirs.txt');
    writeFileSync(path, lines);
    const link = ['--me', 'Schatz', '--link', 'Eli=Elias Brandt', '--yes', '--json'];
    const second = await persona(home, ['import', path, ...link]);
    expect(JSON.parse(second.stdout)).toMatchObject({ inserted: 0, known: before, leftOut: { unconfirmed: 0 } });
    expect(countMessages()).toBe(before);
    const wrong = await persona(home, ['import', path, '--me', 'Schatz', '--link', 'Eli=Nobody', '--yes']);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/nobody known is "Nobody"\n {2}-> give the id of one of: .*\(Elias Brandt/);
    expect(wrong.stderr).not.toContain('theirs');
  });

  test('Ctrl-C: one clear line, exit code 1, nothing stored; the next import works', { timeout: 120_000 }, async () => {
    const path = join(home.dir, 'long.txt');
    const day = (n: number): string => new Date(Date.UTC(2020, 0, 1) + n * 60_000).toISOString();
    const line = (n: number): string => {
      const [date, time] = [day(n).slice(0, 10).split('-').reverse().join('/'), day(n).slice(11, 16)];
      return `${date}, ${time} - ${n % 2 ? 'Juno Varga' : 'Elias Brandt'}: message number ${n} with some more words\n`;
    };
    writeFileSync(path, Array.from({ length: 20_000 }, (_, n) => line(n)).join(''));
    const running = startPersona(home, ['import', path, ...everybody]);
    await running.shows(/importing \d+ %/);
    running.child.kill('SIGINT');
    await once(running.child, 'close');
    expect(running.child.exitCode).toBe(1);
    expect(running.output()).toContain('persona: the import was cancelled; nothing of it is stored\n');
    expect(countMessages()).toBe(0);
    const { stdout } = await persona(home, ['import', path, ...everybody, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ inserted: 20_000 });
  });

  test('a full disk: one line with the remedy, nothing half imported', ({ skip }) => {
    const mounts = spawnSync('unshare', ['-m', 'true']);
    if (mounts.status !== 0) skip('needs the right to mount a small disk (root on Linux)');
    const persona = `"${process.execPath}" "${distFile('scripts/persona.ts')}"`;
    const agreed = `--me 'Juno Varga' --i-have-consent-from 'Juno Varga' --i-have-consent-from 'Elias Brandt' --yes`;
    const script = `
      mount -t tmpfs -o size=700k,mode=700 tmpfs "$DATA_DIR" || exit 99
      ${persona} import "${sample}" ${agreed}; code=$?
      mount -o remount,size=64m "$DATA_DIR" || exit 99
      ${persona} doctor --json; exit $code`;
    const done = spawnSync('unshare', ['-m', 'bash', '-c', script], { env: home.env, encoding: 'utf8' });
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(oneClearLine);
    expect(done.stderr).toContain('disk is full');
    expect(done.stdout).toMatch(/persona\.sqlite: 0 messages/);
  });
});

describe('start', () => {
  beforeEach(init);

  test('a browser that is not there: its path and the remedy', async () => {
    home.env['CHROME_PATH'] = join(home.dir, 'no-browser');
    const { code, stderr } = await persona(home, ['start']);
    expect(code).toBe(1);
    expect(stderr).toContain('CHROME_PATH');
    expect(stderr.trimEnd().split('\n').slice(-2).join('\n') + '\n').toMatch(oneClearLine);
  });

  test('a cron pattern that is none: the variable and the remedy', async () => {
    home.env['RETRAIN_CRON'] = 'at night';
    const { code, stderr } = await persona(home, ['start']);
    expect(code).toBe(1);
    expect(stderr).toMatch(oneClearLine);
    expect(stderr).toContain('RETRAIN_CRON is "at night"');
  });

  test('no network from the start: says so after a few tries', async () => {
    home.env['CHROME_ARGS'] = JSON.stringify(['--host-resolver-rules=MAP * ~NOTFOUND']);
    const { code, stderr } = await persona(home, ['start']);
    expect(code).toBe(1);
    expect(stderr).toContain('persona: web.whatsapp.com cannot be reached');
    expect(stderr).toContain('-> Check the network of this machine');
  });

  test('SIGTERM before anything is connected still ends cleanly', async () => {
    home.env['CHROME_ARGS'] = JSON.stringify(['--host-resolver-rules=MAP * ~NOTFOUND']);
    const bot = startPersona(home, ['start']);
    await bot.shows(/"state":"starting"/);
    expect(await bot.stop()).toBe(0);
  });
});

describe('doctor', () => {
  test('on a bare machine it names what is missing, each with its remedy, and changes nothing', async () => {
    home.env['CHROME_PATH'] = join(home.dir, 'no-browser');
    const { code, stdout } = await persona(home, ['doctor', '--json']);
    expect(code).toBe(1);
    const findings = JSON.parse(stdout) as {
      name: string;
      state: string;
      remedy: string;
      backend?: { device: string; gflops: number | null };
    }[];
    const missing = findings.filter(({ state }) => state === 'missing').map(({ name }) => name);
    expect(missing).toEqual(['persona.json', 'browser']);
    for (const { state, remedy } of findings) expect(remedy === '').toBe(state === 'ok');
    for (const name of backendNames) {
      const { state, backend } = findings.find((finding) => finding.name === `backend ${name}`)!;
      expect((backend?.gflops ?? 0) > 0, name).toBe(state === 'ok');
      expect(backend?.device === '', name).toBe(state !== 'ok');
    }
    expect(findings.find(({ name }) => name === 'backend cpu')?.state).toBe('ok');
    expect(existsSync(home.dataDir)).toBe(false);
    expect(existsSync(home.modelsDir)).toBe(false);
  });
});

describe('evaluate', () => {
  beforeEach(init);

  test('a test file that cannot be read, or is not what it should be: named with the line', async () => {
    const path = join(home.dir, 'test.jsonl');
    const run = (): Promise<Finished> => persona(home, ['evaluate', '--test', path, '--persona', 'A']);
    const missing = await run();
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(oneClearLine);
    writeFileSync(path, '{"id":"1","turns":[{"s":"A","t":"hi"}]}\n{"id":');
    const broken = await run();
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain('test.jsonl:2: not JSON');
  });

  test('no model yet: how to get one', async () => {
    const path = join(home.dir, 'test.jsonl');
    writeFileSync(path, '{"id":"1","turns":[{"s":"A","t":"hi"}]}\n');
    const { code, stderr } = await persona(home, ['evaluate', '--test', path, '--persona', 'A']);
    expect(code).toBe(1);
    expect(stderr).toContain('persona: there is no trained model yet');
  });
});

describe('pretrain', () => {
  beforeEach(init);

  test('a base of dialogues: figures as JSON, a folder that can be measured and started from', async () => {
    const file = join(home.dir, 'talk.jsonl');
    const moods = ['fine', 'odd', 'slow', 'loud', 'great'];
    const lines = Array.from({ length: 300 }, (_, i) => {
      const texts = [`how was day ${i}?`, `day ${i} was ${moods[i % 5]}`, `${moods[i % 5]}, nice`];
      return JSON.stringify({ id: i, turns: texts.map((t, at) => ({ s: 'ab'[at % 2], t })) });
    });
    writeFileSync(file, lines.join('\n'));
    const out = join(home.dir, 'base');
    const pretrain = (...more: string[]): Promise<Finished> =>
      persona(home, ['pretrain', file, '--vocab', '360', '--out', out, ...more]);
    const done = await pretrain('--passes', '1', '--json');
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({
      size: 'nano',
      vocabulary: 360,
      passes: 1,
      stoppedBecause: 'finished',
      base: null,
    });
    expect(existsSync(`${out}.state`)).toBe(false);

    const measured = await persona(home, ['evaluate', '--base', out, '--test', file, '--persona', 'b', '--json']);
    expect((JSON.parse(measured.stdout) as { bitsPerByte: number }).bitsPerByte).toBeLessThan(4);
    const again = await pretrain();
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(oneClearLine);
    expect(again.stderr).toContain('exists');
  });

  test('files and numbers that are none are named', async () => {
    const out = join(home.dir, 'base');
    const missing = await persona(home, ['pretrain', join(home.dir, 'none.jsonl.gz'), '--out', out]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('none.jsonl.gz cannot be read (ENOENT)');
    writeFileSync(join(home.dir, 'talk.jsonl.gz'), 'not gzipped');
    const damaged = await persona(home, ['pretrain', join(home.dir, 'talk.jsonl.gz'), '--out', out]);
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(oneClearLine);
    const number = await persona(home, ['pretrain', 'x.jsonl', '--out', out, '--passes', 'few']);
    expect(number.code).toBe(1);
    expect(number.stderr).toContain('"few"');
    writeFileSync(join(home.dir, 'empty.jsonl'), '');
    const empty = await persona(home, ['pretrain', join(home.dir, 'empty.jsonl'), '--out', out]);
    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain('no dialogue');
    expect(existsSync(out)).toBe(false);
  });
});

describe('models and export', () => {
  beforeEach(init);

  const own = join(projectRoot, 'test', 'checkpoint', 'references', 'own');
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await persona(home, args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };

  test('nothing trained yet: an empty list, and for the rest the remedy', async () => {
    expect(JSON.parse(await run('models', 'list', '--json'))).toEqual([]);
    expect(await run('models', 'list')).toContain('npm run retrain');
    for (const args of [
      ['models', 'rollback'],
      ['models', 'use', 'x'],
      ['models', 'add', home.dir],
      ['export', 'sft'],
      ['export', 'gguf', join(home.dir, 'x.gguf')],
    ]) {
      const { code, stdout, stderr } = await persona(home, args);
      expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: '' });
      expect(stderr).toMatch(oneClearLine);
    }
  });

  test('a run is added, listed, chosen and written for llama.cpp', { timeout: 60_000 }, async () => {
    const added = JSON.parse(await run('models', 'add', own, '--json')) as { run: string };
    expect(added).toMatchObject({ bitsPerByte: null, datasetKnown: false, used: false });
    expect(await run('models', 'use', added.run)).toContain('speaks from now on');
    expect(await run('models', 'list')).toMatch(new RegExp(`^\\* ${added.run} +kept +tiny +- +speaks now\n$`));
    const file = join(home.dir, 'own.gguf');
    expect(JSON.parse(await run('export', 'gguf', file, '--json'))).toEqual({ file, run: added.run });
    expect(readFileSync(file).subarray(0, 4).toString()).toBe('GGUF');
    const nowhere = await persona(home, ['export', 'gguf', join(home.dir, 'no', 'own.gguf')]);
    expect(nowhere.stderr).toMatch(oneClearLine);
    expect(nowhere.stderr).toContain('its folder does not exist');
  });

  test('training data as JSON lines', { timeout: 60_000 }, async () => {
    await run('import', sample, ...everybody);
    const exported = JSON.parse(await run('export', 'sft', '--json')) as { file: string; rows: number };
    expect(exported.file).toBe(join(home.dataDir, 'exports', 'sft.jsonl'));
    expect(readFileSync(exported.file, 'utf8').trim().split('\n')).toHaveLength(exported.rows);
    const wrong = await persona(home, ['export', 'sft', '--format', 'xml']);
    expect(wrong.stderr).toMatch(oneClearLine);
    expect(wrong.stderr).toContain('--format is "xml"');
  });
});
