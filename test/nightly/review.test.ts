/** What is said on the review page, in the snapshot, the export and what counts as stale. Run: npx vitest run test/nightly/review.test.ts */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportSft } from '../../src/nightly/export-sft.ts';
import { sawWhatIsGone, writeManifest } from '../../src/nightly/manifest.ts';
import { snapshot } from '../../src/nightly/snapshot.ts';
import { draft, put, scene } from '../store/support.ts';

/** Sixty days of a question and an answer, so that every split has some. */
function chatted() {
  const { store, owner, contact, chat } = scene();
  const ids = Array.from({ length: 120 }, (_, n) =>
    put(
      store,
      draft(chat, n % 2 === 0 ? contact : owner, n % 2 === 0 ? `question ${n} about x${n}` : `answer ${n} code y${n}`, {
        timestampMs: 1_750_000_000_000 + Math.floor(n / 2) * 86_400_000 + (n % 2) * 60_000,
      }),
    ),
  );
  const options = { dataDir: store.dataDir, speaker: 'me', timezone: 'UTC' };
  const take = (reviewRequired = false) => snapshot({ ...options, reviewRequired });
  const trainIds = (): number[] =>
    take()
      .conversations.filter(({ split }) => split === 'train')
      .flatMap(({ conversation }) => conversation.messages.map(({ rowId }) => rowId));
  const exported = (reviewRequired = false): string => {
    const file = join(store.dataDir, 'exports', 'sft.jsonl');
    exportSft({ ...options, reviewRequired, file, format: 'text' });
    return readFileSync(file, 'utf8');
  };
  return { store, owner, ids, take, trainIds, exported };
}

test('a decision is another dataset, in the snapshot and in the export, and what saw the row before is stale', () => {
  const { store, owner, ids, take, trainIds, exported } = chatted();
  const first = trainIds()[0]!;
  const [rejected, hidden, anew] = trainIds().filter((id) => ids.indexOf(id) % 2 === 1);
  const numberOf = (id: number): number => ids.indexOf(id);
  const before = take().manifest;
  writeManifest(store.dataDir, before);
  const saw = { datasetHash: before.hash };
  const isStale = (): boolean | 'unknown' => sawWhatIsGone(store.dataDir, saw, take().manifest);
  expect(isStale()).toBe(false);

  const actions: [() => unknown, (lines: string) => void][] = [
    [
      () => store.review.decide({ ids: [rejected!] }, 'rejected'),
      (lines) => expect(lines).not.toContain(`y${numberOf(rejected!)}<`),
    ],
    [
      () => store.review.hide(hidden!, [{ start: `answer ${numberOf(hidden!)} code `.length, end: 99 }], null),
      (lines) => expect(lines).toContain(`answer ${numberOf(hidden!)} code <|secret|><|end|>`),
    ],
    [
      () => store.review.editLine(anew!, 'what I meant', { personaId: owner, editedAtMs: null }),
      (lines) => expect(lines).toContain('what I meant<|end|>'),
    ],
    [
      () => store.review.exclude({ toMs: 1_750_000_000_000 + (numberOf(first) / 2) * 86_400_000 + 1 }),
      (lines) => expect(lines).not.toContain(`question ${numberOf(first)} about`),
    ],
  ];
  for (const [act, look] of actions) {
    expect(() => look(exported())).toThrow();
    expect(act()).toBeDefined();
    const after = take().manifest;
    expect(after.hash).not.toBe(before.hash);
    expect(isStale()).toBe(true);
    look(exported());
    store.review.undo();
    expect(take().manifest).toEqual(before);
    expect(isStale()).toBe(false);
    store.review.redo();
    expect(take().manifest).toEqual(after);
    store.review.undo();
  }
  // approval alone changes nothing
  store.review.decide({}, 'approved');
  expect(take().manifest).toEqual(before);
});

test('where review is required only what was approved is there; the rest is counted', () => {
  const { store, ids, take, trainIds, exported } = chatted();
  const approved = trainIds().slice(0, 20);
  store.review.decide({ ids: approved }, 'approved');
  const other = ids.find((id) => !approved.includes(id))!;
  store.review.decide({ ids: [other] }, 'rejected');
  const { manifest } = take(true);
  expect(manifest.rows.map(({ id }) => id).sort((a, b) => a - b)).toEqual(approved);
  expect(manifest.leftOut).toMatchObject({
    sealedMessages: 0,
    rejectedMessages: 1,
    excludedMessages: 0,
    undecidedMessages: ids.length - approved.length - 1,
  });
  expect(exported(true).trim().split('\n')).toHaveLength(approved.length / 2);
  expect(take(false).manifest.leftOut).toMatchObject({ rejectedMessages: 1, undecidedMessages: 0 });
});
