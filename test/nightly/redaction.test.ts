/**
 * What training hides, prompts hide in the same way: the ids a reply is made from are those that were learned from, for
 * texts of every kind of secret and a persona with names of its own. And what is hidden is in no tokenizer and no export.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { importSample, sample } from '../../scripts/sample.ts';
import { parsePersona } from '../../src/config.ts';
import { redactorOf } from '../../src/consent/redact.ts';
import { redactionOf } from '../../src/consent/redact-regions.ts';
import { exportSft } from '../../src/nightly/export-sft.ts';
import { buildPrompt } from '../../src/reply/prompt.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { chatIds, encodeConversation, specialTokens } from '../../src/tokenizer/chat-format.ts';
import type { ConversationMessage } from '../../src/types.ts';

const dir = mkdtempSync(join(tmpdir(), 'persona-redaction-'));
afterAll(() => rmSync(dir, { recursive: true }));

const persona = parsePersona(
  { name: 'Ada', languages: ['de'], timezone: 'Europe/Zurich', redaction: { names: ['Zelda'] } },
  'persona.json',
);
const redact = redactorOf(redactionOf(persona));

const texts = [
  'ruf zeldas mama an: 079 123 45 67',
  'jo bei gmail punkt com',
  'CH93 0076 2011 6238 5295 7 und karte 4242 4242 4242 4242',
  'https://example.org/a?token=1',
  'wlan passwort ist Sonne2020',
  'Hauptstraße 5, 12345 Berlin',
];
const messages: ConversationMessage[] = texts.map((text, at) => ({
  rowId: at + 1,
  personId: 2,
  isPersona: false,
  isBot: false,
  timestampMs: Date.UTC(2026, 8, 1, 9, at),
  minutePrecision: false,
  text,
  media: null,
  quotedRowId: null,
}));
const answer = {
  ...messages[0]!,
  rowId: 99,
  personId: 1,
  isPersona: true,
  text: 'ok',
  timestampMs: Date.UTC(2026, 8, 1, 9, 9),
};
const tokenizer = createTokenizer(trainBpe(texts, { vocabSize: 340, specials: specialTokens }));

test('a prompt is the beginning of what was learned from, placeholders and all', () => {
  const learned = encodeConversation([...messages, answer], tokenizer, { redact });
  const { ids } = buildPrompt(messages, tokenizer, { contextLength: 1024, redact });
  const prompt = ids.slice(0, -1); // its last id says whose turn it is
  expect([...learned.ids.slice(0, prompt.length)]).toEqual(prompt);
  const { redactions } = chatIds(tokenizer);
  expect(ids.filter((id) => Object.values(redactions).includes(id))).toEqual(
    (['name', 'phone', 'email', 'card', 'card', 'link', 'secret', 'secret'] as const).map((kind) => redactions[kind]),
  );
});

test('no digit of a secret reaches the ids', () => {
  const { ids } = buildPrompt(messages, tokenizer, { contextLength: 1024, redact });
  const said = tokenizer.decode(ids.filter((id) => id >= specialTokens.length));
  expect(said).not.toMatch(/\d|zelda|gmail|Sonne|Haupt/i);
});

test('an export holds no name that was given, and the same rows otherwise', async () => {
  const dataDir = join(dir, 'data');
  await importSample(dataDir);
  const where = { dataDir, speaker: 'me', timezone: sample.timezone, format: 'text' } as const;
  const plain = exportSft({ ...where, file: join(dir, 'plain.jsonl') });
  const named = exportSft({
    ...where,
    file: join(dir, 'named.jsonl'),
    redaction: { regions: ['GB'], names: ['moose'] },
  });
  expect(readFileSync(plain.file, 'utf8')).toMatch(/moose/i);
  expect(readFileSync(named.file, 'utf8')).not.toMatch(/\bmoose\b/i);
  expect(named.rows).toBe(plain.rows);
});
