/** The voice through its real worker thread, which runs dist: `npx tsc -p tsconfig.build.json` first. */
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { pruneRuns, publish } from '../../src/checkpoint/current.ts';
import { openVoice, type Voice, type VoiceOptions } from '../../src/reply/voice.ts';
import { UserError } from '../../src/util/errors.ts';
import { compiled, temporaryModels } from '../checkpoint/examples.ts';
import { chat, modelsWith, publishRun, sampling, tokenizer } from './examples.ts';
import { buildPrompt } from '../../src/reply/prompt.ts';

const open: Voice[] = [];
afterEach(async () => {
  for (const voice of open.splice(0)) await voice.close();
});

/** A voice on the reference backend, and what it logged. */
function voiceOn(modelsDir: string, options: Partial<VoiceOptions> = {}): { voice: Voice; log: () => string[] } {
  compiled('src/reply/worker.ts'); // says what to do where dist is missing
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  const voice = openVoice({ modelsDir, backend: 'cpu', log, ...options });
  open.push(voice);
  const told = () => lines.map((line) => JSON.parse(line) as { run?: string; msg: string });
  return { voice, log: () => told().map(({ run, msg }) => `${run ?? '-'}: ${msg.replaceAll(/\/\S*\/runs/g, 'runs')}`) };
}

const context = chat(['hello there', 'how are you?', 'see you tomorrow']);
const ask = { context, seed: 5, sampling, maxNewTokens: 24, candidates: 6 };

const damage = (models: string, runId: string): void =>
  truncateSync(join(models, 'runs', runId, 'model.safetensors'), 1000);

