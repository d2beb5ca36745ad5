/** The bases that ship: whole, small enough, licensed, and what a retrain starts from. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseBase, shippedBase } from '../scripts/base.ts';
import { corpora } from '../bench/base/corpora.ts';
import { baseId, loadBase } from '../src/checkpoint/base.ts';
import { parseConversations } from '../src/dataset/jsonl.ts';
import { modelConfig } from '../src/model/sizes.ts';
import { checkpointBits } from '../src/nightly/measure.ts';
import { readsLanguage } from '../src/nightly/training.ts';
import { specialTokens } from '../src/tokenizer/chat-format.ts';
import { withSpecialTokens } from '../src/tokenizer/tokenizer-json.ts';
import { projectRoot } from '../src/util/dist.ts';

const folder = join(projectRoot, 'models', 'base');
const names = readdirSync(folder);

test('nano and small ship, and all bases together take at most 40 MB', () => {
  expect(names.sort()).toEqual(['nano', 'small']);
  const bytes = readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, name) => sum + statSync(join(folder, name)).size,
    0,
  );
  expect(bytes).toBeLessThan(40e6);
});

describe.each(names)('base %s', (name) => {
  const dir = join(folder, name);

  test('has the shape of its size and the ids of the chat format', () => {
    const { config, tokenizerJson } = loadBase(dir, withSpecialTokens);
    expect(config).toEqual(modelConfig(name as 'nano' | 'small', config.vocabSize));
    const { added_tokens: added } = JSON.parse(tokenizerJson) as { added_tokens: { content: string }[] };
    expect(added.map(({ content }) => content)).toEqual(specialTokens);
  });

  test('names everyone whose text it learned from, with the licence', () => {
    const card = readFileSync(join(dir, 'MODEL_CARD.md'), 'utf8').replaceAll(/\s+/g, ' ');
    for (const { title, licence, source, attribution } of corpora) {
      for (const words of [title, licence, source, attribution]) expect(card).toContain(words);
    }
  });

  test('damaged in one byte, it is refused by name', () => {
    const copy = mkdtempSync(join(tmpdir(), 'persona-base-'));
    try {
      cpSync(dir, copy, { recursive: true });
      const file = join(copy, 'model.safetensors');
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(file, bytes);
      expect(() => loadBase(copy, withSpecialTokens)).toThrow(/model\.safetensors.*checksum/);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  test('knows how people write: chat that it never saw costs less than bytes do', async () => {
    const turns = [
      ['me', 'hey, did you watch the game last night?'],
      ['you', 'no, i was working late. was it any good?'],
      ['me', 'it was great! you should watch it this weekend'],
      ['you', 'sounds good. do you want to come over on saturday?'],
      ['me', 'sure, what time should i be there?'],
    ].map(([s, t]) => ({ s, t }));
    const conversations = parseConversations(JSON.stringify({ id: 1, turns }), { persona: 'me', file: 'test' });
    const { bitsPerByte } = await checkpointBits(loadBase(dir, withSpecialTokens), 'simd', conversations);
    expect(bitsPerByte).toBeLessThan(1.8); // a byte 5-gram trained on as much costs more than 2
  });
});

describe('a retrain starts from', () => {
  test('the base that ships for the size, or from scratch where there is none', () => {
    for (const size of ['nano', 'small'] as const) {
      expect(chooseBase({}, size)).toEqual({ base: join(folder, size), baseMustFit: true });
    }
    expect(chooseBase({}, 'base')).toEqual({});
    expect(shippedBase('large')).toBeUndefined();
  });

  test('scratch or another folder, where that is asked for, but not both', () => {
    expect(chooseBase({ fromScratch: true }, 'nano')).toEqual({});
    expect(chooseBase({ base: '/models/mine' }, 'nano')).toEqual({ base: '/models/mine' });
    expect(() => chooseBase({ base: '/models/mine', fromScratch: true }, 'nano')).toThrow('exclude each other');
  });

  test('scratch after all where the base does not read the language', () => {
    const { tokenizerJson } = loadBase(join(folder, 'nano'), withSpecialTokens);
    const reads = (text: string): boolean =>
      readsLanguage(
        tokenizerJson,
        parseConversations(JSON.stringify({ id: 1, turns: [{ s: 'a', t: text }] }), { persona: 'a', file: 'test' }),
      );
    expect(reads('lol ok see you there then, dont be late')).toBe(true);
    expect(reads('na gut, dann sehen wir uns morgen um acht am bahnhof')).toBe(true);
    expect(reads('حسنا أراك غدا في المحطة')).toBe(false);
    expect(reads('그럼 내일 역에서 봐')).toBe(false);
    expect(reads('じゃあ明日駅で会おう')).toBe(false);
    expect(reads('хорошо, увидимся завтра на вокзале')).toBe(false);
  });

  test('a base that is known by name and content', () => {
    expect(baseId(join(folder, 'nano'))).toMatch(/^nano@[0-9a-f]{12}$/);
    expect(() => baseId(join(folder, 'none'))).toThrow('does not exist');
  });
});
