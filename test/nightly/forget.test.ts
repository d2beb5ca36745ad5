/** Forgetting: every file under both folders is searched for 50 canaries, before and after; what it took is on the receipt. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readCurrent } from '../../src/checkpoint/current.ts';
import { forgetEverything } from '../../src/nightly/forget-everything.ts';
import { beginForgetting, begunForgetting } from '../../src/nightly/forget-journal.ts';
import { finishPerson, forgetPerson } from '../../src/nightly/forget.ts';
import { ForgottenMeanwhile, unlessForgotten, watchForgotten } from '../../src/nightly/forgotten.ts';
import { sawWhatIsGone, writeManifest } from '../../src/nightly/manifest.ts';
import { snapshot } from '../../src/nightly/snapshot.ts';
import { ballastBytes, ballastFile, dropBallast, keepBallast } from '../../src/store/ballast.ts';
import { listBackups } from '../../src/store/backup.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { restoreBackup } from '../../src/store/restore.ts';
import type { Store } from '../../src/store/store.ts';
import { say } from '../store/support.ts';
import { expectForgotten, forgetWorld, nowMs, type ForgetWorld } from './forget-world.ts';

test('50 canaries are in every place before, and in none after', async () => {
  const world = await forgetWorld();
  const places = world.holding().map((path) => path.slice(world.dir.length + 1).replace(/\/[^/]*$/, ''));
  expect(new Set(places)).toEqual(
    new Set([
      'data',
      'data/backups',
      'data/.restore',
      'data/exports',
      'data/exports/notes',
      'data/training/way',
      'models/runs/saw',
    ]),
  );
  for (const canary of world.canaries) expect(world.holding([canary])).not.toEqual([]);

  const report = await forgetPerson(world.anna, world.options);
  expectForgotten(world);
  expect(report).toMatchObject({
    what: 'person',
    rows: { messages: 240, botMessages: 1, replies: 1, outbox: 1, names: 2 },
    retired: ['saw'],
    serves: 'clean',
    datasets: 1,
    copies: 4,
    exports: 3,
    stoppedTraining: false,
    left: [],
  });
  expect(report.tombstones).toBeGreaterThan(240);
  expect(report.seconds).toBeLessThan(60);
  expect(readCurrent(world.modelsDir)).toEqual({ run: 'clean', previous: [] });
  const store = world.open();
  onTestFinished(() => store.close());
  expect(store.receipts.list()).toMatchObject([{ personId: world.anna, report: { retired: ['saw'] } }]);
  expect(JSON.stringify(store.receipts.list())).not.toMatch(/zebrafish|Quartermain|4911/);
});

// at these sizes rows were moved when a page was split: erasing alone left their bytes where they had stood before
test.each([80, 200])('nothing is left in places that rows were moved from: %i messages', async (messages) => {
  const world = await forgetWorld(messages);
  const erasedOnly = await forgetWorld(messages);
  const store = erasedOnly.open();
  store.forget(erasedOnly.anna);
  store.close();
  expect(erasedOnly.holding().some((path) => path.endsWith('/data/persona.sqlite'))).toBe(true);
  expect((await forgetPerson(world.anna, world.options)).left).toEqual([]);
  expectForgotten(world);
});

test('asked twice it changes nothing; the person may come back by their own word', async () => {
  const world = await forgetWorld(40);
  await forgetPerson(world.anna, { ...world.options, freshCopy: true });
  const copies = listBackups(world.dataDir);
  expect(copies).toHaveLength(1);
  const again = await forgetPerson(world.anna, { ...world.options, freshCopy: true });
  expect(again).toMatchObject({
    rows: { messages: 0, names: 0 },
    retired: [],
    serves: null,
    copies: 0,
    freshCopy: null,
  });
  expect(listBackups(world.dataDir)).toEqual(copies);
  const store = world.open();
  onTestFinished(() => store.close());
  expect(store.tombstones.hasName('anna quartermain')).toBe(true);
  say(store, world.anna, 'granted', nowMs + 1);
  expect(store.tombstones.hasName('anna quartermain')).toBe(false);
  expect(store.tombstones.count()).toBe(0);
});

test('a copy of the time before, kept elsewhere and restored, does not bring her back', async () => {
  const world = await forgetWorld(40);
  const elsewhere = join(world.dir, 'kept-by-hand.sqlite');
  writeFileSync(elsewhere, '', { mode: 0o600 });
  const copy = listBackups(world.dataDir).find(({ kind }) => kind === 'copy')!.path;
  copyFileSync(copy, elsewhere);
  await forgetPerson(world.anna, world.options);
  const restored = await restoreBackup({ dataDir: world.dataDir, file: elsewhere, nowMs: nowMs + 5 });
  expect(restored.reconciled).toMatchObject({ forgotten: 1 });
  rmSync(elsewhere);
  expect(world.holding()).toEqual([]);
  expect(world.holding(['Quartermain'])).toEqual([]);
  const store = world.open();
  onTestFinished(() => store.close());
  expect(store.tombstones.hasName('Anna Quartermain')).toBe(true);
  expect(store.receipts.list()).toHaveLength(1);
});

test('a training that read her words sees it at the next step, and nothing of it is published', async () => {
  const world = await forgetWorld(40);
  const options = { dataDir: world.dataDir, speaker: 'me', timezone: 'UTC' };
  const watch = watchForgotten(world.dataDir, snapshot(options).manifest);
  onTestFinished(() => watch.close());
  expect(watch.isForgotten()).toBe(false);
  const night = acquireLock(world.dataDir, 'retrain');
  onTestFinished(() => night.release());
  await expect(unlessForgotten(world.dataDir, watch, () => 'published')).resolves.toBe('published');

  const report = await forgetPerson(world.anna, world.options);
  expect(report.stoppedTraining).toBe(true);
  expect(watch.isForgotten()).toBe(true);
  expect(() => watch.check()).toThrow(ForgottenMeanwhile);
  let published = 0;
  await expect(unlessForgotten(world.dataDir, watch, () => published++)).rejects.toThrow(ForgottenMeanwhile);
  expect(published).toBe(0);
  // the night that starts anew is not bothered, nor is one that never read them
  const fresh = watchForgotten(world.dataDir, snapshot(options).manifest);
  onTestFinished(() => fresh.close());
  expect(fresh.isForgotten()).toBe(false);
});

test('from the first moment on, a training counts as stopped, also while rows are still being erased', async () => {
  const world = await forgetWorld(40);
  const watch = watchForgotten(
    world.dataDir,
    snapshot({ dataDir: world.dataDir, speaker: 'me', timezone: 'UTC' }).manifest,
  );
  onTestFinished(() => watch.close());
  expect(watch.isForgotten()).toBe(false);
  const store = world.open();
  onTestFinished(() => store.close());
  store.receipts.begin(world.anna, nowMs);
  expect(watch.isForgotten()).toBe(true);
});

test('who did not take part is no reason to stop', async () => {
  const world = await forgetWorld(40);
  const store = world.open();
  const cem = store.people.resolve(['4933@c.us']);
  const watch = watchForgotten(
    world.dataDir,
    snapshot({ dataDir: world.dataDir, speaker: 'me', timezone: 'UTC' }).manifest,
  );
  store.close();
  onTestFinished(() => watch.close());
  expect(await forgetPerson(cem, world.options)).toMatchObject({ rows: { messages: 0 }, retired: [], copies: 1 });
  expect(watch.isForgotten()).toBe(false);
  expect(readCurrent(world.modelsDir)?.run).toBe('saw');
});

test('what was begun is finished by the next command', async () => {
  const world = await forgetWorld(40);
  beginForgetting(world.dataDir, world.anna);
  expect(begunForgetting(world.dataDir)).toEqual([world.anna]);
  await finishPerson(world.anna, world.options);
  expectForgotten(world);
});

test('rows went and the process died: models that saw rows which are gone go too', async () => {
  const world = await forgetWorld(40);
  beginForgetting(world.dataDir, world.anna);
  const store = world.open();
  say(store, world.anna, 'forgotten');
  store.receipts.begin(world.anna, nowMs);
  store.forget(world.anna);
  store.close();
  rmSync(join(world.dataDir, 'exports', 'notes', 'copied.md')); // files go before rows, which tell what to look for
  const report = await finishPerson(world.anna, world.options);
  expect(report.retired).toEqual(['saw']);
  expect(world.holding()).toEqual([]);
});

test('a model that cannot be measured is no reason to keep anything', async () => {
  const world = await forgetWorld(400);
  const report = await forgetPerson(world.anna, { ...world.options, measure: true });
  expect(report.loss).toBeNull();
  expect(report.left).toEqual([expect.stringContaining('could not be measured (tokenizer.json: pre_tokenizer')]);
  expectForgotten(world);
});

test.each([
  ['deleted for everyone', (store: Store, world: ForgetWorld) => void store.messages.erase(world.chat, 'anna1')],
  ['edited', (store: Store, world: ForgetWorld) => void store.messages.edit(world.chat, 'anna1', 'something else')],
  ['sealed by !stop', (store: Store, world: ForgetWorld) => say(store, world.anna, 'withdrawn', nowMs)],
])('a message %s: the run stays in service today, and counts as stale tonight', async (_, change) => {
  const world = await forgetWorld(8);
  const of = { dataDir: world.dataDir, speaker: 'me', timezone: 'UTC' };
  const { manifest } = snapshot(of);
  writeManifest(world.dataDir, manifest);
  const details = { datasetHash: manifest.hash };
  expect(sawWhatIsGone(world.dataDir, details, snapshot(of).manifest)).toBe(false);
  const store = world.open();
  change(store, world);
  store.close();
  expect(sawWhatIsGone(world.dataDir, details, snapshot(of).manifest)).toBe(true);
  expect(readCurrent(world.modelsDir)?.run).toBe('saw');
});

test('everything: nobody is left, refusals stay as hashes, the device is told', async () => {
  const world = await forgetWorld(40);
  mkdirSync(join(world.dataDir, 'session', 'session'), { recursive: true });
  writeFileSync(join(world.dataDir, 'session', 'session', 'Cookies'), world.canaries[0]!);
  const store = world.open();
  say(store, world.ben, 'withdrawn');
  store.people.setName(world.ben, 'Ben Uppingham');
  store.close();
  const told: string[] = [];
  const report = await forgetEverything({
    ...world.options,
    unlink: (dir) => {
      told.push(dir);
      return Promise.resolve(true);
    },
  });
  expect(told).toEqual([join(world.dataDir, 'session')]);
  expect(report).toMatchObject({ what: 'everything', device: 'unlinked', retired: ['clean', 'saw'], left: [] });
  expect(world.holding([...world.canaries, world.bens, 'Quartermain', 'Uppingham', '4911', '4922'])).toEqual([]);
  expect(readdirSync(world.dataDir).sort()).toEqual(['forgetting', 'locks', 'persona.sqlite']);
  expect(readdirSync(join(world.dataDir, 'forgetting'))).toEqual([]);
  expect(readdirSync(world.modelsDir)).toEqual([]);
  const fresh = world.open();
  onTestFinished(() => fresh.close());
  expect(fresh.people.list()).toEqual([]);
  expect(fresh.chats.list()).toEqual([]);
  expect(fresh.tombstones.hasName('Ben Uppingham')).toBe(true);
  expect(fresh.tombstones.hasAlias('4922@c.us')).toBe(true);
  expect(fresh.tombstones.hasName('Anna Quartermain')).toBe(false); // she had agreed, and nobody asked to forget her
  expect(fresh.receipts.list()).toMatchObject([{ personId: null, report: { what: 'everything' } }]);
});

test('everything, where WhatsApp cannot be told: the profile goes all the same, and the owner hears what to do', async () => {
  const world = await forgetWorld(40);
  mkdirSync(join(world.dataDir, 'session'));
  const report = await forgetEverything({ ...world.options, unlink: () => Promise.reject(new Error('no network')) });
  expect(report.device).toBe('forgotten here only');
  expect(report.left.join()).toContain('Linked devices');
  expect(existsSync(join(world.dataDir, 'session'))).toBe(false);
});

test.each(['start', 'retrain', 'import', 'write-admin'] as const)(
  'everything, while another process has the role %s: 75, and nothing is touched',
  async (role) => {
    const world = await forgetWorld(40);
    const before = world.holding();
    const lock = acquireLock(world.dataDir, role);
    onTestFinished(() => lock.release());
    await expect(forgetEverything(world.options)).rejects.toMatchObject({ exitCode: 75 });
    expect(world.holding()).toEqual(before);
    expect(begunForgetting(world.dataDir)).toEqual([]);
  },
);

test('a database that cannot be read goes too', async () => {
  const world = await forgetWorld(40);
  writeFileSync(join(world.dataDir, 'persona.sqlite'), `not a database ${world.canaries[0]}`);
  const report = await forgetEverything(world.options);
  expect(report.left.join()).toContain('nobody knows any more who had refused');
  expect(world.holding()).toEqual([]);
});

test('the ballast is as large as it says, and made where there is room', async () => {
  const world = await forgetWorld(40);
  keepBallast(world.dataDir);
  expect(statSync(ballastFile(world.dataDir)).size).toBe(ballastBytes);
  expect(dropBallast(world.dataDir)).toBe(true);
  expect(dropBallast(world.dataDir)).toBe(false);
  keepBallast(world.dataDir, 2 ** 50);
  expect(existsSync(ballastFile(world.dataDir))).toBe(false);
});
