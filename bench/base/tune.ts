/**
 * What a base should be adapted with: one run a variant and persona, bits per byte on the persona's validation and test.
 * Variants are compared by validation; the test is there to be reported, not to choose by.
 * Run: npx tsc -p bench && node dist/bench/base/tune.js FOLDER BASE CHATS '{"name","recipe"?,"lossOn"?,"leftShare"?}'...
 *   FOLDER: what prepare wrote; BASE: a base's folder; CHATS: names, joined by commas. Adds to bench/results/base-tune.json.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadBase } from '../../src/checkpoint/base.ts';
import { loadEnvironment } from '../../src/config.ts';
import { pickBackend } from '../../src/model/backend.ts';
import { withSpecialTokens } from '../../src/tokenizer/tokenizer-json.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import { namedChat, sampleChat } from '../chats.ts';
import { learn, type Variant } from '../learn.ts';
import { sizeOfConfig } from './adapt.ts';

const [folder, baseDir, chatNames, ...variants] = process.argv.slice(2);
check(folder !== undefined && baseDir !== undefined && chatNames !== undefined, 'see the head of this file');
const out = join(projectRoot, 'bench', 'results', 'base-tune.json');
const base = loadBase(baseDir, withSpecialTokens);
const size = sizeOfConfig(base.config, baseDir);
const backend = await pickBackend(loadEnvironment().backend, 'training');

for (const text of variants) {
  const variant = JSON.parse(text) as Omit<Variant, 'size' | 'base'>;
  for (const name of chatNames.split(',')) {
    const [chatName = '', turns] = name.split(':');
    const chat =
      chatName === 'sample'
        ? await sampleChat()
        : namedChat(folder, chatName, turns === undefined ? 8000 : Number(turns));
    const learned = await learn(chat, { ...variant, size, base }, backend);
    const { testBits, validationBits, bestPass, seconds, curve } = learned;
    console.log(
      `${validationBits.toFixed(4)} valid ${testBits.toFixed(4)} test  ${name.padEnd(10)}${variant.name}  (best pass ${bestPass}, ${seconds} s: ${curve.join(' ')})`,
    );
    const known = existsSync(out) ? (JSON.parse(readFileSync(out, 'utf8')) as { runs: object[] }).runs : [];
    const run = {
      base: basename(baseDir),
      chat: name,
      variant,
      backend,
      testBits,
      validationBits,
      bestPass,
      seconds,
      curve,
    };
    const what = 'recipes to adapt a base with, by bits per byte on validation';
    writeFileSync(out, `${JSON.stringify({ what, runs: [...known, run] }, null, 2)}\n`);
  }
}
