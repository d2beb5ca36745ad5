/**
 * What a model knows by heart of somebody, before and after they were forgotten: 50 canaries that one person said, planted
 * past redaction. The model that saw them knows them (control); the one trained on what is left knows them no better than
 * canaries that nobody ever said. A network small enough for this; the figures of real ones are in bench/memorise.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { publish } from '../../src/checkpoint/current.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { toRows } from '../../src/dataset/rows.ts';
import { splitOf } from '../../src/dataset/split.ts';
import type { Engine } from '../../src/model/engine.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { forgetPerson } from '../../src/nightly/forget.ts';
import { writeManifest } from '../../src/nightly/manifest.ts';
import { snapshot } from '../../src/nightly/snapshot.ts';
import { conversationsOf } from '../../src/nightly/training.ts';
import { openStore } from '../../src/store/store.ts';
import { encodeConversation } from '../../src/tokenizer/chat-format.ts';
import { toTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import { makeCanaries, measureExposure } from '../../src/train/exposure.ts';
import { train } from '../../src/train/loop.ts';
import { tinyParts } from '../checkpoint/examples.ts';
import { tinyConfig } from '../model/helpers.ts';
import { directChat, draft, freshDir, put, say } from '../store/support.ts';
import { filesHolding } from '../support/cli.ts';
import { tinyModel, tinyTokenizer } from '../tokenizer/examples.ts';
import { recipe } from '../train/examples.ts';

const config = { ...tinyConfig, vocabSize: tinyTokenizer.vocabSize, contextLength: 96, width: 32, hiddenWidth: 64 };
const nowMs = Date.UTC(2026, 10, 20, 3);
const weekMs = 7 * 86_400_000;
const planted = 50;
/** said so often: a small network in a short test does not learn from one */
const copies = 4;

/** The n-th week of a chat, counted backwards, that is trained on, or (`isHeldOut`) that is not. */
function weekOf(chatKey: string, n: number, isHeldOut: boolean): number {
  for (let week = 1, seen = -1; ; week++) {
    const startMs = nowMs - week * weekMs;
    if ((splitOf(chatKey, startMs, 'UTC', 0) !== 'train') === isHeldOut && ++seen === n) return startMs;
  }
}

async function trainedOn(dataset: ReturnType<typeof snapshot>, epochs: number): Promise<Engine> {
  const engine = await createEngine({ backend: 'simd', config, seed: 1, threads: 1 });
  const encoded = conversationsOf(dataset, 'train').map((conversation) =>
    encodeConversation(conversation.messages, tinyTokenizer, {
      ...conversation,
      withoutLoss: new Set(),
      lossOn: 'everyone',
    }),
  );
  const rows = toRows(encoded, config.contextLength);
  await train(engine, { ...recipe, rows, validationRows: [], epochs, batchTokens: 192, dropout: 0, seed: 1 });
  return engine;
}

