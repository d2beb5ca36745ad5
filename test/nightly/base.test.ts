/** A night that starts from a Llama folder of another program: grouped keys, an output of its own, a foreign tokenizer. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importSample, sample } from '../../scripts/sample.ts';
import { loadServing } from '../../src/checkpoint/current.ts';
import { useModel } from '../../src/nightly/models.ts';
import { retrain } from '../../src/nightly/retrain.ts';
import { createTokenizer } from '../../src/tokenizer/bpe.ts';
import { chatIds } from '../../src/tokenizer/chat-ids.ts';
import { fromTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import { projectRoot } from '../../src/util/dist.ts';

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'persona-base-'));
  await importSample(join(dir, 'data'));
});
afterAll(() => rmSync(dir, { recursive: true }));

test(
  'it learns; the gate hears it babble; chosen all the same, its folder is one of Hugging Face again',
  { timeout: 120_000 },
  async () => {
    const modelsDir = join(dir, 'models');
    const result = await retrain({
      dataDir: join(dir, 'data'),
      modelsDir,
      speaker: 'me',
      timezone: sample.timezone,
      size: 'nano',
      maxMinutes: 0.25,
      backend: 'simd',
      base: join(projectRoot, 'test', 'checkpoint', 'references', 'grouped-bf16'),
      sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
      nowMs: Date.UTC(2026, 8, 1, 3),
    });
    // 32 wide, with random weights before this night: better than it was, and not fit to speak
    expect(result).toMatchObject({ verdict: 'kept', report: { gate: { against: 'base' } } });
    expect(result.report!.gate.loss!.upper).toBeLessThan(-0.1);
    expect(result.report!.gate.failed.join()).toMatch(/of its replies are/);
    expect(loadServing(modelsDir)).toBeUndefined();
    useModel(result.run!, { dataDir: join(dir, 'data'), modelsDir, speaker: 'me', timezone: sample.timezone });
    const run = loadServing(modelsDir)!;
    expect(run.config).toMatchObject({ heads: 4, kvHeads: 2, tiedEmbeddings: false, vocabSize: 342 + 64, width: 32 });
    expect(run.config.ropeScaling).not.toBeNull();
    const ids = chatIds(createTokenizer(fromTokenizerJson(run.tokenizerJson)));
    expect(ids.bos).toBe(342);
    const config = JSON.parse(readFileSync(join(run.dir, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({ bos_token_id: 342, eos_token_id: ids.end, num_key_value_heads: 2 });
    const generation = readFileSync(join(run.dir, 'generation_config.json'), 'utf8');
    expect((JSON.parse(generation) as { suppress_tokens: number[] }).suppress_tokens).toEqual([...ids.bannedInReplies]);
    expect(ids.bannedInReplies.has(340)).toBe(true); // the base's own <|begin_of_text|>
  },
);
