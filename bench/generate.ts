/**
 * Generation speed beside llama.cpp (npm node-llama-cpp): the same weights in f32, the same threads, greedy, in one go.
 * Every contender is a process of its own; rounds alternate between contenders, and the median counts. llama.cpp runs
 * twice, through the addon's own calls and through the package's public one; the faster of the two is the one to beat.
 * Run: npm run build && npx tsc -p bench && node dist/bench/generate.js [--quick] [--size nano,small] [--threads 1,2]
 *      [--engines simd,simd-bf16] [--rounds n] [--seconds n] [--no-peers]            (about four minutes; README.md)
 * Prints tables and writes bench/results/generate.json. Not covered: sampling, tokenizing, chats.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelConfig } from '../src/model/sizes.ts';
import type { ModelConfig, ModelSize } from '../src/types.ts';
import { distFile, projectRoot } from '../src/util/dist.ts';
import { check } from '../src/util/errors.ts';
import { createRandom } from '../src/util/random.ts';
import { machine } from './machine.ts';
import { startChild, temporaryFolder, type Child } from './peers/child.ts';
import type { GrowReply, PromptReply, StartGeneration } from './peers/generation.ts';
import { installPackages } from './peers/install.ts';
import type { Started } from './peers/training.ts';
import { median, rounded } from './train-work.ts';

const { values: args } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    size: { type: 'string', default: 'nano,small' },
    threads: { type: 'string', default: '1,2' },
    engines: { type: 'string', default: 'simd,simd-bf16' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'no-peers': { type: 'boolean', default: false },
  },
});
const rounds = Number(args.rounds ?? (args.quick ? 2 : 5));
/** for each kind of work of each contender in each round */
const seconds = Number(args.seconds ?? (args.quick ? 0.1 : 0.5));
const engines = args.engines.split(',');

const llamaVersion = '3.22.1';
const newTokens = 64;
const candidates = 8;
const firstTokenLimitMs = 150;

/** What is timed: prompts to their first id, and growth behind a prompt. */
const work = {
  prompt256: { do: 'prompt', length: 256, streams: 1 },
  after64: { do: 'grow', length: 64, streams: 1 },
  after128: { do: 'grow', length: 128, streams: 1 },
  eight: { do: 'grow', length: 128, streams: candidates },
} as const;
type Work = keyof typeof work;
const workNames = Object.keys(work) as Work[];

interface Runner {
  name: string;
  version: string;
  child: Child;
  /** milliseconds of each repetition */
  ms: Record<Work, number[]>;
  ids: Record<Work, number[]>;
}

interface Measured {
  name: string;
  version: string;
  /** one stream, new tokens a second */
  tokensPerSecond: { after64: number; after128: number };
  /** a prompt of 256 ids to the first new one */
  firstTokenMs: number;
  promptTokensPerSecond: number;
  /** eight candidates: new tokens a second, and time over that of one stream */
  candidates: { tokensPerSecond: number; cost: number };
  /** of 64 greedy ids, how many from the start are those of the first contender */
  sameIds: number;
  peakRssMiB: number | null;
}

interface Verdict {
  what: string;
  value: number;
  wanted: string;
  met: boolean;
}

const missing: { name: string; reason: string }[] = [];

/** nano's context is stretched so that the same prompts fit; rotary positions have no weights. */
function configOf(size: ModelSize): ModelConfig {
  return { ...modelConfig(size, size === 'nano' ? 2048 : 8192), contextLength: 256 };
}

async function ready(name: string, child: Child, message: object): Promise<Runner | null> {
  try {
    const { version } = await child.request<Started>(message);
    const none = (): Record<Work, number[]> => ({ prompt256: [], after64: [], after128: [], eight: [] });
    return { name, version, child, ms: none(), ids: none() };
  } catch (error) {
    leaveOut(name, child, error);
    return null;
  }
}

function leaveOut(name: string, child: Child, error: unknown): void {
  child.close();
  const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
  if (!missing.some((m) => m.name === name)) missing.push({ name, reason });
}

async function open(config: ModelConfig, threads: number, modules: string | null): Promise<Runner[]> {
  const gguf = join(temporaryFolder(), 'model.gguf');
  const message: StartGeneration & { do: string } = { do: 'start', config, threads, gguf, streams: candidates };
  const runners: Runner[] = [];
  for (const engine of engines) {
    const child = startChild(process.execPath, [distFile('bench/peers/engine-generate.ts'), engine]);
    const runner = await ready(engine, child, message);
    if (runner) runners.push(runner);
  }
  if (modules === null || !runners[0]) return runners;
  await runners[0].child.request({ do: 'exportGguf', path: gguf });
  for (const mode of ['bindings', 'evaluate']) {
    const child = startChild(process.execPath, [distFile('bench/peers/llama-cpp.ts'), modules, mode]);
    const runner = await ready(`llama.cpp, ${mode}`, child, message);
    if (runner) runners.push(runner);
  }
  return runners;
}

async function once(runner: Runner, name: Work, vocabSize: number, time: number): Promise<void> {
  const { length, streams, do: kind } = work[name];
  const random = createRandom(`prompt ${length}`);
  const prompt = Array.from({ length }, () => random.int(vocabSize));
  const message = { do: kind, prompt, newTokens, streams, seconds: time };
  const reply = await runner.child.request<GrowReply & PromptReply>(message, 300);
  runner.ms[name].push(...reply.ms);
  runner.ids[name] = kind === 'prompt' ? [reply.firstId] : reply.ids;
}