describe('which run answers', () => {
  test('none where none was published', async () => {
    const { voice, log } = voiceOn(temporaryModels());
    expect(await voice.speak(ask)).toBeUndefined();
    expect(log()).toEqual([]);
  });

  test('the published one, with all it takes to say it again', async () => {
    const { voice } = voiceOn(modelsWith('a'));
    const spoken = await voice.speak(ask);
    const prompt = buildPrompt(context, tokenizer, { contextLength: 96 });
    expect(spoken).toMatchObject({
      runId: 'a',
      backend: 'cpu',
      promptRowIds: [1, 2, 3],
      promptHash: prompt.promptHash,
      personaP99Chars: 101,
    });
    expect(spoken!.candidates.length).toBeGreaterThan(0);
    expect(spoken!.latencyMs).toBeGreaterThanOrEqual(0);
    expect((await voice.speak(ask))!.candidates).toEqual(spoken!.candidates);
    expect((await voice.speak({ ...ask, seed: 6 }))!.candidates).not.toEqual(spoken!.candidates);
  });

  test('the newly published one, from the next request on and without a restart', async () => {
    const models = modelsWith('a');
    const { voice, log } = voiceOn(models);
    const before = await voice.speak(ask);
    publishRun(models, 'b', 2);
    const after = await voice.speak(ask);
    expect([before!.runId, after!.runId]).toEqual(['a', 'b']);
    expect(after!.candidates).not.toEqual(before!.candidates);
    expect(after!.promptHash).toBe(before!.promptHash);
    publish(models, 'a');
    expect((await voice.speak(ask))!.candidates).toEqual(before!.candidates);
    pruneRuns(models, 1); // rewrites current.json, and the run stays
    expect((await voice.speak(ask))!.runId).toBe('a');
    expect(log()).toEqual(['a: run loaded', 'b: run loaded', 'a: run loaded']);
  });

  test('exactly the one asked for, to replay a reply from the rows it named', async () => {
    const models = modelsWith('a');
    const { voice, log } = voiceOn(models);
    const original = (await voice.speak(ask))!;
    publishRun(models, 'b', 2);
    expect((await voice.speak(ask))!.runId).toBe('b');
    const rows = context.filter(({ rowId }) => original.promptRowIds.includes(rowId));
    const replayed = (await voice.speak({ ...ask, context: rows, runId: 'a' }))!;
    expect({ ...replayed, latencyMs: 0 }).toEqual({ ...original, latencyMs: 0 });
    expect((await voice.speak(ask))!.runId).toBe('b'); // which went on serving
    expect(log()).toEqual(['a: run loaded', 'b: run loaded']);
  });

  test('the one before, where the current one is torn at the start', async () => {
    const models = modelsWith('a', 'b');
    damage(models, 'b');
    const { voice, log } = voiceOn(models);
    expect((await voice.speak(ask))!.runId).toBe('a');
    expect((await voice.speak(ask))!.runId).toBe('a');
    expect(log()).toEqual([
      expect.stringMatching(/^b: run refused: runs\/b\/model\.safetensors: 1000 bytes/),
      'a: run loaded',
    ]);
  });

  test('still the old one, where the newly published one is torn, and it is said once', async () => {
    const models = modelsWith('a');
    const { voice, log } = voiceOn(models);
    const before = await voice.speak(ask);
    publishRun(models, 'b', 2);
    damage(models, 'b');
    expect((await voice.speak(ask))!.candidates).toEqual(before!.candidates);
    expect((await voice.speak(ask))!.runId).toBe('a');
    writeFileSync(join(models, 'current.json'), '{"format":1,"ru');
    expect((await voice.speak(ask))!.runId).toBe('a');
    expect(log()).toEqual([
      'a: run loaded',
      expect.stringMatching(/^b: run refused: /),
      expect.stringMatching(/^current\.json: run refused: .*not JSON$/),
    ]);
  });

  test('none any more, where the one at work was taken back', async () => {
    const models = modelsWith('a', 'b');
    const { voice } = voiceOn(models);
    expect((await voice.speak(ask))!.runId).toBe('b');
    rmSync(join(models, 'runs', 'b'), { recursive: true });
    writeFileSync(join(models, 'current.json'), '{"format":1,"run":"a","previous":[]}');
    expect((await voice.speak(ask))!.runId).toBe('a');
    rmSync(join(models, 'current.json'));
    expect(await voice.speak(ask)).toBeUndefined();
  });

  test('a run asked for that is torn or not there is refused to the asker, with the remedy', async () => {
    const models = modelsWith('a', 'b');
    damage(models, 'a');
    const { voice } = voiceOn(models);
    const torn = await voice.speak({ ...ask, runId: 'a' }).catch((error: unknown) => error);
    expect(torn).toBeInstanceOf(UserError);
    expect(torn).toMatchObject({
      name: 'CheckpointError',
      exitCode: 1,
      hint: expect.stringContaining('persona retrain') as string,
    });
    expect((torn as UserError).message).toContain('model.safetensors: 1000 bytes');
    expect((torn as UserError).stack).toContain('dist/src/checkpoint/load.js');
    await expect(voice.speak({ ...ask, runId: 'c' })).rejects.toThrow('there is no such run');
    await expect(voice.speak({ ...ask, runId: '../runs/b' })).rejects.toThrow('cannot be the id of a run');
    expect((await voice.speak(ask))!.runId).toBe('b');
  });

  test('a backend that cannot be used is refused to the asker', async () => {
    const { voice } = voiceOn(modelsWith('a'), { backend: 'cuda' });
    await expect(voice.speak(ask)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('"cuda"') as string,
    });
  });

  test('the best backend of this machine answers too', async () => {
    const { voice } = voiceOn(modelsWith('a'), { backend: 'auto' });
    const first = (await voice.speak(ask))!;
    expect(first.candidates.length).toBeGreaterThan(0);
    expect((await voice.speak(ask))!).toMatchObject({ backend: first.backend, candidates: first.candidates });
  });
});

test('twenty chats at once: each gets the answer it would get alone, made from its own messages only', async () => {
  const models = modelsWith('a');
  const marker = (i: number): string => `marker-${'abcdefghijklmnopqrst'[i]!.repeat(3)}`;
  const requests = Array.from({ length: 20 }, (_, i) => ({
    ...ask,
    context: chat(['hello', marker(i)], { firstRow: 1 + 100 * i }),
    seed: i,
  }));
  const { voice } = voiceOn(models);
  const together = await Promise.all(requests.map((request) => voice.speak(request)));
  together.forEach((spoken, i) => {
    const { ids, promptHash } = buildPrompt(requests[i]!.context, tokenizer, { contextLength: 96 });
    expect(spoken).toMatchObject({ promptHash, promptRowIds: [1 + 100 * i, 2 + 100 * i] });
    const text = tokenizer.decode(ids);
    expect(requests.map((_, j) => text.includes(marker(j)))).toEqual(requests.map((_, j) => i === j));
  });
  for (const i of [19, 0, 7]) {
    const alone = await voiceOn(models).voice.speak(requests[i]!);
    expect(alone!.candidates).toEqual(together[i]!.candidates);
  }
});

