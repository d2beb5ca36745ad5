/**
 * How long ranked replies take: sampling, and scoring what was sampled. Random weights: their time is that of trained ones.
 * The processor time of one thread is what a busy machine distorts least.
 */
import { cpus } from 'node:os';
import { pickBackend } from '../../src/model/backend.ts';
import { createEngine } from '../../src/model/create-engine.ts';
import { generateCandidates } from '../../src/model/generate.ts';
import { modelConfig, parameterCount, vocabSizeOf } from '../../src/model/sizes.ts';
import { affordableCandidates } from '../../src/reply/compose.ts';
import { rank } from '../../src/reply/rank.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { specialTokens } from '../../src/tokenizer/chat-format.ts';
import type { ModelSize } from '../../src/types.ts';

const newTokens = 30;
const repeats = 12;
const sampling = { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 };

/** ms of one request: a prompt of two thirds of the context, candidates of 30 tokens each, all of them scored. */
export async function latencies() {
  const backend = await pickBackend('auto', 'replies');
  const tokenizer = createTokenizer(trainBpe(['see you there'], { vocabSize: 330, specials: specialTokens }));
  const rows: object[] = [];
  for (const size of ['nano', 'small'] satisfies ModelSize[]) {
    const config = modelConfig(size, vocabSizeOf(size));
    const prompt = Array.from({ length: Math.floor((2 / 3) * config.contextLength) }, (_, i) => 300 + (i % 500));
    for (const candidates of [1, affordableCandidates({ backend, config })]) {
      for (const threads of new Set([1, cpus().length])) {
        const engine = await createEngine({ backend, config, seed: 1, threads });
        const times: number[] = [];
        const cpuTimes: number[] = [];
        for (let round = -2; round < repeats; round++) {
          const seeds = Array.from({ length: candidates }, (_, i) => 100 * round + i);
          const startedMs = performance.now();
          const cpu = process.cpuUsage();
          const drawn = await generateCandidates(engine, prompt, seeds, {
            sampling,
            stop: [],
            maxNewTokens: newTokens,
          });
          const drafts = drawn.map(({ ids, logProbabilities }, i) => ({
            ...{ seed: seeds[i]!, ids, logProbabilities },
            bubbles: [{ text: ids.join(' '), gap: null, quote: null }],
          }));
          await rank(engine, tokenizer, drafts);
          if (round < 0) continue; // warms up
          times.push(performance.now() - startedMs);
          const { user, system } = process.cpuUsage(cpu);
          cpuTimes.push((user + system) / 1000);
        }
        const figures = { p50Ms: at(times, 0.5), p95Ms: at(times, 0.95), cpuP50Ms: at(cpuTimes, 0.5) };
        rows.push({ size, weights: parameterCount(config), backend, threads, candidates, ...figures });
        engine.dispose();
      }
    }
  }
  return rows;
}

function at(times: number[], share: number): number {
  times.sort((a, b) => a - b);
  return Math.round(times[Math.ceil(share * times.length) - 1]!);
}
