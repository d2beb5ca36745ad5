/**
 * The tokenizer beside Hugging Face's: training on 20 MB of text to 8,192 tokens, and encoding speed, on one thread, with
 * the ids and merges compared. Peers: npm @huggingface/tokenizers (JavaScript; it does not train) and PyPI tokenizers (Rust
 * behind Python). Every contender is a process of its own; rounds alternate between them and the median counts.
 * Run: npx tsc -p bench && node dist/bench/tokenizer.js [--rounds n] [--seconds n] [--no-python] [FILE.jsonl.gz...]
 * Files hold `{"turns":[{"t": text}]}` a line; without files the text is made up. Python's package is taken from the Python
 * that `PYTHON` names, or installed into a temporary folder. Prints tables and writes bench/results/tokenizer.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { specialTokens } from '../src/tokenizer/chat-ids.ts';
import { projectRoot } from '../src/util/dist.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';
import { startChild, temporaryFolder, type Child } from './peers/child.ts';

const pythonVersion = '0.23.3';
const textBytes = 20_000_000;
const vocabSize = 8192;
const checkedTexts = 50_000;

const { values: args, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    'no-python': { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(args.rounds), Number(args.seconds)];

/** Texts of the files' turns, in turn from each file, `textBytes` in all. */
function textsOf(paths: readonly string[]): string[] {
  const perFile = paths.map((path) => {
    const bytes = readFileSync(path);
    const lines = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').split('\n');
    return lines
      .filter((line) => line !== '')
      .flatMap((line) => {
        const { turns } = JSON.parse(line) as { turns: { t: string }[] };
        return turns.map(({ t }) => t);
      });
  });
  const texts: string[] = [];
  let bytes = 0;
  for (let i = 0; bytes < textBytes && perFile.some((list) => i < list.length); i++) {
    for (const list of perFile) {
      const text = list[i];
      if (text === undefined) continue;
      texts.push(text);
      bytes += Buffer.byteLength(text);
    }
  }
  return texts;
}

/** Made-up chat: words of made-up syllables, the n-th about 1 / n as frequent as the first. */
function madeUpTexts(): string[] {
  const random = createRandom('bench/tokenizer');
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!;
  const onsets = [
    '',
    'b',
    'k',
    'd',
    'f',
    'g',
    'h',
    'l',
    'm',
    'n',
    'p',
    'r',
    's',
    't',
    'st',
    'tr',
    'sh',
    'w',
    'th',
    'ч',
    'л',
    'ش',
  ];
  const vowels = ['a', 'e', 'i', 'o', 'u', 'ee', 'oo', 'é', 'ö', 'а', 'о', 'ا'];
  const endings = ['', '', 'n', 's', 't', 'r', 'ng', "n't", "'s", 'ly', 'м'];
  const word = (): string =>
    Array.from({ length: 1 + random.int(3) }, () => pick(onsets) + pick(vowels)).join('') + pick(endings);
  const words = Array.from({ length: 60_000 }, word);
  const frequent = (): string => words[Math.floor(words.length ** random.next()) - 1]!;
  const texts: string[] = [];
  for (let bytes = 0; bytes < textBytes; bytes += Buffer.byteLength(texts.at(-1)!)) {
    const said = Array.from({ length: 1 + random.int(20) }, frequent).join(' ');
    texts.push(said + pick(['', '', '.', '?', '!!', ' 😀', ' 👍🏽', ` ${random.int(2000)}`, '\n\nok']));
  }
  return texts;
}

interface Contender {
  name: string;
  child: Child;
  version: string;
}

const missing: { name: string; reason: string }[] = [];

/** A Python with the tokenizers package: `PYTHON`, or one made for this run. */
function pythonWithTokenizers(): string {
  const given = process.env['PYTHON'];
  if (given !== undefined) return given;
  const folder = temporaryFolder();
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'pipe', timeout: 120_000 });
  const python = join(folder, 'bin', 'python');
  const install = ['-m', 'pip', 'install', '--quiet', `tokenizers==${pythonVersion}`];
  execFileSync(python, install, { stdio: 'pipe', timeout: 240_000 });
  return python;
}