async function measure(config: ModelConfig, threads: number, modules: string | null): Promise<Measured[]> {
  let runners = await open(config, threads, modules);
  /** goes on without a contender that fails at its work */
  const everybody = async (name: Work, time: number): Promise<void> => {
    for (const runner of [...runners]) {
      try {
        await once(runner, name, config.vocabSize, time);
      } catch (error) {
        leaveOut(runner.name, runner.child, error);
        runners = runners.filter((other) => other !== runner);
      }
    }
  };
  for (const name of workNames) await everybody(name, seconds / 2); // compilers and caches
  for (const runner of runners) for (const name of workNames) runner.ms[name] = [];
  for (let round = 0; round < rounds; round++) for (const name of workNames) await everybody(name, seconds);
  const reference = runners[0]?.ids.after128 ?? [];
  return runners.map((runner) => {
    const { peakMiB } = runner.child.usage();
    runner.child.close();
    return summary(runner, reference, peakMiB);
  });
}

function summary({ name, version, ms, ids }: Runner, reference: readonly number[], peakMiB: number | null): Measured {
  const time = (which: Work): number => median(ms[which]);
  const speed = (which: Work): number => rounded((work[which].streams * newTokens * 1000) / time(which), 1);
  const firstDifferent = ids.after128.findIndex((id, i) => id !== reference[i]);
  return {
    name,
    version,
    tokensPerSecond: { after64: speed('after64'), after128: speed('after128') },
    firstTokenMs: rounded(time('prompt256'), 2),
    promptTokensPerSecond: rounded((work.prompt256.length * 1000) / time('prompt256')),
    candidates: { tokensPerSecond: speed('eight'), cost: rounded(time('eight') / time('after128'), 2) },
    sameIds: firstDifferent === -1 ? newTokens : Math.min(newTokens, firstDifferent),
    peakRssMiB: peakMiB,
  };
}

/** What the project asks of its own engine in f32. */
function verdicts(measured: readonly Measured[], size: string): Verdict[] {
  const own = measured.find((m) => engines.includes(m.name));
  if (!own) return [];
  const theirs = measured.filter((m) => m.name.startsWith('llama.cpp'));
  const found: Verdict[] = [];
  const best = (which: 'after64' | 'after128'): number => Math.max(...theirs.map((m) => m.tokensPerSecond[which]));
  for (const which of theirs.length > 0 ? (['after64', 'after128'] as const) : []) {
    const value = rounded(own.tokensPerSecond[which] / best(which), 3);
    found.push({ what: `${own.name} / llama.cpp, one stream ${which}`, value, wanted: '>= 0.7', met: value >= 0.7 });
  }
  const { cost } = own.candidates;
  found.push({ what: `${candidates} candidates / one`, value: cost, wanted: '<= 2.5', met: cost <= 2.5 });
  if (size === 'small') {
    const [value, wanted] = [own.firstTokenMs, `<= ${firstTokenLimitMs}`];
    found.push({ what: 'first token after 256 ids, ms', value, wanted, met: value <= firstTokenLimitMs });
  }
  return found;
}

async function install(): Promise<string | null> {
  if (args['no-peers']) return null;
  try {
    check(process.arch === 'x64' || process.arch === 'arm64', `no prebuilt llama.cpp for ${process.arch}`);
    const system = { linux: process.arch, darwin: 'arm64-metal', win32: process.arch } as Record<string, string>;
    const prefix = { linux: 'linux', darwin: 'mac', win32: 'win' } as Record<string, string>;
    const library = `@node-llama-cpp/${prefix[process.platform]}-${system[process.platform]}@${llamaVersion}`;
    return await installPackages([`node-llama-cpp@${llamaVersion}`, library]);
  } catch (error) {
    missing.push({ name: 'llama.cpp', reason: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

async function main(): Promise<void> {
  console.log(JSON.stringify(machine));
  const modules = await install();
  const results = [];
  for (const size of (['nano', 'small'] as const).filter((s) => args.size.split(',').includes(s))) {
    for (const threads of args.threads.split(',').map(Number)) {
      const measured = await measure(configOf(size), threads, modules);
      const found = verdicts(measured, size);
      results.push({ size, threads, measured, verdicts: found });
      print(`${size}, ${threads} thread${threads === 1 ? '' : 's'}`, measured, found);
    }
  }
  for (const { name, reason } of missing) console.log(`not measured: ${name} (${reason})`);
  const folder = join(projectRoot, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const what = 'generation, f32, greedy: our engines and llama.cpp in alternating rounds';
  const settings = { rounds, secondsPerRound: seconds, newTokens, candidates, quick: args.quick };
  const report = { what, date: new Date().toISOString(), machine, settings, results, missing };
  writeFileSync(join(folder, 'generate.json'), `${JSON.stringify(report, null, 2)}\n`);
}

function print(title: string, measured: readonly Measured[], found: readonly Verdict[]): void {
  console.log(`\n${title}`);
  const rows = measured.map((m): [string, object] => [
    m.name,
    {
      'tokens/s after 64': m.tokensPerSecond.after64,
      'after 128': m.tokensPerSecond.after128,
      'first of 256, ms': m.firstTokenMs,
      'prompt tokens/s': m.promptTokensPerSecond,
      'eight, tokens/s': m.candidates.tokensPerSecond,
      'eight / one': m.candidates.cost,
      'same ids': m.sameIds,
      'peak MiB': m.peakRssMiB,
    },
  ]);
  console.table(Object.fromEntries(rows));
  for (const { what, value, wanted, met } of found) {
    console.log(`${what}: ${value}, wanted ${wanted}: ${met ? 'met' : 'MISSED'}`);
  }
}

await main();
process.exit(0);
