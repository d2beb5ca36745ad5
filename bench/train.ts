/**
 * Training speed beside PyTorch and npm @genai-fi/nanogpt: same sizes, batch, data and number of threads, in one go.
 * Every contender is a process of its own that is ready before the first round; rounds alternate between contenders, and
 * the median of the rounds counts. PyTorch is tried with each thread setting and keeps its best.
 * Run: npm run build && npx tsc -p bench && node dist/bench/train.js [--quick] [--size nano|small] [--threads 1,2]
 *      [--engines simd,native,cpu] [--rounds n] [--seconds n] [--no-peers]           (about five minutes; README.md)
 * Prints tables and writes bench/results/train.json. Not covered: dropout, other sizes, GPUs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../src/util/dist.ts';
import { machine } from './machine.ts';
import type { Child } from './peers/child.ts';
import { flopsPerToken, layerWeightsOf, type Started, type TrainReply, type Workload } from './peers/training.ts';
import { names, trainingField, type Contender, type Variant } from './train-contenders.ts';
import { median, rounded, startMessage, workloads, writeIds } from './train-work.ts';

const { values: args } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    size: { type: 'string', default: 'nano,small' },
    threads: { type: 'string', default: '1,2' },
    engines: { type: 'string', default: 'simd,native,cpu' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'no-peers': { type: 'boolean', default: false },
  },
});
const rounds = Number(args.rounds ?? (args.quick ? 2 : 7));
/** each contender works this long in each round */
const seconds = Number(args.seconds ?? (args.quick ? 0.3 : 1.5));
const engines = args.engines.split(',');
const threadCounts = args.threads.split(',').map(Number);

interface Measured {
  name: string;
  version: string;
  /** thread settings that were best for it */
  settings: string;
  batchSize: number;
  length: number;
  tokensPerSecond: { median: number; best: number; rounds: number[] };
  /** processor time over wall time while it worked */
  coresUsed: number | null;
  /** what everything else on the machine used meanwhile: above some tenths the figures say little */
  coresOthers: number | null;
  tokensPerCpuSecond: number | null;
  gflops: number;
  /** best of a square product of 1,024, GFLOP/s */
  matmulPeak: number | null;
  shareOfPeak: number | null;
  peakRssMiB: number | null;
  loss: number;
}

interface Ratio {
  ours: string;
  peer: string;
  ratio: number;
  wanted: number | null;
}

/** A contender that is ready, and what its rounds gave. */
interface Runner {
  contender: Contender;
  settings: string;
  child: Child;
  version: string;
  perRound: number[];
  tokens: number;
  busySeconds: number;
  /** of the whole machine meanwhile */
  machineSeconds: number;
  wallSeconds: number;
  loss: number;
}

const unused = { tokens: 0, busySeconds: 0, machineSeconds: 0, wallSeconds: 0 };

const missing: { name: string; reason: string }[] = [];

async function ready(contender: Contender, variant: Variant, message: object): Promise<Runner | null> {
  const child = variant.start();
  try {
    const { version } = await child.request<Started>(message);
    return { contender, settings: variant.settings, child, version, perRound: [], loss: Number.NaN, ...unused };
  } catch (error) {
    child.close();
    leaveOut(contender.name, error);
    return null;
  }
}

function leaveOut(name: string, error: unknown): void {
  const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
  if (!missing.some((m) => m.name === name)) missing.push({ name, reason });
}

/** Goes on without a contender that fails at its work. */
async function attempt<T>({ contender, child }: Runner, task: () => Promise<T>): Promise<T | null> {
  try {
    return await task();
  } catch (error) {
    child.close();
    leaveOut(contender.name, error);
    return null;
  }
}

/** Processor time that the whole machine has spent, seconds. */
function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

/** One round of one contender -> tokens a second. */
async function work(runner: Runner, tokens: number, request: { seconds: number; atLeast: number }): Promise<number> {
  const [before, machineBefore] = [runner.child.usage().cpuSeconds, busySeconds()];
  const start = performance.now();
  const { stepMs, loss } = await runner.child.request<TrainReply>({ do: 'train', ...request }, 400);
  runner.wallSeconds += (performance.now() - start) / 1000;
  runner.busySeconds += (runner.child.usage().cpuSeconds ?? Number.NaN) - (before ?? Number.NaN);
  runner.machineSeconds += busySeconds() - machineBefore;
  runner.tokens += tokens * stepMs.length;
  runner.loss = loss;
  return (tokens * stepMs.length * 1000) / stepMs.reduce((a, b) => a + b);
}