async function startAll(texts: string): Promise<Contender[]> {
  const peer = join(import.meta.dirname, 'peers', 'tokenizer.js');
  const script = join(projectRoot, 'bench', 'peers', 'tokenizer.py');
  const starts: [name: string, start: () => Child][] = [
    ['ours', () => startChild(process.execPath, [peer, 'ours'])],
    ['npm @huggingface/tokenizers', () => startChild(process.execPath, [peer, 'npm'])],
    ['PyPI tokenizers', () => startChild(pythonWithTokenizers(), [script])],
  ];
  const ready: Contender[] = [];
  for (const [name, start] of starts) {
    if (name.startsWith('PyPI') && args['no-python']) continue;
    try {
      const child = start();
      const { version } = await child.request<{ version: string }>({ do: 'start', texts });
      ready.push({ name, child, version });
    } catch (error) {
      if (name === 'ours') throw error;
      missing.push({ name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return ready;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

interface TrainReply {
  seconds: number;
  merges: string[];
  tokenizerJson?: string;
}

async function measureTraining(contenders: readonly Contender[], tokenizerFile: string) {
  const results = [];
  let ours: string[] = [];
  for (const { name, child, version } of contenders.filter(({ name }) => !name.startsWith('npm'))) {
    const request = { do: 'train', vocabSize, specials: specialTokens };
    const times: number[] = [];
    let merges: string[] = [];
    for (let i = 0; i < 3; i++) {
      const reply = await child.request<TrainReply>(request, 300);
      times.push(reply.seconds);
      merges = reply.merges;
      if (reply.tokenizerJson !== undefined) writeFileSync(tokenizerFile, reply.tokenizerJson);
    }
    if (name === 'ours') ours = merges;
    const sameMerges = merges.findIndex((merge, i) => merge !== ours[i]);
    results.push({
      name,
      version,
      seconds: round(median(times)),
      peakRssMiB: child.usage().peakMiB,
      merges: merges.length,
      sameMergesAsOurs: sameMerges === -1 ? merges.length : sameMerges,
    });
  }
  return results;
}

async function measureEncoding(contenders: readonly Contender[], tokenizer: string, label: string) {
  const perRound = contenders.map((): number[] => []);
  const bytesPerId = contenders.map(() => 0);
  for (const { child } of contenders) {
    await child.request({ do: 'load', tokenizer });
    await child.request({ do: 'encode', seconds: Math.min(seconds, 1) }); // compiled, and common words seen
  }
  for (let i = 0; i < rounds; i++) {
    for (const [at, { child }] of contenders.entries()) {
      const reply = await child.request<{ bytesPerSecond: number; bytesPerId: number }>({ do: 'encode', seconds });
      perRound[at]!.push(reply.bytesPerSecond / 1e6);
      bytesPerId[at] = reply.bytesPerId;
    }
  }
  const checks: { ids: number; sha256: string }[] = [];
  for (const { child } of contenders) checks.push(await child.request({ do: 'check', count: checkedTexts }, 300));
  const ours = median(perRound[0]!);
  return contenders.map(({ name, version, child }, at) => ({
    tokenizer: label,
    name,
    version,
    megabytesPerSecond: {
      median: round(median(perRound[at]!)),
      best: round(Math.max(...perRound[at]!)),
      rounds: perRound[at]!.map((value) => round(value)),
    },
    bytesPerId: round(bytesPerId[at]!, 3),
    oursIsTimesFaster: at === 0 ? 1 : round(ours / median(perRound[at]!), 1),
    sameIdsAsOurs: checks[at]!.sha256 === checks[0]!.sha256,
    peakRssMiB: child.usage().peakMiB,
  }));
}

const folder = temporaryFolder();
const texts = files.length > 0 ? textsOf(files) : madeUpTexts();
const textsFile = join(folder, 'texts.jsonl');
writeFileSync(textsFile, texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
console.log(machine, `${texts.length} texts, ${round(bytes / 1e6)} MB`);

const contenders = await startAll(textsFile);
const own = join(folder, 'tokenizer.json');
const training = await measureTraining(contenders, own);
console.table(training);
const like = join(projectRoot, 'test', 'tokenizer', 'fixtures', 'llama3.json');
const encoding = [
  ...(await measureEncoding(contenders, own, `trained here, ${vocabSize}`)),
  ...(await measureEncoding(contenders, like, 'a small one like Llama 3')),
];
console.table(encoding.map((row) => ({ ...row, megabytesPerSecond: row.megabytesPerSecond.median })));
const [ours] = contenders;
await ours!.child.request({ do: 'load', tokenizer: own });
const endlessWord = [];
for (const length of [100_000, 1_000_000, 10_000_000]) {
  const reply = await ours!.child.request<{ seconds: number }>({ do: 'endless', length });
  endlessWord.push({ letters: length, seconds: round(reply.seconds, 3) });
}
console.table(endlessWord);
for (const { name, reason } of missing) console.log(`not measured: ${name}: ${reason}`);
for (const { child } of contenders) child.close();

const source = files.length > 0 ? files.map((file) => basename(file)) : ['made up'];
const result = { machine, source, bytes, texts: texts.length, training, encoding, endlessWord, missing };
mkdirSync(join(projectRoot, 'bench', 'results'), { recursive: true });
writeFileSync(join(projectRoot, 'bench', 'results', 'tokenizer.json'), `${JSON.stringify(result, null, 2)}\n`);
