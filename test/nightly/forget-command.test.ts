/** `persona forget` as its own process: who is meant, what is shown, and that any other command finishes what was begun. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { beginForgetting } from '../../src/nightly/forget-journal.ts';
import type { ForgetReport } from '../../src/nightly/receipt.ts';
import { openStore } from '../../src/store/store.ts';
import { makeHome, persona, type Home } from '../support/cli.ts';
import { directChat, draft, put, say } from '../store/support.ts';

/** Two people called Anna, one Ben; each wrote three messages to the owner. */
function prepared(): { home: Home; annas: [number, number]; ben: number } {
  const home = makeHome();
  onTestFinished(() => home.remove());
  const store = openStore(home.dataDir);
  const owner = store.people.resolve(['me']);
  say(store, owner, 'granted');
  const person = (id: string, name: string): number => {
    const made = store.people.resolve([id]);
    store.people.setName(made, name);
    say(store, made, 'granted');
    const chat = directChat(store, id, owner, made);
    for (let n = 0; n < 3; n++) put(store, draft(chat, made, `${name} says ${n}`));
    return made;
  };
  const annas: [number, number] = [person('4911000001@c.us', 'Anna'), person('4911000002@c.us', 'Anna')];
  const ben = person('4911000003@c.us', 'Ben');
  store.close();
  return { home, annas, ben };
}

const messagesOf = (home: Home, person: number): number => {
  const store = openStore(home.dataDir);
  try {
    return store.messages.countBy(person);
  } finally {
    store.close();
  }
};

test(
  'a name that two people have is refused with a list; a number and an id say who',
  { timeout: 180_000 },
  async () => {
    const { home, annas, ben } = prepared();
    const unclear = await persona(home, ['forget', 'anna', '--yes']);
    expect(unclear).toMatchObject({ code: 1, stdout: '' });
    expect(unclear.stderr).toContain('several people are "anna"');
    expect(unclear.stderr).toContain(
      `${annas[0]} (Anna, +4911000001, 3 messages); ${annas[1]} (Anna, +4911000002, 3 messages)`,
    );
    expect(annas.map((anna) => messagesOf(home, anna))).toEqual([3, 3]);

    const byNumber = await persona(home, ['forget', '+49 (11) 000-002', '--yes', '--json']);
    expect(byNumber.code).toBe(0);
    expect(JSON.parse(byNumber.stdout) as ForgetReport).toMatchObject({
      rows: { messages: 3, names: 1 },
      retired: [],
      loss: null,
    });
    expect([...annas, ben].map((one) => messagesOf(home, one))).toEqual([3, 0, 3]);

    const byName = await persona(home, ['forget', 'Anna', '--yes']); // the other one has no name any more
    expect(byName).toMatchObject({ code: 0, stderr: '' });
    expect(byName.stdout).toContain('3 messages, 0 answers of the bot');
    expect([...annas, ben].map((one) => messagesOf(home, one))).toEqual([0, 0, 3]);
  },
);

test('what was begun is finished by whichever command comes next', { timeout: 180_000 }, async () => {
  const { home, ben } = prepared();
  beginForgetting(home.dataDir, ben);
  const done = await persona(home, ['models', 'list']);
  expect(done.stderr).toContain(`Finished forgetting person ${ben}`);
  expect(readdirSync(join(home.dataDir, 'forgetting'))).toEqual([]);
  expect(messagesOf(home, ben)).toBe(0);
});