/** The variant that is fastest in two short rounds each, alternating; the others end. */
async function fastest(variants: Runner[], tokens: number): Promise<Runner | null> {
  if (variants.length < 2) return variants[0] ?? null;
  const best = new Map(variants.map((v) => [v, 0]));
  for (let i = 0; i < 2; i++) {
    for (const variant of variants) {
      const speed = await work(variant, tokens, { seconds: seconds / 2, atLeast: 1 });
      best.set(variant, Math.max(best.get(variant)!, speed));
    }
  }
  const [winner, ...others] = variants.toSorted((a, b) => best.get(b)! - best.get(a)!);
  for (const other of others) other.child.close();
  return winner!;
}

async function measureAll(workload: Workload, threads: number, field: readonly Contender[]): Promise<Measured[]> {
  const { config, batchSize } = workload;
  const tokens = batchSize * config.contextLength;
  const message = startMessage(workload, writeIds(config.vocabSize));
  let runners: Runner[] = [];
  for (const contender of field.filter((c) => !c.slow)) {
    const started: Runner[] = [];
    for (const variant of contender.variants(threads)) {
      const runner = await ready(contender, variant, message);
      if (!runner) break;
      // compilers, caches, allocators
      if ((await attempt(runner, () => work(runner, tokens, { seconds: 0.3, atLeast: 2 }))) !== null)
        started.push(runner);
    }
    const runner = await fastest(started, tokens);
    if (runner) runners.push(Object.assign(runner, unused));
  }
  for (let round = 0; round < rounds; round++) {
    for (const runner of [...runners]) {
      const speed = await attempt(runner, () => work(runner, tokens, { seconds, atLeast: 1 }));
      if (speed === null) runners = runners.filter((other) => other !== runner);
      else runner.perRound.push(speed);
    }
  }
  const measured: Measured[] = [];
  for (const runner of runners) {
    const { peakMiB } = runner.child.usage();
    const product = { do: 'matmul', size: 1024, repeats: 12 };
    const peak = await attempt(runner, () => runner.child.request<number>(product));
    measured.push(summary(runner, workload, message, peakMiB, peak));
    runner.child.close();
  }
  return measured;
}

/** Those that need minutes: one step of the whole batch at nano, one of a single short row at small. */
async function measureSlow(workload: Workload, field: readonly Contender[]): Promise<Measured[]> {
  const measured: Measured[] = [];
  const message = startMessage(workload, writeIds(workload.config.vocabSize), args.quick || workload.name !== 'nano');
  const tokens = message.batchSize * message.length;
  for (const contender of field.filter((c) => c.slow)) {
    const runner = await ready(contender, contender.variants(1)[0]!, message);
    if (!runner) continue;
    const speed = await attempt(runner, () => work(runner, tokens, { seconds: 0, atLeast: 1 }));
    if (speed === null) continue;
    runner.perRound.push(speed);
    measured.push(summary(runner, workload, message, runner.child.usage().peakMiB, null));
    runner.child.close();
  }
  return measured;
}

function summary(
  { contender, settings, version, perRound, tokens, busySeconds, machineSeconds, wallSeconds, loss }: Runner,
  { config }: Workload,
  { batchSize, length }: { batchSize: number; length: number },
  peakRssMiB: number | null,
  matmulPeak: number | null,
): Measured {
  const speed = median(perRound);
  const flops = flopsPerToken({ ...config, contextLength: length }, layerWeightsOf(config, contender.mlp));
  const gflops = (speed * flops) / 1e9;
  return {
    name: contender.name,
    version,
    settings,
    batchSize,
    length,
    tokensPerSecond: {
      median: rounded(speed, 1),
      best: rounded(Math.max(...perRound), 1),
      rounds: perRound.map((value) => rounded(value, 1)),
    },
    coresUsed: Number.isNaN(busySeconds) ? null : rounded(busySeconds / wallSeconds, 2),
    coresOthers: Number.isNaN(busySeconds) ? null : rounded((machineSeconds - busySeconds) / wallSeconds, 2),
    tokensPerCpuSecond: Number.isNaN(busySeconds) ? null : rounded(tokens / busySeconds),
    gflops: rounded(gflops, 2),
    matmulPeak: matmulPeak === null ? null : rounded(matmulPeak, 1),
    shareOfPeak: matmulPeak === null ? null : rounded(gflops / matmulPeak, 3),
    peakRssMiB,
    loss: rounded(loss, 3),
  };
}

