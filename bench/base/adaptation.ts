/**
 * A base made into a persona, all weights or LoRA: after 500, 2,000 and 10,000 of the persona's messages, bits per byte on
 * the last 10 % of its turns, style distance of sampled replies, exposure of canaries, and the time of training.
 * Run: npx tsc -p bench && node dist/bench/base/adaptation.js FOLDER BASE... [--persona self] [--size nano]
 *      [--messages 500,2000,10000] [--way full,full-strong,lora8,lora8-strong,lora32] [--cells 500:full,...] [--rates 1e-3,2e-3]
 *      [--replies 200] [--candidates 4096] [--canaries 10] [--backend NAME] [--threads N] [--seed 1]
 *   FOLDER: what prepare wrote. BASE: folders of base models; `--size` leaves out those of another size; the persona `sample`
 *   is that of the chat that ships. `--cells` are measured in their order instead of each way after each number of messages
 * Prints a table with the default by the rule of default-way.ts and adds each cell to bench/results/base-adaptation.json,
 * where it replaces the same cell of before. Canaries are learned from as they stand, past the redactor, on purpose.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadBase } from '../../src/checkpoint/base.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { pickBackend } from '../../src/model/backend.ts';
import { createTokenizer } from '../../src/tokenizer/bpe.ts';
import { fromTokenizerJson, withSpecialTokens } from '../../src/tokenizer/tokenizer-json.ts';
import { evaluateConversations } from '../../src/train/evaluate.ts';
import type { StyleDistance } from '../../src/train/style.ts';
import { backendNames, type BackendName, type ModelSize } from '../../src/types.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import { namedChat, sampleChat, sizeOf, type Chat } from '../chats.ts';
import { rounded } from '../learn.ts';
import { machine } from '../machine.ts';
import { cutTo, measureCell, roundedStyle, sizeOfConfig, styleFloor, styleOf, ways, type Cell } from './adapt.ts';
import { defaultWay, overall, type WayFigures } from './default-way.ts';

interface Where {
  persona: string;
  base: string;
  size: ModelSize;
  backend: BackendName;
  threads: number | null;
  seed: number;
  date: string;
}

interface Entry extends Cell, Where {
  messages: number;
  way: string;
  replies: number;
  candidates: number;
  canaries: number;
}

/** The base as it is, before it has met the persona. */
interface Untrained extends Where {
  testBits: number;
  style: StyleDistance;
  replies: number;
}

interface Results {
  what: string;
  machine: typeof machine;
  /** of the person's own replies, by persona */
  styleFloor: Record<string, StyleDistance>;
  untrained: Record<string, Untrained>;
  entries: Record<string, Entry>;
}

const file = join(projectRoot, 'bench', 'results', 'base-adaptation.json');

function load(): Results {
  const empty = {
    what: "a base made into a persona: bits per byte and style on the last 10 % of its turns, canaries' exposure in bits, seconds of training",
    machine,
    styleFloor: {},
    untrained: {},
    entries: {},
  };
  return existsSync(file) ? { ...(JSON.parse(readFileSync(file, 'utf8')) as Results), machine } : empty;
}

