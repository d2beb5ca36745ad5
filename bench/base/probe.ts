/**
 * Which vocabulary, rate and batch a base should have: short pretraining runs of equal time, each judged by bits per byte
 * on personas' held-out replies after learning from a few thousand of their messages.
 * Run: npx tsc -p bench && node dist/bench/base/probe.js FOLDER MINUTES THREADS '{"size","vocabSize","recipe"}'...
 *   FOLDER: what prepare wrote. Adds to bench/results/base-probe.json.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadEnvironment } from '../../src/config.ts';
import { parseDialogues } from '../../src/dataset/jsonl.ts';
import { pickBackend } from '../../src/model/backend.ts';
import { pretrain } from '../../src/train/pretrain.ts';
import type { Recipe } from '../../src/train/recipe.ts';
import type { ModelSize } from '../../src/types.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import { personaChat } from '../chats.ts';
import { learn, rounded } from '../learn.ts';
import { machine } from '../machine.ts';
import { readText } from './dialogue.ts';

interface Probe {
  size: ModelSize;
  vocabSize: number;
  recipe?: Partial<Recipe>;
  /** personas to judge by after learning; default: both. Held-out dialogues judge in any case */
  chats?: string[];
}

const [folder, minutes, threads, ...probes] = process.argv.slice(2);
check(
  folder !== undefined && minutes !== undefined && threads !== undefined && probes.length > 0,
  'see the head of this file',
);
const out = join(projectRoot, 'bench', 'results', 'base-probe.json');
const file = join(folder, 'pretrain.jsonl.gz');
const dialogues = parseDialogues(readText(file), 'pretrain');
const chats = [personaChat(folder, 'self', 6000), personaChat(folder, 'xpersona')];
const { backend: wanted } = loadEnvironment();
const backend = await pickBackend(wanted, 'training');

for (const text of probes) {
  const probe = JSON.parse(text) as Probe;
  const base = await pretrain(dialogues, {
    size: probe.size,
    vocabSize: probe.vocabSize,
    recipe: probe.recipe,
    passes: 1,
    maxMinutes: Number(minutes),
    threads: Number(threads),
    backend,
    seed: 1,
  });
  const weights = await base.engine.exportWeights();
  const { config } = base.engine;
  base.engine.dispose();
  const after: Record<string, number> = {};
  for (const chat of chats.filter(({ name }) => probe.chats?.includes(name) ?? true)) {
    const learned = await learn(
      chat,
      {
        name: chat.name,
        size: probe.size,
        base: { config, weights, tokenizerJson: base.tokenizerJson },
      },
      backend,
      Number(threads),
    );
    after[chat.name] = learned.testBits;
    console.log(`  ${chat.name}: ${learned.testBits} in ${learned.seconds} s, ${learned.curve.join(' ')}`);
  }
  const result = {
    probe,
    minutes: Number(minutes),
    threads: Number(threads),
    backend,
    tokensSeen: base.result.tokensSeen,
    heldOutBits: rounded(base.heldOut.bitsPerByte),
    after,
    machine,
  };
  console.log(JSON.stringify({ ...result, machine: undefined }));
  const known = existsSync(out) ? (JSON.parse(readFileSync(out, 'utf8')) as { probes: object[] }).probes : [];
  writeFileSync(
    out,
    `${JSON.stringify({ what: 'short pretraining runs, judged after learning', probes: [...known, result] }, null, 2)}\n`,
  );
}
