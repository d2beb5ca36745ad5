/**
 * What ships in persona/: the sample chat is the size and shape the demo counts on and names nobody real, every notice
 * is there in every language with the same placeholders and commands, and example, schema and config.ts agree.
 * Not covered: whether translations read well.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parsePersona } from '../src/config.ts';

const personaDir = join(import.meta.dirname, '..', 'persona');
const read = (...path: string[]): string => readFileSync(join(personaDir, ...path), 'utf8');
const readJson = (...path: string[]): unknown => JSON.parse(read(...path));

describe('sample chat', () => {
  const persona = 'Juno Varga';
  const other = 'Elias Brandt';
  const exported = read('sample', 'chat.txt');
  const messages = parse(exported);
  const by = (sender: string): Message[] => messages.filter((message) => message.sender === sender);

  test('holds two people and enough of the persona', () => {
    expect(new Set(messages.map((message) => message.sender))).toEqual(new Set([persona, other]));
    expect(messages.length).toBeGreaterThanOrEqual(1_500);
    expect(by(persona).length).toBeGreaterThanOrEqual(900);
    expect(by(other).length).toBeGreaterThanOrEqual(400);
  });

  test('counts in its README are true', () => {
    const count = (n: number): string => n.toLocaleString('en-GB');
    expect(read('sample', 'README.md')).toContain(
      `${count(messages.length)} messages, ${count(by(persona).length)} of`,
    );
  });

  test('spans five months, every ISO week of them, in order', () => {
    const times = messages.map((message) => message.time.toMillis());
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(messages.every((message) => message.time.isValid)).toBe(true);
    const weeks = new Map<string, number>();
    for (const { time, sender } of messages) {
      const week = time.toFormat("kkkk-'W'WW");
      weeks.set(week, (weeks.get(week) ?? 0) + (sender === persona ? 1 : 0));
    }
    expect(weeks.size).toBeGreaterThanOrEqual(20);
    expect(Math.min(...weeks.values())).toBeGreaterThanOrEqual(10);
    expect((times.at(-1)! - times[0]!) / 86_400_000).toBeGreaterThan(150);
  });

  test('the persona writes in bursts, in lower case and briefly; the other does not', () => {
    expect(burstShare(messages, persona)).toBeGreaterThan(0.5);
    expect(burstShare(messages, other)).toBeLessThan(0.1);
    expect(lowerCaseShare(by(persona))).toBeGreaterThan(0.95);
    expect(lowerCaseShare(by(other))).toBeLessThan(0.1);
    expect(meanLength(by(other))).toBeGreaterThan(2 * meanLength(by(persona)));
  });

  test('holds what real exports hold', () => {
    const texts = messages.map((message) => message.text);
    for (const text of [
      '<Media omitted>',
      'This message was deleted',
      'You deleted this message',
      'Missed voice call',
      'Missed video call',
    ])
      expect(texts).toContain(text);
    expect(texts.filter((text) => text.endsWith(' \u200e<This message was edited>')).length).toBeGreaterThanOrEqual(4);
    expect(texts.some((text) => text.includes('\n'))).toBe(true);
    expect(longestSilenceHours(messages)).toBeGreaterThan(36);
  });

  test('repeats no long message of the persona', () => {
    const long = by(persona)
      .map((message) => message.text.toLowerCase())
      .filter((text) => text.split(/\s+/).length >= 6);
    expect(new Set(long).size).toBe(long.length);
  });

  test('holds no phone number, no e-mail address, no link but to example.org', () => {
    const bodies = messages.map((message) => message.text).join('\n');
    expect(bodies).not.toMatch(/@/);
    expect(bodies.match(/\d[\d ().-]{5,}\d/g)).toBeNull();
    const hosts = [...bodies.matchAll(/https?:\/\/([^\s/]+)/g)].map((match) => match[1]);
    expect(new Set(hosts)).toEqual(new Set(['example.org']));
  });
});

describe('notices', () => {
  const languages = ['ar', 'de', 'en', 'es', 'fr', 'hi', 'it', 'nl', 'pt', 'tr'];
  const notices = (language: string): Record<string, string> =>
    z.record(z.string(), z.string().min(1)).parse(readJson('notices', `${language}.json`));
  const english = notices('en');
  const placeholdersIn = (text: string): string[] => [...new Set(text.match(/\{\w*\}/g))].sort();
  const commandsIn = (text: string): string[] =>
    (text.match(/!(?:consent (?:yes|no)|bot off|stop|forget|help)\b/g) ?? []).sort();

  test('exist in ten languages', () => {
    expect(readdirSync(join(personaDir, 'notices')).sort()).toEqual(languages.map((language) => `${language}.json`));
  });

  test('English says what the design fixes', () => {
    expect(english['noVoice']).toMatch(/^No voice yet: \{n\} of 300\b/);
    expect(placeholdersIn(english['notice'] ?? '')).toEqual(['{persona}']);
    expect(commandsIn(english['notice'] ?? '')).toEqual(['!consent no', '!consent yes', '!stop']);
    expect(placeholdersIn(english['disclosure'] ?? '')).toEqual(['{persona}']);
    expect(commandsIn(english['disclosure'] ?? '')).toEqual(['!help']);
    expect(placeholdersIn(english['status'] ?? '')).toEqual(['{bot}', '{collect}', '{messages}', '{voice}']);
  });

  test.each(languages)(
    '%s: same keys, placeholders and commands as English, same paragraphs in the notice',
    (language) => {
      const translated = notices(language);
      expect(Object.keys(translated)).toEqual(Object.keys(english));
      for (const [key, text] of Object.entries(english)) {
        expect(placeholdersIn(translated[key] ?? ''), key).toEqual(placeholdersIn(text));
        expect(commandsIn(translated[key] ?? ''), key).toEqual(commandsIn(text));
      }
      expect(translated['notice']?.split('\n\n')).toHaveLength(3);
      if (language !== 'en') expect(Object.keys(english).filter((key) => translated[key] === english[key])).toEqual([]);
    },
  );
});

describe('settings', () => {
  const schema = readJson('persona.schema.json');
  const example = readJson('persona.example.json');
  const validator = z.fromJSONSchema(z.record(z.string(), z.json()).parse(schema));

  test('the example passes the schema and config.ts, and names every setting', () => {
    expect(validator.safeParse(example).error).toBeUndefined();
    expect(keyPaths(parsePersona(example, 'persona.example.json'))).toEqual(keyPaths(example));
    expect(settingsOf(schema).map((setting) => setting.path)).toEqual(keyPaths(example));
  });

  test('every setting has a description, and every default is the one of config.ts', () => {
    const defaults: unknown = parsePersona({ name: 'x' }, 'persona.json');
    for (const { path, node } of settingsOf(schema)) {
      expect(node['description'], path).toEqual(expect.any(String));
      if ('default' in node) expect(at(defaults, path), path).toEqual(node['default']);
    }
  });

  test.each([
    ['unknown key', { name: 'x', nmae: 'x' }],
    ['unknown key in replies', { name: 'x', replies: { quotes: 'auto' } }],
    ['unknown key in caps', { name: 'x', replies: { caps: { perMinute: 1 } } }],
    ['no name', { speaker: 'me' }],
    ['an unknown quote mode', { name: 'x', replies: { quote: 'sometimes' } }],
    ['quiet hours that are none', { name: 'x', replies: { quietHours: '22-8' } }],
    ['an unknown size', { name: 'x', training: { size: 'huge' } }],
    ['a night longer than 4 h', { name: 'x', training: { maxMinutes: 241 } }],
    ['topP above 1', { name: 'x', sampling: { topP: 1.1 } }],
    ['minP below 0', { name: 'x', sampling: { minP: -0.1 } }],
  ])('schema and config.ts both refuse %s', (_, settings) => {
    expect(validator.safeParse(settings).success).toBe(false);
    expect(() => parsePersona(settings, 'persona.json')).toThrow();
  });

  test('quiet hours may be null', () => {
    expect(validator.safeParse({ name: 'x', replies: { quietHours: null } }).success).toBe(true);
  });
});

interface Message {
  time: DateTime;
  sender: string;
  text: string;
}

/** The sample's own fixed shape, read without the importer, so that neither can hide a fault of the other. */
function parse(exported: string): Message[] {
  const [notice, ...lines] = exported.trimEnd().split('\n');
  expect(notice).toContain('end-to-end encrypted');
  const messages: Message[] = [];
  for (const line of lines) {
    const match = /^(\d\d\/\d\d\/\d{4}, \d\d:\d\d) - ([^:]+): (.+)$/.exec(line);
    if (match) {
      const time = DateTime.fromFormat(match[1]!, 'dd/MM/yyyy, HH:mm', { zone: 'Europe/London' });
      messages.push({ time, sender: match[2]!, text: match[3]! });
    } else {
      messages.at(-1)!.text += `\n${line}`;
    }
  }
  return messages;
}

