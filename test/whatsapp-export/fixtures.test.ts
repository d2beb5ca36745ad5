/** The 36 exports of test/whatsapp-export/fixtures: 34 with the expected messages, two by judgement. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseExport, readExport } from '../../src/whatsapp/export.ts';

interface Expected {
  platform: 'android' | 'ios' | 'ios_legacy';
  messages: { ts: string; sender: string | null; text: string; kind: string }[];
}

const folder = join(import.meta.dirname, 'fixtures');
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>;
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));

test('there are 36 exports, 34 of them with expectations', () => {
  expect(files).toHaveLength(36);
  expect(files.filter((file) => file in expected)).toHaveLength(34);
});

describe.each(Object.keys(expected))('%s', (file) => {
  const want = expected[file] as Expected;

  test('gives the expected messages', async () => {
    const { messages, shape, oddities } = await readExport(join(folder, file));
    expect(messages.map(({ ts, sender, text, kind }) => ({ ts, sender, text, kind }))).toEqual(want.messages);
    expect(shape.platform).toBe(want.platform === 'ios_legacy' ? 'legacy-ios' : want.platform);
    expect(oddities).toEqual([]);
  });
});
