/** The bot's sentences: read, checked, filled. Run: npx vitest run test/consent/notice.test.ts */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { consentNotice, disclosure, fill, noticeKeys, phrases } from '../../src/consent/notice.ts';
import { UserError } from '../../src/util/errors.ts';
import { sha256 } from '../../src/util/files.ts';

const shipped = join(import.meta.dirname, '../../persona/notices');

const english = Object.fromEntries(noticeKeys.map((key) => [key, `${key} in English`]));
const full: Record<string, string> = {
  ...english,
  notice: 'May {persona} learn?',
  disclosure: 'I imitate {persona}.',
  noVoice: '{n} of 300',
};

function folder(files: Record<string, unknown>): string {
  const dir = mkdtempSync(join(tmpdir(), 'persona-notices-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

function refusal(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('every shipped language is complete, and asks with the three commands in it', () => {
  const languages = readdirSync(shipped).filter((name) => name.endsWith('.json'));
  expect(languages).toContain('en.json');
  for (const name of languages) {
    const language = name.replace('.json', '');
    const own = JSON.parse(readFileSync(join(shipped, name), 'utf8')) as object;
    expect(Object.keys(own).sort(), name).toEqual([...noticeKeys].sort());
    const { text, hash, language: found } = consentNotice(shipped, language, { persona: 'Juno' });
    expect(found).toBe(language);
    expect(hash).toBe(sha256(text));
    for (const command of ['!consent yes', '!consent no', '!stop', 'Juno']) expect(text, name).toContain(command);
    expect(text).not.toMatch(/[{}]/);
    expect(disclosure(shipped, language, { persona: 'Juno' }), name).toContain('Juno');
  }
});

test('another persona or language is another hash', () => {
  const dir = folder({ 'en.json': full, 'de.json': { notice: 'Darf {persona} lernen?' } });
  const hashes = [
    consentNotice(dir, 'en', { persona: 'Juno' }),
    consentNotice(dir, 'en', { persona: 'Ada' }),
    consentNotice(dir, 'de', { persona: 'Juno' }),
  ].map(({ hash }) => hash);
  expect(new Set(hashes).size).toBe(3);
});

test('a missing language or key falls back to English', () => {
  const dir = folder({
    'en.json': full,
    'de.json': { notice: 'Darf {persona} lernen?' },
    'pt.json': { help: 'Ajuda' },
  });
  expect(consentNotice(dir, 'de', { persona: 'Juno' })).toMatchObject({ text: 'Darf Juno lernen?', language: 'de' });
  expect(phrases(dir, 'de').help).toBe('help in English');
  expect(phrases(dir, 'pt-BR').help).toBe('Ajuda');
  expect(consentNotice(dir, 'pt-BR', { persona: 'Juno' })).toMatchObject({ text: 'May Juno learn?', language: 'en' });
  expect(consentNotice(dir, 'fr', { persona: 'Juno' })).toMatchObject({ text: 'May Juno learn?', language: 'en' });
  expect(phrases(dir, '../../etc/passwd').help).toBe('help in English');
});

test('unknown keys, wrong types, changed places, broken and missing files are refused by name', () => {
  const bad = (de: unknown): UserError => {
    const dir = folder({ 'en.json': full, 'de.json': de });
    return refusal(() => phrases(dir, 'de'));
  };
  expect(bad({ helo: 'x' }).message).toMatch(/de\.json: unknown key "helo"\.$/);
  expect(bad({ helo: 'x' }).hint).toContain('help');
  expect(bad({ help: 7 }).message).toMatch(/de\.json: "help": .*string/);
  expect(bad({ help: ' ' }).message).toMatch(/de\.json: "help": /);
  expect(bad('{').message).toMatch(/de\.json cannot be read as JSON\.$/);
  expect(bad({ notice: 'Darf ich?' }).message).toMatch(/"notice" has the places none, the English one \{persona\}\.$/);
  expect(bad({ help: 'Hilfe {x}' }).hint).toBe('Use exactly the same {places} in "help" as en.json does.');
  expect(refusal(() => phrases(folder({}), 'en')).message).toMatch(/en\.json cannot be read as JSON\.$/);
  const lacking = Object.fromEntries(Object.entries(full).filter(([key]) => key !== 'help'));
  expect(refusal(() => phrases(folder({ 'en.json': lacking }), 'en')).message).toMatch(/en\.json lacks "help"\.$/);
});

test('fill puts text in as text, and knows its places', () => {
  expect(fill('{n} of 300, {n}', { n: 12 })).toBe('12 of 300, 12');
  expect(fill('{persona}', { persona: '$& {n}' })).toBe('$& {n}');
  expect(() => fill('{toString}', {})).toThrow('no value for {toString} of a notice');
});