/** Share of a person's turns that hold two messages or more. */
function burstShare(messages: Message[], sender: string): number {
  const turns: { sender: string; length: number }[] = [];
  for (const message of messages) {
    const turn = turns.at(-1);
    if (turn?.sender === message.sender) turn.length += 1;
    else turns.push({ sender: message.sender, length: 1 });
  }
  const own = turns.filter((turn) => turn.sender === sender);
  return own.filter((turn) => turn.length > 1).length / own.length;
}

/** Messages without an upper-case letter at the start, of those that start with a letter. */
function lowerCaseShare(messages: Message[]): number {
  const worded = messages.filter(
    ({ text }) => /^\p{L}/u.test(text) && !/^(?:You deleted|This message|Missed v)/.test(text),
  );
  return worded.filter(({ text }) => !/^\p{Lu}/u.test(text)).length / worded.length;
}

function meanLength(messages: Message[]): number {
  return messages.reduce((sum, { text }) => sum + text.length, 0) / messages.length;
}

function longestSilenceHours(messages: Message[]): number {
  const gaps = messages.slice(1).map(({ time }, i) => time.diff(messages[i]!.time, 'hours').hours);
  return Math.max(...gaps);
}

/** Dotted paths of all leaves, sorted; `$schema` is the editor's, not a setting. */
function keyPaths(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix];
  return Object.entries(value)
    .filter(([key]) => key !== '$schema')
    .flatMap(([key, inner]) => keyPaths(inner, prefix === '' ? key : `${prefix}.${key}`))
    .sort();
}

/** Leaves of the JSON Schema by dotted path, sorted; fails where an object allows keys it does not name. */
function settingsOf(schema: unknown, prefix = ''): { path: string; node: Record<string, unknown> }[] {
  const node = z.record(z.string(), z.unknown()).parse(schema);
  if (node['type'] !== 'object') return [{ path: prefix, node }];
  expect(node['additionalProperties'], prefix).toBe(false);
  return Object.entries(z.record(z.string(), z.unknown()).parse(node['properties']))
    .filter(([key]) => key !== '$schema')
    .flatMap(([key, inner]) => settingsOf(inner, prefix === '' ? key : `${prefix}.${key}`))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => z.record(z.string(), z.unknown()).parse(inner)[key], value);
}