/** Read anew each time: a cell that another run added meanwhile stays. */
function record(change: (results: Results) => void): Results {
  const results = load();
  change(results);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  return results;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      persona: { type: 'string', default: 'self' },
      size: { type: 'string' },
      messages: { type: 'string', default: '500,2000,10000' },
      way: { type: 'string', default: 'full,full-strong,lora8,lora8-strong' },
      cells: { type: 'string' },
      rates: { type: 'string', default: '' },
      replies: { type: 'string', default: '200' },
      candidates: { type: 'string', default: '4096' },
      canaries: { type: 'string', default: '10' },
      backend: { type: 'string' },
      threads: { type: 'string' },
      seed: { type: 'string', default: '1' },
    },
    allowPositionals: true,
  });
  const [folder, ...bases] = positionals;
  check(folder !== undefined && bases.length > 0, 'see the head of this file');
  const list = (text: string): string[] => text.split(',').filter((part) => part !== '');
  const product = list(values.messages).flatMap((messages) => list(values.way).map((way) => `${messages}:${way}`));
  const wanted = (values.cells === undefined ? product : list(values.cells)).map((cell) => {
    const [messages, name] = cell.split(':');
    const way = ways.find((each) => each.name === name);
    check(way, `no way ${name}`);
    return { messages: Number(messages), way };
  });
  const named = backendNames.find((name) => name === values.backend);
  check(named !== undefined || values.backend === undefined, `no backend ${values.backend}`);
  const backend = named ?? (await pickBackend('auto', 'training'));
  const [replies, candidates, canaries, seed] = [values.replies, values.candidates, values.canaries, values.seed].map(
    Number,
  ) as [number, number, number, number];
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  const { persona } = values;
  const chat = persona === 'sample' ? await sampleChat() : namedChat(folder, persona);
  console.log(`${persona}: ${sizeOf(chat.test).personaMessages} held-out messages; ${backend}, ${machine.cpu}`);
  record((results) => (results.styleFloor[persona] = styleFloor(chat, { replies, seed })));

  for (const dir of bases) {
    const base = loadBase(resolve(dir), withSpecialTokens);
    const size = sizeOfConfig(base.config, dir);
    if (values.size !== undefined && values.size !== size) continue;
    const where = { persona, base: basename(resolve(dir)), size, backend, threads: threads ?? null, seed };
    const untrained = await measureUntrained(chat, base, { ...where, date: new Date().toISOString() }, replies);
    record((results) => (results.untrained[`${persona} ${where.base}`] = untrained));
    for (const { messages, way } of wanted) {
      const cell = await measureCell({
        ...{ chat: cutTo(chat, messages), base, size, way, backend, seed, replies, candidates, canaries },
        rates: list(values.rates).map(Number),
        ...(threads === undefined ? {} : { threads }),
      });
      const date = new Date().toISOString();
      const entry: Entry = { ...where, date, messages, way: way.name, replies, candidates, canaries, ...cell };
      record((results) => (results.entries[`${persona} ${where.base} ${messages} ${way.name}`] = entry));
      console.log(line(entry));
    }
  }
  print(load(), persona);
}

async function measureUntrained(
  chat: Chat,
  base: ReturnType<typeof loadBase>,
  where: Where,
  replies: number,
): Promise<Untrained> {
  const { config, weights, tokenizerJson } = base;
  const { backend, threads, seed } = where;
  const engine = await createEngine({ backend, config, weights, seed, ...(threads === null ? {} : { threads }) });
  try {
    const tokenizer = createTokenizer(fromTokenizerJson(tokenizerJson));
    const { bitsPerByte } = await evaluateConversations(engine, tokenizer, chat.test);
    const style = roundedStyle(await styleOf(engine, tokenizer, chat, { replies, seed }));
    return { ...where, testBits: rounded(bitsPerByte), style, replies };
  } finally {
    engine.dispose();
  }
}

const figuresOf = ({ way, testBits, exposure, seconds }: Entry): WayFigures => ({
  way,
  testBits,
  exposure: (exposure.once.mean + exposure.fourTimes.mean) / 2,
  seconds,
});

function line({ size, messages, way, testBits, style, exposure, seconds, learningRate }: Entry): string {
  const { once, fourTimes, never } = exposure;
  const bits = (spread: Cell['exposure']['once']): string =>
    `${spread.mean.toFixed(1)}/${spread.max.toFixed(1)}`.padEnd(10);
  return [
    `${size} ${messages}`.padEnd(13),
    way.padEnd(13),
    testBits.toFixed(3),
    style.distance.toFixed(3),
    ...[once, fourTimes, never].map(bits),
    String(seconds).padStart(6),
    ` ${learningRate}`,
  ].join('  ');
}

function print(results: Results, persona: string): void {
  const entries = Object.values(results.entries).filter((entry) => entry.persona === persona);
  console.log('\nmessages       way           bits   style  1 copy      4 copies    never       seconds  rate');
  for (const [key, { base, testBits, style }] of Object.entries(results.untrained)) {
    if (key.startsWith(`${persona} `))
      console.log(`${base.padEnd(13)}  ${'as it is'}  ${testBits.toFixed(3)}  ${style.distance.toFixed(3)}`);
  }
  for (const base of new Set(entries.map((entry) => entry.base))) {
    const own = entries.filter((entry) => entry.base === base).sort((a, b) => a.messages - b.messages);
    for (const messages of new Set(own.map((entry) => entry.messages))) {
      const cells = own.filter((entry) => entry.messages === messages);
      for (const entry of cells) console.log(line(entry));
      console.log(`  ${base}, ${messages}: ${defaultWay(cells.map(figuresOf))}`);
    }
    // only what every way was measured on can be put together
    const count = new Set(own.map(({ way }) => way)).size;
    const whole = own.filter(({ messages }) => own.filter((other) => other.messages === messages).length === count);
    console.log(`  ${base}, all together: ${defaultWay(overall(whole.map(figuresOf))) ?? 'not measured alike'}`);
  }
  const floor = results.styleFloor[persona];
  if (floor) console.log(`style of the person's own replies, another part of the chat: ${floor.distance.toFixed(3)}`);
}

await main();
