/**
 * The bot as a state machine (machine.ts): any order of messages, commands, edits, deletions, replays, crashes, full disks
 * and time, in chats with two people and in a group with both, on a real store. Nothing is stored without consent, nothing is sent unasked, no message gets two replies,
 * a refusal counts at once and in every state (promises A4, A5, A6, E1, E2, E9) - and afterwards the bot still works.
 * MACHINE_RUNS and MACHINE_SEED make other and longer runs than the fixed ones.
 * Run: npx vitest run test/bot/machine.test.ts
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { Machine, steps } from './machine.ts';
import type { Person } from './machine.ts';

const runs = Number(process.env['MACHINE_RUNS'] ?? 130);
const seed = Number(process.env['MACHINE_SEED'] ?? 6);

interface Scene {
  what: string;
  persona: Person | undefined;
  typing: 'learned' | 'instant';
  togetherMs: number;
  share: number;
}

const scenes: Scene[] = [
  { what: 'the owner’s voice, at once', persona: undefined, typing: 'instant', togetherMs: 0, share: 1 },
  { what: 'the owner’s voice, with pauses', persona: undefined, typing: 'learned', togetherMs: 3, share: 0.6 },
  { what: 'a contact’s voice', persona: 'anna', typing: 'instant', togetherMs: 3, share: 0.4 },
];

describe.each(scenes)('$what', ({ persona, typing, togetherMs, share }) => {
  test('whatever happens: nothing unconsented is stored, nothing unasked is sent, nothing is answered twice', async () => {
    const property = fc.asyncProperty(steps, async (commands) => {
      const machine = new Machine({ persona, typing, togetherMs });
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: machine }), commands);
        await machine.revive();
      } finally {
        await machine.end();
      }
    });
    await fc.assert(property, { numRuns: Math.ceil(runs * share), seed, endOnFailure: false });
    expect.assertions(0);
  }, 600_000);
});

describe('controls: what breaks a promise is found', () => {
  const broken: [what: string, (store: Store) => void, (machine: Machine) => Promise<void>, RegExp][] = [
    [
      'a refusal that is not kept',
      (store) => {
        const append = store.consent.append.bind(store.consent);
        store.consent.append = (event) => (event.action === 'withdrawn' ? undefined : append(event));
      },
      (machine) => machine.write('anna', '!stop'),
      /stored without consent/,
    ],
    [
      'a message that stays though it was deleted for everyone',
      (store) => {
        store.messages.erase = () => true;
      },
      async (machine) => {
        await machine.write('anna', machine.unique());
        await machine.revoke(0);
      },
      /deleted for everyone/,
    ],
    [
      'replies that go on though they were switched off',
      (store) => {
        const set = store.chats.set.bind(store.chats);
        store.chats.set = (id, changes) => set(id, { ...changes, ...(changes.bot === false && { bot: true }) });
      },
      (machine) => machine.write('anna', '!bot off', { fromMe: true }),
      /replies are off/,
    ],
  ];

  test.each(broken)('%s', async (_what, sabotage, work, breach) => {
    const machine = new Machine({ persona: undefined, typing: 'instant', sabotage });
    const happens = async (): Promise<void> => {
      await machine.step(() => machine.open('anna'));
      await machine.step(() => work(machine));
      await machine.step(() => machine.write('anna', machine.unique()));
      await machine.step(() => machine.pass(60));
    };
    await expect(happens()).rejects.toThrow(breach);
    await machine.end().catch(() => undefined); // it says the same once more
  });
});
