/** Settings: every message a user can get for a wrong variable, key or value. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadEnvironment, loadPersona, parsePersona } from '../src/config.ts';
import { UserError } from '../src/util/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'persona-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function failure(work: () => unknown): UserError {
  try {
    work();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('environment', () => {
  test('has the defaults of the contract', () => {
    const env = loadEnvironment({});
    expect(env).toMatchObject({
      backend: 'auto',
      chromeArgs: [],
      chromePath: undefined,
      reviewPort: 4680,
      metricsPort: 4681,
      retrainCron: '0 3 * * *',
      ownerNumbers: [],
      pairingNumber: undefined,
      memoryLimitMb: 2048,
      logLevel: 'info',
    });
    expect(env.dataDir.endsWith('/data')).toBe(true);
  });

  test('reads every variable', () => {
    const env = loadEnvironment({
      DATA_DIR: folder,
      CHROME_ARGS: '["--a","--b=1"]',
      OWNER_NUMBERS: '+49 151 123-45678, 447700900123',
      PERSONA_BACKEND: 'cpu',
      REVIEW_PORT: '0',
      METRICS_PORT: 'off',
      RETRAIN_CRON: 'off',
      PAIRING_NUMBER: '+49 (151) 123-45678',
      MEMORY_LIMIT_MB: '1024',
      LOG_LEVEL: 'warn',
    });
    expect(env).toMatchObject({
      dataDir: folder,
      chromeArgs: ['--a', '--b=1'],
      ownerNumbers: ['4915112345678', '447700900123'],
      backend: 'cpu',
      reviewPort: 0,
      metricsPort: 'off',
      retrainCron: 'off',
      pairingNumber: '4915112345678',
      memoryLimitMb: 1024,
      logLevel: 'warn',
    });
  });

  test.each([
    ['PERSONA_BACKEND', 'gpu'],
    ['LOG_LEVEL', 'loud'],
    ['CHROME_ARGS', '--no-sandbox'],
    ['CHROME_ARGS', '[1]'],
    ['REVIEW_PORT', '70000'],
    ['REVIEW_PORT', 'x'],
    ['METRICS_PORT', '-1'],
    ['OWNER_NUMBERS', 'mum'],
    ['RETRAIN_CRON', 'at night'],
    ['PAIRING_NUMBER', '+49151, +49152'],
    ['MEMORY_LIMIT_MB', '0'],
  ])('%s=%s names the variable, the value and the remedy', (name, value) => {
    const error = failure(() => loadEnvironment({ [name]: value }));
    expect(error.message).toBe(`${name} is "${value}"`);
    expect(error.hint).toContain(`set ${name} to`);
  });
});

describe('persona.json', () => {
  test('fills in the defaults', () => {
    expect(parsePersona({ name: 'Ada' }, 'persona.json')).toMatchObject({
      speaker: 'me',
      languages: ['en'],
      timezone: 'UTC',
      replies: { quote: 'auto', typing: 'learned', caps: { perChatSeconds: 5, perChatHour: 20, perDay: 100 } },
      sampling: { temperature: 0.8 },
      training: { size: 'small', maxMinutes: 240 },
      review: 'optional',
      redaction: { names: [], regions: null },
    });
  });

  test('missing: says how to make one', () => {
    const error = failure(() => loadPersona(folder));
    expect(error.message).toContain('there is no persona yet');
    expect(error.hint).toContain('persona init');
    expect(error.exitCode).toBe(1);
  });

  test('not JSON: names the file', () => {
    writeFileSync(join(folder, 'persona.json'), '{ "name": ');
    const error = failure(() => loadPersona(folder));
    expect(error.message).toContain(join(folder, 'persona.json'));
  });

  test.each([
    [{ name: 'Ada', speeker: 'me' }, 'unknown key "speeker", did you mean "speaker"?'],
    [{ name: 'Ada', replies: { quotes: 'auto' } }, 'unknown key "replies.quotes", did you mean "quote"?'],
    [{ name: 'Ada', redaction: { name: ['Eve'] } }, 'unknown key "redaction.name", did you mean "names"?'],
    [{ name: 'Ada', redaction: { region: ['DE'] } }, 'unknown key "redaction.region", did you mean "regions"?'],
    [{ name: 'Ada', redaction: { regions: ['de'] } }, '"redaction.regions.0" '],
    [{ name: 'Ada', redaction: { regions: ['EU'] } }, 'must be a country of ISO 3166'],
    [{ name: 'Ada', redaction: { names: ['E'] } }, 'must have at least two characters'],
    [{ name: 'Ada', zzzzzzzz: 1 }, 'unknown key "zzzzzzzz"'],
    [{}, '"name" missing'],
    [{ name: '' }, '"name" is "": must not be empty'],
    [{ name: 'Ada', timezone: 'Berlin' }, '"timezone" is "Berlin": must be an IANA time zone'],
    [{ name: 'Ada', replies: { quietHours: '25:00-08:00' } }, '"replies.quietHours" is "25:00-08:00"'],
    [{ name: 'Ada', training: { maxMinutes: 900 } }, 'a night takes at most 240 minutes'],
    [{ name: 'Ada', languages: ['not a tag'] }, '"languages.0" '],
    [[], '"(whole file)" is []'],
  ])('%j is refused with the key and the value', (json, words) => {
    expect(failure(() => parsePersona(json, 'persona.json')).message).toContain(words);
  });
});
