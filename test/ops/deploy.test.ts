/** What is in deploy/: a unit that systemd takes and that may do little, a Dockerfile without faults, nothing private in it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from 'dockerfile-utils';
import { describe, expect, test } from 'vitest';
import { loadEnvironment } from '../../src/config.ts';
import { projectRoot } from '../../src/util/dist.ts';

const unit = join(projectRoot, 'deploy', 'whatsapp-persona.service');
const read = (...path: string[]): string => readFileSync(join(projectRoot, ...path), 'utf8');
const analyze = (...args: string[]) => spawnSync('systemd-analyze', args, { encoding: 'utf8' });
const noSystemd = 'systemd-analyze is missing';
const hasSystemd = analyze('--version').status === 0;

describe('the unit', () => {
  test('is taken by systemd without a word', (context) => {
    if (!hasSystemd) context.skip(noSystemd);
    // the program's own folder need not be here, and older versions look for it
    const complaints = analyze('verify', unit)
      .stderr.split('\n')
      .filter((line) => line.includes('whatsapp-persona') && !/not executable|Cannot access|No such file/.test(line));
    expect(complaints).toEqual([]);
  });

  test('is exposed by 3.0 at most (promise B2)', (context) => {
    if (!hasSystemd) context.skip(noSystemd);
    const { stdout } = analyze('security', '--offline=true', '--no-pager', unit);
    const level = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    expect(level).toBeGreaterThan(0);
    expect(level).toBeLessThanOrEqual(3);
  });

  test('is of type notify, with a watchdog that outlasts two missed looks', () => {
    const text = readFileSync(unit, 'utf8');
    expect(text).toMatch(/^Type=notify$/m);
    expect(text).toMatch(/^NotifyAccess=all$/m);
    expect(text).toMatch(/^WatchdogSec=3min$/m);
    expect(text).toMatch(/^UMask=0077$/m);
    expect(text).toMatch(/^StateDirectoryMode=0700$/m);
  });

  test('names only settings that exist', () => {
    const found = [...readFileSync(unit, 'utf8').matchAll(/^Environment=(\w+)=(.*)$/gm)];
    const env = loadEnvironment(Object.fromEntries(found.map(([, name = '', value = '']) => [name, value])));
    expect(env).toMatchObject({
      dataDir: '/var/lib/whatsapp-persona/data',
      modelsDir: '/var/lib/whatsapp-persona/models',
      personaDir: '/var/lib/whatsapp-persona/persona',
      chromePath: '/usr/bin/chromium',
    });
  });
});

describe('the image', () => {
  const dockerfile = read('deploy', 'Dockerfile');

  test('has no fault that the linter knows', () => {
    expect(validate(dockerfile)).toEqual([]);
    expect(validate('FROM\nRUNN x').length).toBeGreaterThan(0); // it does look
  });

  test('runs as nobody in particular, keeps what it learns in volumes, and says whether it is well', () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
    expect(last).toMatch(/^USER 10001:10001$/m);
    expect(last).toMatch(/^VOLUME \["\/data", "\/models", "\/persona"\]$/m);
    expect(last).toMatch(/^HEALTHCHECK [\s\S]*\/healthz/m);
    const args = /CHROME_ARGS='(.*)'/.exec(last)?.[1];
    expect(loadEnvironment({ CHROME_ARGS: args }).chromeArgs).toContain('--no-sandbox');
  });

  test('leaves everything out of the build that is not named', () => {
    const lines = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines[0]).toBe('*');
    expect(lines.filter((line) => line.startsWith('!')).join(' ')).not.toMatch(
      /data|exports|persona\.json|\.env|\.git/,
    );
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names = '']) =>
      names.split(' '),
    );
    for (const name of copied) expect(lines, name).toContain(`!${name}`);
  });
});
