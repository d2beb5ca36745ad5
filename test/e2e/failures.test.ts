/** docs/failures.md stays true: every known failure is in its table, and every test that it names exists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../src/util/dist.ts';

const docs = join(projectRoot, 'docs');
const rows = readFileSync(join(docs, 'failures.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| |\s*\|$/g, '').trim()));

/** One pattern for each failure that was reproduced or reported. */
const known = [
  /synced before the library/,
  /hangs in OPENING/,
  /auth timeout/,
  /reloads/,
  /duplicate events/,
  /browser dies/,
  /page crashes/,
  /^the page hangs$/,
  /hangs while it sends/,
  /connected but deaf/,
  /killed just after pairing/,
  /paired again in the same client/,
  /profile locked/,
  /UNPAIRED_IDLE/,
  /CONFLICT/,
  /TOS_BLOCK/,
  /^UNPAIRED$/,
  /DEPRECATED_VERSION/,
  /LID/,
  /memory grows/,
  /sendSeen/,
  /bans/,
];

test('every known failure has one row', () => {
  for (const failure of known) expect(rows.filter(([name = '']) => failure.test(name)).length, `${failure}`).toBe(1);
});

test.each(rows.map(([name = '', , , held = '']) => [name, held]))('%s: the tests named for it exist', (_name, held) => {
  const files = held.split(/; (?=\[)/).map((part) => {
    const path = /\]\(\.\.\/([^)]+)\)/.exec(part)?.[1] ?? '';
    const titles = [...part.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '');
    return { source: readFileSync(join(projectRoot, path), 'utf8'), titles };
  });
  expect(files.flatMap(({ titles }) => titles).length).toBeGreaterThan(0);
  for (const { source, titles } of files) {
    for (const title of titles) expect(source, title).toContain(`('${title}'`);
  }
});