test(
  '50 canaries of one person are known before, and no better than never-said ones after',
  { timeout: 600_000 },
  async () => {
    const dir = freshDir();
    const dataDir = join(dir, 'data');
    const modelsDir = join(dir, 'models');
    const store = openStore(dataDir, { now: () => nowMs });
    const owner = store.people.resolve(['me']);
    const anna = store.people.resolve(['speaker:Anna', '4911@c.us']);
    const ben = store.people.resolve(['4922@c.us']);
    for (const person of [owner, anna, ben]) say(store, person, 'granted');
    const annas = directChat(store, '4911@c.us', owner, anna);
    const bens = directChat(store, '4922@c.us', owner, ben);
    const all = makeCanaries(2 * planted, 'forget');
    const canaries = all.slice(0, planted);
    const controls = all.slice(planted);
    store.transaction(() => {
      canaries.forEach(({ question, frame, digits }, n) => {
        for (let copy = 0; copy < copies; copy++) {
          const timestampMs = weekOf('4911@c.us', n % 40, false) + ((n * copies + copy) * 8 * 3_600_000) / planted;
          put(store, draft(annas, owner, question, { timestampMs, fromMe: true }));
          put(store, draft(annas, anna, `${frame} ${digits}`, { timestampMs: timestampMs + 1000 }));
        }
      });
      for (let n = 0; n < 12; n++) {
        const timestampMs = weekOf('4911@c.us', n % 4, true) + n * 60_000;
        put(store, draft(annas, anna, `${controls[n]!.frame} ${controls[n]!.digits}`, { timestampMs }));
      }
      for (let n = 0; n < 120; n++) {
        const timestampMs = nowMs - (1 + (n % 30)) * weekMs + n * 1000;
        put(store, draft(bens, n % 2 ? owner : ben, `hello ${n} are you coming`, { timestampMs, fromMe: n % 2 === 1 }));
      }
    });
    store.close();
    const of = { dataDir, speaker: 'Anna', timezone: 'UTC' };
    const said = canaries.map(({ digits }) => digits);
    expect(filesHolding(dataDir, said)).not.toEqual([]);

    // an older run that never saw her, and the one that did
    const save = async (
      run: string,
      engine: Engine,
      hash: string,
      rows: { id: number; sha256: string }[],
    ): Promise<void> => {
      const parts = tinyParts(1);
      writeManifest(dataDir, { ...snapshot(of).manifest, hash, rows });
      saveCheckpoint(modelsDir, run, {
        ...parts,
        config,
        weights: await engine.exportWeights(),
        tokenizerJson: toTokenizerJson(tinyModel),
        details: { ...parts.details, datasetHash: hash },
      });
      publish(modelsDir, run);
    };
    const blank = await createEngine({ backend: 'simd', config, seed: 2, threads: 1 });
    await save('older', blank, 'of-nobody', []);
    blank.dispose();
    const before = snapshot(of);
    const knows = await trainedOn(before, 16);
    const exposureOf = async (engine: Engine, of: typeof all): Promise<number> =>
      (await measureExposure(engine, tinyTokenizer, of, { candidates: 256 })).mean;
    const known = await exposureOf(knows, canaries.slice(0, 20));
    await save('saw', knows, before.manifest.hash, before.manifest.rows);
    knows.dispose();
    expect(known).toBeGreaterThan(4); // of 8; chance is 1.44

    const report = await forgetPerson(anna, {
      dataDir,
      modelsDir,
      speaker: 'Anna',
      timezone: 'UTC',
      redaction: { regions: [] },
      measure: true,
      freshCopy: false,
      now: () => nowMs,
    });
    expect(report).toMatchObject({ retired: ['saw'], serves: 'older', left: [] });
    expect(filesHolding(dir, said)).toEqual([]);
    // the receipt: what was learned by heart cost less than what was not, and is nothing special to the run that serves now
    const { before: saw, after } = report.loss!;
    expect(saw.unseen! - saw.deleted).toBeGreaterThan(0.5);
    expect(after?.model).toBe('older');
    expect(Math.abs(after!.unseen! - after!.deleted)).toBeLessThan(0.3);

    const left = snapshot(of);
    expect(JSON.stringify(left.conversations)).not.toMatch(new RegExp(said.join('|')));
    const fresh = await trainedOn(left, 16);
    onTestFinished(() => fresh.dispose());
    const after50 = await exposureOf(fresh, canaries);
    const never = await exposureOf(fresh, controls);
    expect(Math.abs(after50 - never)).toBeLessThan(2);
    process.stdout.write(
      `exposure of 8 bits: ${known.toFixed(2)} in the model that saw them, ${after50.toFixed(2)} after (never said: ${never.toFixed(2)}); ` +
        `bits per byte of the erased and of held-out text: ${saw.deleted.toFixed(2)} and ${saw.unseen!.toFixed(2)} before, ` +
        `${after!.deleted.toFixed(2)} and ${after!.unseen!.toFixed(2)} after\n`,
    );
    rmSync(modelsDir, { recursive: true });
  },
);

test('what a withdrawn person wrote is in no snapshot, nor is a chat of two with them', () => {
  const store = openStore(freshDir());
  onTestFinished(() => store.close());
  const owner = store.people.resolve(['me']);
  const group = store.chats.resolve('1@g.us', 'group');
  const people = Array.from({ length: 5 }, (_, n) => store.people.resolve([`49${n}@c.us`]));
  say(store, owner, 'granted');
  store.chats.addMember(group, owner);
  const chats = people.map((person, n) => {
    say(store, person, 'granted');
    store.chats.addMember(group, person);
    return directChat(store, `49${n}@c.us`, owner, person);
  });
  people.forEach((person, n) => {
    put(store, draft(group, person, `group of ${n}`));
    put(store, draft(chats[n]!, person, `direct of ${n}`));
    put(store, draft(chats[n]!, owner, `to ${n}`, { fromMe: true }));
  });
  const actions = ['withdrawn', 'declined', 'forgotten'] as const;
  // every set of people who go, in every way that there is
  for (let mask = 0; mask < 2 ** people.length; mask++) {
    people.forEach((person, n) => {
      const isGone = (mask & (1 << n)) !== 0;
      say(store, person, isGone ? actions[(mask + n) % 3]! : 'granted', mask + 1);
    });
    const text = JSON.stringify(snapshot({ dataDir: store.dataDir, speaker: 'me', timezone: 'UTC' }).conversations);
    people.forEach((_, n) => {
      const isIn = (mask & (1 << n)) === 0;
      for (const words of [`group of ${n}`, `direct of ${n}`, `to ${n}`]) expect(text.includes(words)).toBe(isIn);
    });
  }
});
