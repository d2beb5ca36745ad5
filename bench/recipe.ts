/**
 * Training recipes side by side: bits per byte on held-out replies, one run a variant (recipe-variants.ts).
 * Run: npx tsc -p bench && node dist/bench/recipe.js CHAT [--backend NAME] [--threads N] [--seed N] [variant...]
 *   CHAT: `sample`, or a file of dialogues with Apollo 13's CapCom; without variants, all are run
 * Prints a table and adds each result to bench/results/recipe.json as it comes. Not covered: speed (bench/train.ts).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pickBackend } from '../src/model/backend.ts';
import { backendNames, type BackendName } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { ngramBaselines } from '../src/train/ngram.ts';
import { capcom, sampleChat } from './chats.ts';
import { learn, rounded, type Learned } from './learn.ts';
import { machine } from './machine.ts';
import { variants } from './recipe-variants.ts';

interface Result extends Learned {
  chat: string;
  variant: string;
  seed: number;
  backend: string;
  date: string;
}

const file = join(projectRoot, 'bench', 'results', 'recipe.json');

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      backend: { type: 'string', default: 'auto' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string' },
    },
    allowPositionals: true,
  });
  const [where, ...names] = positionals;
  check(where, 'which chat? `sample`, or the path of a file of dialogues');
  const wanted = backendNames.find((name) => name === values.backend);
  check(wanted !== undefined || values.backend === 'auto', `no backend ${values.backend}`);
  // named, it is taken as it is
  const backend: BackendName = wanted ?? (await pickBackend('auto', 'training'));
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  const unknown = names.filter((name) => !variants.some((variant) => variant.name === name));
  check(unknown.length === 0, `no variant ${unknown.join(', ')}`);

  const chat = where === 'sample' ? await sampleChat() : capcom(where);
  const text = [...chat.train, ...chat.validation];
  const { bothSides, personaOnly } = ngramBaselines(text, chat.test);
  const ngram = Math.min(bothSides.bitsPerByte, personaOnly.bitsPerByte);
  console.log(`${chat.name}: byte 5-gram ${ngram.toFixed(3)}; on ${backend}`);
  console.log('test   valid  best/passes  seconds  variant');
  for (const variant of variants) {
    if (names.length > 0 && !names.includes(variant.name)) continue;
    const seed = Number(values.seed);
    const learned = await learn(chat, { ...variant, seed }, backend, threads);
    const { testBits, validationBits, bestPass, passes, seconds } = learned;
    const figures = [testBits.toFixed(3), validationBits.toFixed(3), `${bestPass}/${passes}`.padEnd(11)];
    console.log(`${figures.join('  ')}  ${String(seconds).padStart(7)}  ${variant.name}`);
    record(
      { chat: chat.name, variant: variant.name, seed, backend, date: new Date().toISOString(), ...learned },
      ngram,
    );
  }
}

/** One entry for chat, variant, seed and backend; a later run replaces an earlier one. */
function record(result: Result, ngram: number): void {
  const empty = {
    what: 'bits per byte on held-out persona replies, one run an entry',
    machine,
    ngram: {},
    results: [],
  };
  const before = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { ngram: Record<string, number>; results: Result[] })
    : empty;
  const isSame = (other: Result): boolean =>
    other.chat === result.chat &&
    other.variant === result.variant &&
    other.seed === result.seed &&
    other.backend === result.backend;
  const results = [...before.results.filter((other) => !isSame(other)), result];
  mkdirSync(join(file, '..'), { recursive: true });
  const all = { ...before, machine, ngram: { ...before.ngram, [result.chat]: rounded(ngram) }, results };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}

await main();
