/** What a card is told of a real store: people, tokens, and feedback counted once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importSample, sample } from '../../../scripts/sample.ts';
import { defaultRegions } from '../../../src/consent/redact.ts';
import { factsOf } from '../../../src/nightly/report/facts.ts';
import { snapshot } from '../../../src/nightly/snapshot.ts';
import { openStore } from '../../../src/store/store.ts';
import { createTokenizer, trainBpe } from '../../../src/tokenizer/bpe.ts';
import { specialTokens } from '../../../src/tokenizer/chat-format.ts';

let dataDir: string;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'persona-facts-'));
  await importSample(dataDir);
});
afterAll(() => rmSync(dataDir, { recursive: true }));

const factsOfRun = (run: string) => {
  const dataset = snapshot({ dataDir, speaker: 'me', timezone: sample.timezone });
  const tokenizer = createTokenizer(trainBpe(['a b'], { vocabSize: 330, specials: specialTokens }));
  return { dataset, ...factsOf(dataset, tokenizer, { dataDir, redaction: { regions: defaultRegions }, run }) };
};

test('people and tokens of the train split', () => {
  const { dataset, people, tokens } = factsOfRun('first');
  expect(people).toBe(2);
  // nearly a token a byte with a tokenizer that knows no words; the persona wrote about half
  expect(tokens).toBeGreaterThan(dataset.manifest.counts.train.personaBytes);
  expect(tokens).toBeLessThan(5 * dataset.manifest.counts.train.personaBytes);
});

test('feedback of the run before is not counted again', () => {
  const { dataset, feedback } = factsOfRun('first');
  expect(feedback?.corrections).toEqual({ learned: 0, heldOut: 0, beyondCap: 0 });
  expect(feedback?.since.newestRowId).toBeGreaterThan(dataset.manifest.rows.length / 2);
  const store = openStore(dataDir);
  try {
    const report = { card: { heldOut: null, manner: null, feedback } };
    const run = { startedAtMs: 5, finishedAtMs: 6, reason: '', report } as const;
    store.runs.add({ ...run, id: 'first', verdict: 'promoted' });
    store.runs.add({ ...run, id: 'skipped', verdict: 'skipped', report: {} });
    const chatId = store.chats.list()[0]!.id;
    const outboxId = store.outbox.begin({ chatId, kind: 'reply', inReplyTo: null, textHash: '' });
    store.feedback.again(outboxId);
    store.feedback.again(outboxId);
  } finally {
    store.close();
  }
  expect(factsOfRun('second').feedback?.since).toMatchObject({ again: 1, corrections: 0 });
});
