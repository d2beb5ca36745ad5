/** Dialogues of strangers -> a base. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseDialogues, type Dialogue } from '../../src/dataset/jsonl.ts';
import { isHeldOut, pretrain, type PretrainOptions } from '../../src/train/pretrain.ts';
import { createRandom } from '../../src/util/random.ts';

const things = ['tea', 'rain', 'bats', 'toast', 'socks', 'maps', 'plums', 'bikes'];
const moods = ['great', 'awful', 'fine', 'odd', 'slow', 'loud'];

/** Small talk with something to learn in it: who asks about a thing is told its mood, and agrees. */
function smallTalk(count: number): Dialogue[] {
  const random = createRandom('small talk');
  return Array.from({ length: count }, (_, i) => {
    const [thing, mood] = [things[random.int(things.length)]!, moods[random.int(moods.length)]!];
    const texts = [
      `how was the ${thing}, number ${i}?`,
      `the ${thing} was ${mood}`,
      `${mood} ${thing}, nice`,
      'see you',
    ];
    return { id: `talk-${i}`, turns: texts.map((t, at) => ({ s: 'ab'[at % 2]!, t })), where: 'test' };
  });
}

const options: PretrainOptions = {
  size: 'nano',
  vocabSize: 400,
  passes: 2,
  recipe: { batchTokens: 512 },
  backend: 'simd',
  threads: 1,
  seed: 1,
};

describe('pretraining', { timeout: 60_000 }, () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'persona-pretrain-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('learns how people write, measured on dialogues that it never saw', async () => {
    const dialogues = smallTalk(800);
    const trained = await pretrain(dialogues, options);
    trained.engine.dispose();
    const held = dialogues.filter(({ id }) => isHeldOut(id));
    expect(held.length).toBeGreaterThan(0);
    expect(trained.heldOut.dialogues).toBe(held.length);
    expect(trained.learned.dialogues).toBe(800 - held.length);
    expect(trained.heldOut.bitsPerByte).toBeLessThan(1.5); // bytes drawn from the 26 letters cost 4.7
    expect(trained.result.curve.at(-1)?.validationNats).toBeLessThan(trained.result.curve[0]?.validationNats ?? 0);
  });

  test('a second leg goes on from the first, with its tokenizer', async () => {
    const dialogues = smallTalk(400);
    const first = await pretrain(dialogues, options);
    const weights = await first.engine.exportWeights();
    first.engine.dispose();
    const base = { config: first.engine.config, weights, tokenizerJson: first.tokenizerJson };
    const second = await pretrain(dialogues, { ...options, base, vocabSize: undefined });
    second.engine.dispose();
    expect(second.tokenizerJson).toBe(first.tokenizerJson);
    expect(second.result.curve[0]?.validationNats).toBeCloseTo(first.result.bestValidation ?? 0, 4);
    expect(second.heldOut.bitsPerByte).toBeLessThan(first.heldOut.bitsPerByte);
  });

  test('stopped and called again, it ends in the same bits', async () => {
    const dialogues = smallTalk(200);
    const through = await pretrain(dialogues, options);
    const stop = new AbortController();
    const stateDir = join(dir, 'state');
    const onProgress = ({ step }: { step: number }): void => {
      if (step === 5) stop.abort();
    };
    const stopped = await pretrain(dialogues, { ...options, stateDir, onProgress, signal: stop.signal });
    expect(stopped.result.stoppedBecause).toBe('aborted');
    const resumed = await pretrain(dialogues, { ...options, stateDir });
    expect(resumed.result.steps).toBe(through.result.steps);
    expect(await resumed.engine.exportWeights()).toEqual(await through.engine.exportWeights());
    for (const { engine } of [through, stopped, resumed]) engine.dispose();
  });

  test('what is sensitive is no text to learn: neither words nor merges', async () => {
    const numbers = Array.from({ length: 60 }, (_, i) => ({
      id: `call-${i}`,
      turns: [
        { s: 'a', t: `what was the number again, ${i}?` },
        { s: 'b', t: 'call me at +44 20 7946 0958 or write to ada.lovelace@example.org ok' },
        { s: 'a', t: `thanks ${i}` },
      ],
      where: 'test',
    }));
    const trained = await pretrain([...smallTalk(100), ...numbers], { ...options, passes: 1 });
    trained.engine.dispose();
    for (const piece of ['7946', '0958', 'lovelace', 'example.org']) {
      expect(Object.keys(vocabularyOf(trained.tokenizerJson)).filter((token) => token.includes(piece))).toEqual([]);
    }
  });
});

test('a file that cannot be read is named with its line, and its text is not', () => {
  expect(() => parseDialogues('{"id":1,"turns":[]}\n{"id":2,"secret":"x"}', 'talk.jsonl')).toThrow(
    /^talk\.jsonl:2: "turns" is missing or of the wrong type/,
  );
});

function vocabularyOf(tokenizerJson: string): Record<string, number> {
  return (JSON.parse(tokenizerJson) as { model: { vocab: Record<string, number> } }).model.vocab;
}
