/** The documents stay true: every source file is on the map, every test that is named exists, every command is one. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../src/util/dist.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

describe('documents', () => {
  test('docs/architecture.md names every file of src/', () => {
    // a row begins with its folder in bold, or goes on in the folder of the row before
    const named = new Set<string>();
    let folder = '';
    for (const row of read('docs/architecture.md').split('\n')) {
      const cell = /^\| ([^|]*)\|/.exec(row)?.[1]?.trimEnd();
      if (cell === undefined) continue;
      const bold = /^\*\*(src\/[^*]*)\*\*/.exec(cell)?.[1];
      if (bold?.endsWith('.ts') === true) named.add(bold);
      else if (bold !== undefined) folder = bold;
      const rest = bold === undefined ? cell : cell.slice(bold.length + 4);
      const sub = /^\s*(\w+\/) /.exec(rest)?.[1] ?? '';
      for (const [name] of rest.matchAll(/[\w-]+\.ts/g)) named.add(`${folder}${sub}${name}`);
    }
    const files = readdirSync(join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `src/${file.replaceAll('\\', '/')}`);
    expect([...named].sort()).toEqual(files.sort());
  });

  test('README names every folder of src/', () => {
    const readme = read('README.md');
    const folders = readdirSync(join(projectRoot, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    for (const { name } of folders) expect(readme).toContain(`src/${name}/`);
  });

  test('docs/promises.md names tests that exist', () => {
    const named = [...read('docs/promises.md').matchAll(/`(test\/[^`]+)`/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(10);
    for (const path of named) expect(existsSync(join(projectRoot, path)), path).toBe(true);
  });

  test('every link between documents leads somewhere', () => {
    for (const file of [
      'README.md',
      'persona/README.md',
      ...readdirSync(join(projectRoot, 'docs')).map((f) => `docs/${f}`),
    ]) {
      if (!basename(file).endsWith('.md')) continue;
      for (const [, target = ''] of read(file).matchAll(/\]\(([^)#:]+)\)/g)) {
        expect(existsSync(join(projectRoot, dirname(file), target)), `${file} -> ${target}`).toBe(true);
      }
    }
  });

  test('every `npm run` in README is a script', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, name = ''] of read('README.md').matchAll(/npm run (?:--silent )?([\w:-]+)/g)) {
      expect(Object.keys(scripts)).toContain(name);
    }
  });
});
