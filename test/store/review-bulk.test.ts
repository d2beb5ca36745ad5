/**
 * Decisions about very many messages: in short transactions that let others write, undone as one step, and undoable wherever
 * the process dies. Run: npm run build && npx vitest run test/store/review-bulk.test.ts
 */
import { expect, test } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';
import { compiled, ended, firstLine, run, script } from './child.ts';
import { admitted, draft, freshStore, put, scene } from './support.ts';

const count = 6000;
/** each step does as little as it can: 64 messages */
const holdMs = 0;

interface Filled {
  store: Store;
  chat: number;
  ids: number[];
  /** what everything is worth before: every tenth is rejected already */
  before: (string | null)[];
}

function filled(): Filled {
  const { store, owner, contact, chat } = scene();
  store.messages.addMany(
    Array.from({ length: count }, (_, n) =>
      admitted(draft(chat, n % 2 === 0 ? owner : contact, `m${n}`, { waId: `b${n}`, timestampMs: n + 1 })),
    ),
  );
  const ids = idsOf(store, chat);
  store.review.decide({ ids: ids.filter((_, n) => n % 10 === 0) }, 'rejected');
  return { store, chat, ids, before: decisions(store, ids) };
}

function idsOf(store: Store, chat: number): number[] {
  const ids: number[] = [];
  for (let page = store.review.threads.page(chat, { limit: 500 }); ;) {
    ids.unshift(...page.messages.map(({ id }) => id));
    if (!page.hasBefore) return ids;
    page = store.review.threads.page(chat, { limit: 500, before: { messageId: page.messages[0]!.id } });
  }
}

const decisions = (store: Store, ids: readonly number[]): (string | null)[] =>
  ids.map((id) => store.review.threads.message(id)?.decision ?? null);

/** Counts kept must be what a look at every row gives. */
function expectCounts(store: Store, chat: number, now: readonly (string | null)[]): void {
  const of = (decision: string): number => now.filter((each) => each === decision).length;
  expect(store.review.chats.get(chat)).toMatchObject({ approved: of('approved'), rejected: of('rejected') });
}

function drained<T>(steps: Generator<void, T>): { steps: number; value: T } {
  for (let n = 0; ; n++) {
    const step = steps.next();
    if (step.done === true) return { steps: n, value: step.value };
  }
}

test('many steps, one entry for undo; undo and redo in many steps too', () => {
  const { store, chat, ids, before } = filled();
  const done = drained(store.review.decideInSteps({ chatId: chat }, 'approved', { holdMs }));
  expect(done.steps).toBeGreaterThan(5);
  expect(done.value).toMatchObject({ kind: 'approve', messages: count });
  const all = ids.map(() => 'approved');
  expect(decisions(store, ids)).toEqual(all);
  expectCounts(store, chat, all);
  expect(store.review.history().recent.map(({ messages }) => messages)).toEqual([count, count / 10]);

  const undone = drained(store.review.undoInSteps(done.value!.id, { holdMs }));
  expect([undone.steps > 5, undone.value?.id]).toEqual([true, done.value!.id]);
  expect(decisions(store, ids)).toEqual(before);
  expectCounts(store, chat, before);
  expect(drained(store.review.redoInSteps(undefined, { holdMs })).value?.id).toBe(done.value!.id);
  expect(decisions(store, ids)).toEqual(all);
});

test('others write between two steps, and what they change is not decided unseen', () => {
  const { store, chat, ids, before } = filled();
  const other = freshStore({ dir: store.dataDir });
  const seenAtMs = Date.now();
  const steps = store.review.decideInSteps({ chatId: chat }, 'approved', { holdMs, seenAtMs });
  steps.next();
  const next = put(other, draft(chat, other.people.resolve(['4911@c.us']), 'while it goes on', { timestampMs: 9e9 }));
  other.messages.erase(chat, `b${count - 1}`);
  other.messages.edit(chat, `b${count - 2}`, 'other words', seenAtMs + 1);
  expect(drained(steps).value).toMatchObject({ messages: count - 2 });
  const now = decisions(store, ids);
  expect(now.slice(0, -2)).toEqual(ids.slice(2).map(() => 'approved'));
  expect(now.slice(-2)).toEqual([null, null]);
  expect(store.review.threads.message(next)!.decision).toBeNull();
  expectCounts(store, chat, now);
  store.review.undo();
  expect(decisions(store, ids).slice(0, -2)).toEqual(before.slice(0, -2));
});

test('cut off at any step, it can be taken back', () => {
  const { store, chat, ids, before } = filled();
  for (const kept of [2, 3, 60]) {
    const steps = store.review.decideInSteps({ chatId: chat }, 'approved', { holdMs });
    for (let n = 0; n < kept; n++) steps.next();
    const half = decisions(store, ids);
    const done = half.filter((decision) => decision === 'approved').length;
    expect(done).toBe(64 * kept);
    expectCounts(store, chat, half);
    expect(store.review.history().undo).toMatchObject({ kind: 'approve', messages: done });

    // the undo is cut off as well: it still is what comes next, and finishes
    const back = store.review.undoInSteps(undefined, { holdMs });
    back.next();
    expectCounts(store, chat, decisions(store, ids));
    expect(store.review.history().undo).toMatchObject({ kind: 'approve', messages: done });
    store.review.undo();
    expect(decisions(store, ids)).toEqual(before);
    expectCounts(store, chat, before);

    // and so is doing it again: it counts as done from its first step on
    const again = store.review.redoInSteps(undefined, { holdMs });
    again.next();
    expect(store.review.history().undo).toMatchObject({ kind: 'approve' });
    store.review.undo();
    expect(decisions(store, ids)).toEqual(before);
  }
});

test('a process that is killed leaves what one undo takes back', { timeout: 120_000 }, async () => {
  const { store, chat, ids, before } = filled();
  const dir = store.dataDir;
  store.close();
  const path = script(
    dir,
    `import { openStore } from ${compiled('src/store/store.ts')};
    const store = openStore(process.argv[2]);
    const steps = store.review.decideInSteps({ chatId: ${chat} }, 'approved', { holdMs: ${holdMs} });
    for (let n = 0; ; n++) {
      if (steps.next().done) break;
      if (n === 2) console.log('half');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    console.log('all');`,
  );
  const child = run(path, dir);
  const end = ended(child);
  await firstLine(child);
  child.kill('SIGKILL');
  const { output, signal } = await end;
  expect([output, signal]).toEqual(['half\n', 'SIGKILL']);
  const again = openStore(dir);
  try {
    const half = decisions(again, ids);
    const done = half.filter((decision) => decision === 'approved').length;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(count);
    expectCounts(again, chat, half);
    expect(again.review.undo()).toMatchObject({ kind: 'approve', messages: done });
    expect(decisions(again, ids)).toEqual(before);
    expectCounts(again, chat, before);
  } finally {
    again.close();
  }
});
