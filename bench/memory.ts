/**
 * Memory: the most that training ever holds beside PyTorch, and whether anything grows over 1,000 training steps and 1,000
 * short replies. Processes are those of bench/train; resident memory is read from outside (Linux), after a collection of
 * garbage where growth is asked.
 * Run: npm run build && npx tsc -p bench && node dist/bench/memory.js [--quick] [--engines simd,native]
 *      [--threads 2] [--no-peers]                                                    (about three minutes; README.md)
 * Prints tables and writes bench/results/memory.json. Not covered: a bot's whole process.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../src/util/dist.ts';
import { machine } from './machine.ts';
import type { Child } from './peers/child.ts';
import type { Started, TrainReply, Workload } from './peers/training.ts';
import { trainingField, type Contender } from './train-contenders.ts';
import { rounded, startMessage, workloads, writeIds } from './train-work.ts';

const { values: args } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    engines: { type: 'string', default: 'simd,native' },
    threads: { type: 'string', default: '2' },
    'no-peers': { type: 'boolean', default: false },
  },
});
const threads = Number(args.threads);
const count = args.quick ? 100 : 1000;
/** as much again as comes and goes with garbage collection and allocators */
const tolerance = { share: 0.03, mebibytes: 8 };

interface Growth {
  engine: string;
  what: 'training steps' | 'replies';
  count: number;
  /** resident after the warm-up, and after each quarter, MiB */
  rssMiB: number[];
  grewMiB: number;
  tensors: { before: number; after: number };
  grows: boolean;
}

const missing = new Map<string, string>();

async function start(contender: Contender, message: object): Promise<Child | null> {
  const child = contender.variants(threads)[0]!.start();
  try {
    await child.request<Started>(message);
    return child;
  } catch (error) {
    child.close();
    missing.set(contender.name, (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '');
    return null;
  }
}

async function peaks(workload: Workload, field: readonly Contender[]): Promise<Record<string, number | null>> {
  const message = startMessage(workload, writeIds(workload.config.vocabSize));
  const found: Record<string, number | null> = {};
  for (const contender of field.filter((c) => !c.slow)) {
    const child = await start(contender, message);
    if (!child) continue;
    await child.request<TrainReply>({ do: 'train', seconds: 0, atLeast: 6 }, 300);
    found[contender.name] = child.usage().peakMiB;
    child.close();
  }
  return found;
}

/** nano on batches of 2 x 64: what leaks, leaks once a step whatever its size. */
async function growth(contender: Contender): Promise<Growth[]> {
  const [nano] = workloads;
  const workload = { ...nano!, batchSize: 2, config: { ...nano!.config, contextLength: 64 } };
  const child = await start(contender, startMessage(workload, writeIds(workload.config.vocabSize)));
  if (!child) return [];
  const steps = (n: number): Promise<unknown> => child.request({ do: 'train', seconds: 0, atLeast: n }, 600);
  const replies = (n: number): Promise<unknown> => child.request({ do: 'replies', count: n }, 600);
  const found = [
    await watch(contender.name, child, 'training steps', steps),
    await watch(contender.name, child, 'replies', replies),
  ];
  child.close();
  return found;
}

async function watch(
  engine: string,
  child: Child,
  what: Growth['what'],
  work: (n: number) => Promise<unknown>,
): Promise<Growth> {
  const settled = async (): Promise<{ rss: number; tensors: number }> => {
    const { tensors } = await child.request<{ tensors: number }>({ do: 'settle' });
    return { rss: child.usage().rssMiB ?? Number.NaN, tensors };
  };
  await work(count / 2);
  const before = await settled();
  const rss = [before.rss];
  let after = before;
  for (let quarter = 0; quarter < 4; quarter++) {
    await work(count / 4);
    after = await settled();
    rss.push(after.rss);
  }
  const grewMiB = rounded(after.rss - before.rss, 1);
  const allowed = Math.max(tolerance.mebibytes, tolerance.share * before.rss);
  const tensors = { before: before.tensors, after: after.tensors };
  const grows = grewMiB > allowed || tensors.after > tensors.before;
  return { engine, what, count, rssMiB: rss, grewMiB, tensors, grows };
}

async function main(): Promise<void> {
  console.log(JSON.stringify(machine));
  const field = await trainingField(args.engines.split(','), args['no-peers'] ? [] : ['PyTorch']);
  for (const { name, reason } of field.missing) missing.set(name, reason);

  const peakMiB: Record<string, Record<string, number | null>> = {};
  for (const workload of workloads) peakMiB[workload.name] = await peaks(workload, field.contenders);
  console.log(`\npeak resident memory of training, MiB, ${threads} threads`);
  console.table(peakMiB);

  const grown: Growth[] = [];
  // a small young generation: V8 lets it grow and shrink by 30 MiB as it likes, which would hide what leaks
  const watched = await trainingField(args.engines.split(','), [], ['--expose-gc', '--max-semi-space-size=1']);
  for (const contender of watched.contenders) grown.push(...(await growth(contender)));
  console.log(`\nresident memory over ${count} steps and ${count} replies after a warm-up of ${count / 2}, MiB`);
  for (const { engine, what, rssMiB, grewMiB, tensors, grows } of grown) {
    const verdict = grows ? 'GROWS' : 'steady';
    const alive = `tensors ${tensors.before} -> ${tensors.after}`;
    console.log(`${engine}, ${what}: ${rssMiB.join(' ')} (${grewMiB >= 0 ? '+' : ''}${grewMiB}), ${alive}: ${verdict}`);
  }
  for (const [name, reason] of missing) console.log(`not measured: ${name} (${reason})`);

  const folder = join(projectRoot, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const what = 'memory of training beside PyTorch, and growth over steps and replies';
  const settings = { threads, count, tolerance, quick: args.quick };
  const absent = [...missing].map(([name, reason]) => ({ name, reason }));
  const report = { what, date: new Date().toISOString(), machine, settings, peakMiB, growth: grown, missing: absent };
  writeFileSync(join(folder, 'memory.json'), `${JSON.stringify(report, null, 2)}\n`);
}

await main();
process.exit(0);