/** Ours over theirs, with what the project asks for. */
function ratiosOf(measured: readonly Measured[], size: Workload['name']): Ratio[] {
  const speedOf = (name: string): number | undefined => measured.find((m) => m.name === name)?.tokensPerSecond.median;
  const wanted = (ours: string, peer: string): number | null => {
    if (peer === names.genai) return 5;
    if (peer === names.nanoGpt) return ours === 'native' ? 1 : size === 'nano' ? 0.7 : 0.6;
    return null;
  };
  return engines.flatMap((ours) =>
    Object.values(names).flatMap((peer) => {
      const [a, b] = [speedOf(ours), speedOf(peer)];
      if (a === undefined || b === undefined) return [];
      return [{ ours, peer, ratio: rounded(a / b, 3), wanted: wanted(ours, peer) }];
    }),
  );
}

async function main(): Promise<void> {
  console.log(JSON.stringify(machine));
  const field = await trainingField(engines, args['no-peers'] ? [] : ['PyTorch', 'genai']);
  missing.push(...field.missing);
  const results = [];
  for (const workload of workloads.filter((w) => args.size.split(',').includes(w.name))) {
    const slow = await measureSlow(workload, field.contenders);
    for (const threads of threadCounts) {
      const measured = [...(await measureAll(workload, threads, field.contenders)), ...slow];
      const ratios = ratiosOf(measured, workload.name);
      results.push({ size: workload.name, threads, measured, ratios });
      print(workload, threads, measured, ratios);
    }
  }
  for (const { name, reason } of missing) console.log(`not measured: ${name} (${reason})`);
  const folder = join(projectRoot, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const what = 'training, tokens a second: our engines, PyTorch eager and npm @genai-fi/nanogpt in alternating rounds';
  const settings = { rounds, secondsPerRound: seconds, quick: args.quick };
  const report = { what, date: new Date().toISOString(), machine, settings, results, missing };
  writeFileSync(join(folder, 'train.json'), `${JSON.stringify(report, null, 2)}\n`);
}

function print({ name, config, batchSize }: Workload, threads: number, all: Measured[], ratios: Ratio[]): void {
  const shape = `${config.layers} x ${config.width}, vocabulary ${config.vocabSize}, ${batchSize} x ${config.contextLength}`;
  console.log(`\n${name} (${shape} tokens a step), ${threads} thread${threads === 1 ? '' : 's'}`);
  console.table(
    Object.fromEntries(
      all.map((m) => [
        m.name,
        {
          'tokens/s': m.tokensPerSecond.median,
          best: m.tokensPerSecond.best,
          cores: m.coresUsed,
          others: m.coresOthers,
          'per CPU s': m.tokensPerCpuSecond,
          'GFLOP/s': m.gflops,
          'matmul peak': m.matmulPeak,
          share: m.shareOfPeak,
          'peak MiB': m.peakRssMiB,
          settings: m.settings || (m.batchSize === batchSize ? '' : `${m.batchSize} x ${m.length}`),
        },
      ]),
    ),
  );
  if (all.some((m) => (m.coresOthers ?? 0) > 0.25)) {
    console.log('the machine was busy with something else: measure again on a quiet one');
  }
  for (const { ours, peer, ratio, wanted } of ratios) {
    const verdict = wanted === null ? '' : `, wanted ${wanted}: ${ratio >= wanted ? 'met' : 'MISSED'}`;
    console.log(`${ours} / ${peer}: ${ratio}${verdict}`);
  }
}

await main();
process.exit(0);
