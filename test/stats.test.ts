/** `persona import --stats`: a report on a file that stores nothing, and on what is stored and consented. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { displayWidth } from '../scripts/charts.ts';
import { openStore } from '../src/store/store.ts';
import { projectRoot } from '../src/util/dist.ts';
import { makeHome, persona, type Home } from './support/cli.ts';

const sample = join(projectRoot, 'persona', 'sample', 'chat.txt');
const everybody = ['--me', 'Juno Varga', '--i-have-consent-from', 'Elias Brandt', '--yes'];

const share = z.object({ share: z.number(), among: z.number(), who: z.string() });
const report = z.object({
  of: z.string(),
  timezone: z.string(),
  persona: z.string().nullable(),
  statistics: z.object({
    messages: z.number(),
    conversations: z.number(),
    tokens: z.number(),
    people: z.array(z.object({ who: z.string(), messages: z.number(), hours: z.array(z.number()).length(24) })),
  }),
  notCounted: z.record(z.string(), z.number()).optional(),
  dataset: z
    .object({ leftOut: z.record(z.string(), z.number()), redactions: z.record(z.string(), z.number()) })
    .optional(),
  dominant: z.array(share).optional(),
});

let home: Home;
beforeEach(async () => {
  home = makeHome();
  await persona(home, ['init', '--name', 'Juno', '--size', 'nano', '--yes']);
});
afterEach(() => home.remove());

describe('import --stats', { timeout: 120_000 }, () => {
  test('FILE: counts and charts of 80 columns, no words of the chat, nothing stored', async () => {
    const { code, stdout, stderr } = await persona(home, ['import', sample, '--stats', '--me', 'Juno Varga']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('2,012 messages');
    expect(stdout).toMatch(/Juno Varga +█+ +1,387 {2}69 %/);
    for (const hidden of ['\u001b', 'moose', 'pickle']) expect(stdout).not.toContain(hidden);
    for (const line of stdout.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(80);
    const store = openStore(home.dataDir);
    const stored = { messages: store.messages.count(), chats: store.chats.list() };
    store.close();
    expect(stored).toEqual({ messages: 0, chats: [] });
  });

  test('without a file: what is stored, and what tonight would learn', async () => {
    const empty = await persona(home, ['import', '--stats']);
    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain('there are no messages in what is stored');
    await persona(home, ['import', sample, ...everybody]);
    const { code, stdout } = await persona(home, ['import', '--stats', '--json']);
    expect(code).toBe(0);
    const stored = report.parse(JSON.parse(stdout));
    expect(stored).toMatchObject({ persona: 'Juno', dominant: [], statistics: { messages: 2012 } });
    expect(stored.dataset?.leftOut['sealedMessages']).toBe(0);
    const file = report.parse(JSON.parse((await persona(home, ['import', sample, '--stats', '--json'])).stdout));
    const named = file.statistics.people.map((each) => ({ ...each, who: each.who.replace('Juno Varga', 'Juno') }));
    expect(named).toEqual(stored.statistics.people);
    expect(file.notCounted).toEqual({ system: 1, call: 5, deleted: 3 });
  });
});
