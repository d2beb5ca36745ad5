/**
 * 10,000 events made by chance (fuzz-events.ts) through the real bot, store and log, in chats where nobody agreed
 * (promises E1, G7): no row of text, no send, no word in the log, and no byte of any text in the files. The controls
 * show that each of these would be found.
 * Run: npx vitest run test/bot/fuzz.test.ts
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createRandom } from '../../src/util/random.ts';
import { canaryPattern, carol, createFuzzer, dora, erin, group, strangerDigits } from './fuzz-events.ts';
import { anna, ben, createWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.close());

/** Where a text, or the id of a stranger, was found. */
interface Leaks {
  rows: number;
  sends: number;
  /** times that the model was asked */
  spoken: number;
  logLines: string[];
  files: string[];
}

const none: Leaks = { rows: 0, sends: 0, spoken: 0, logLines: [], files: [] };
const isLeak = (text: string): boolean => canaryPattern.test(text) || text.includes(strangerDigits);

/** Raw bytes of the database, its write-ahead log and whatever else lies there. */
function filesWithLeaks(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => {
    const path = join(dir, name);
    return isLeak(name) || (statSync(path).isFile() && isLeak(readFileSync(path, 'latin1')));
  });
}

function leaks(messagesBefore: number): Leaks {
  return {
    rows: world.store.messages.count() - messagesBefore,
    sends: world.sent.length,
    spoken: world.spoken.length,
    logLines: world.logLines.filter(isLeak),
    files: filesWithLeaks(world.dir),
  };
}

/** Chats before consent, of every kind: asked, refused, withdrawn, replies on without asking, a group. */
async function beforeConsent(): Promise<void> {
  world.phone.known.push(carol, dora, erin);
  await world.type(anna, '!collect on');
  await world.type(ben, '!collect on');
  await world.hear(ben, '!consent no');
  await world.open(carol);
  await world.hear(carol, '!stop');
  await world.type(dora, '!bot on');
  await world.type(group, '!collect on');
  await world.type(group, '!bot on');
  await world.settle();
  world.sent.splice(0);
  expect([anna, ben, carol].map((who) => world.state(who))).toEqual(['asked', 'declined', 'withdrawn']);
  expect([carol, dora, group].map((chat) => world.chat(chat).bot)).toEqual([true, true, true]);
}

/** @param atOnce events between two moments in which time passes */
async function fuzz(seed: string, count: number, atOnce: number): Promise<void> {
  const fuzzer = createFuzzer(world.bot, world.log, createRandom(seed));
  for (let n = 0; n < count; n++) {
    fuzzer.event(n);
    if (n % atOnce !== atOnce - 1) continue;
    await fuzzer.handled();
    await world.clock.advance(1000);
  }
  await fuzzer.handled();
  await world.settle();
}

test('10,000 events before consent: no row, no send, no word in the log or in a file', async () => {
  world = createWorld();
  await beforeConsent();
  const messages = world.store.messages.count();
  const chats = world.store.chats.list();
  const people = world.store.people.list().length;
  await fuzz('before consent', 10_000, 100);
  expect(leaks(messages)).toEqual(none);
  expect(world.store.chats.list()).toEqual(chats); // nothing was switched, and no chat was opened
  expect(world.store.people.list()).toHaveLength(people);
  expect([anna, ben, carol].map((who) => world.state(who))).toEqual(['asked', 'declined', 'withdrawn']);
  expect(world.logLines.filter((line) => line.includes('could not be handled'))).toEqual([]);
  world.store.close();
  expect(filesWithLeaks(world.dir)).toEqual([]); // the log was folded into the database
});

test('control: after consent the same events leave rows, sends and bytes, and all of them are found', async () => {
  world = createWorld();
  await beforeConsent();
  await world.hear(anna, '!consent yes');
  await world.type(anna, '!bot on');
  await world.settle();
  world.sent.splice(0);
  const messages = world.store.messages.count();
  await fuzz('before consent', 2000, 10);
  world.log.info({ text: 'qzv1wombat7919' }, 'a line with a text');
  const found = leaks(messages);
  expect(found.rows).toBeGreaterThan(0);
  expect(found.sends).toBeGreaterThan(0);
  expect(found.spoken).toBeGreaterThan(0);
  expect(found.logLines).toHaveLength(1);
  expect(found.files).toEqual(expect.arrayContaining(['persona.sqlite-wal']));
});