test('details are hidden from the model where the voice was told to', async () => {
  const models = modelsWith('a');
  const say = async (text: string, redaction?: VoiceOptions['redaction']) =>
    (await voiceOn(models, redaction && { redaction }).voice.speak({ ...ask, context: chat([text]) }))!.promptHash;
  const redaction = { regions: ['GB'] };
  expect(await say('mail me: a@example.org', redaction)).toBe(await say('mail me: b@example.com', redaction));
  expect(await say('mail me: a@example.org')).not.toBe(await say('mail me: b@example.com'));
});

describe('the caller', () => {
  test('is not blocked: its timers run while the network computes', async () => {
    const { voice } = voiceOn(modelsWith('a'));
    await voice.speak(ask);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await voice.speak({ ...ask, maxNewTokens: 60 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(2);
  });

  /** A worker file that runs this first, and then the real worker. */
  function workerThat(models: string, code: string): string {
    const file = join(models, 'worker.mjs');
    const imports = `import { parentPort } from 'node:worker_threads';\nimport { existsSync, writeFileSync } from 'node:fs';\n`;
    writeFileSync(file, `${imports}${code}\nawait import(${compiled('src/reply/worker.ts')});\n`);
    return file;
  }
  const once = (models: string, code: string): string => {
    const flag = JSON.stringify(join(models, 'happened'));
    return `if (!existsSync(${flag})) { writeFileSync(${flag}, ''); parentPort.once('message', () => { ${code} }); }`;
  };

  test('gets its answer from a new worker where the first one dies', async () => {
    const models = modelsWith('a');
    const workerFile = workerThat(models, once(models, 'process.exit(3);'));
    const { voice, log } = voiceOn(models, { workerFile });
    expect((await voice.speak(ask))!.runId).toBe('a');
    expect(log()).toEqual(['-: the reply worker is started anew', 'a: run loaded']);
  });

  test('is told when the second one dies too, and may ask again', async () => {
    const models = modelsWith('a');
    const workerFile = workerThat(models, `parentPort.once('message', () => { throw new Error('out of order'); });`);
    const { voice, log } = voiceOn(models, { workerFile });
    await expect(voice.speak(ask)).rejects.toThrow(
      'the reply worker died twice on one request: the reply worker ended early (out of order)',
    );
    await expect(voice.speak(ask)).rejects.toThrow('died twice');
    expect(log()).toHaveLength(2);
  });

  test('is told when there is no worker to start', async () => {
    const { voice } = voiceOn(modelsWith('a'), { workerFile: '/nonexistent/worker.js' });
    await expect(voice.speak(ask)).rejects.toThrow(/died twice.*Cannot find module/);
  });

  test('is told when a worker hangs, and the next request gets a new one', async () => {
    const models = modelsWith('a');
    const workerFile = workerThat(models, once(models, 'for (;;);'));
    const { voice } = voiceOn(models, { workerFile, timeoutMs: 8000 });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const hanging = voice.speak(ask);
    const following = voice.speak(ask);
    await expect(hanging).rejects.toThrow('no reply within 8 s; the reply worker was stopped');
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(20);
    expect((await following)!.runId).toBe('a');
  });

  test('is told when a request cannot be handed over, and the worker lives on', async () => {
    const { voice } = voiceOn(modelsWith('a'));
    const broken = { ...ask, sampling: { ...sampling, temperature: (() => 1) as unknown as number } };
    await expect(voice.speak(broken)).rejects.toThrow('could not be cloned');
    expect((await voice.speak(ask))!.runId).toBe('a');
  });

  test('is told when the voice is closed, under way, waiting or after', async () => {
    const { voice } = voiceOn(modelsWith('a'));
    const answers = [voice.speak(ask), voice.speak(ask)].map((answer) =>
      expect(answer).rejects.toThrow('the voice was closed'),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    await voice.close();
    await Promise.all(answers);
    await expect(voice.speak(ask)).rejects.toThrow('the voice was closed');
    await voice.close();
  });
});
