/**
 * The engine `simd`: the network on our own WebAssembly kernels, threads over one shared memory. From npm alone, on any
 * CPU. The same weights, batch and seed give the same bits for any number of threads.
 * Every call computes on the calling thread too, and returns when it is done.
 */
import { openPool, type KernelPool } from '../kernels/pool.ts';
import type { PanelType } from '../kernels/tape.ts';
import type { ModelConfig, TokenBatch, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { later } from '../util/later.ts';
import { checkBatch, checkBatches, clipScale } from './checks.ts';
import type { CacheSession, Engine, LoraOptions, OptimizerState, StepOptions, StepResult } from './engine.ts';
import { parametersOf } from './layout.ts';
import { ropeTables } from './rope.ts';
import { at, planActivations, type Activations } from './simd-activations.ts';
import { startSession, type Generator } from './simd-cache.ts';
import { allocatePanels, recordPacking } from './simd-generate.ts';
import { createSimdLora } from './simd-lora.ts';
import { createMemory, type SimdMemory } from './simd-memory.ts';
import {
  noDropout,
  recordBackward,
  recordForward,
  recordLoss,
  type SimdNetwork,
  type SimdWeights,
} from './simd-network.ts';
import { createWeightOptimizer, type SimdOptimizer } from './simd-optimizer.ts';
import { initialWeights, layoutOf, readWeights, writeWeights, type SimdLayout } from './simd-parameters.ts';
import { countTargets, withTarget } from './targets.ts';

export interface SimdOptions {
  config: ModelConfig;
  /** by Hugging Face name; without them the weights are drawn from `seed` */
  weights?: Weights;
  seed: number;
  /** of the CPU; the number of cores where not said */
  threads?: number;
  /** of the weights that generation reads; training is always f32 */
  generationDtype?: PanelType;
  /** train adapters of the weights given, instead of the weights */
  lora?: LoraOptions;
}

export async function createSimdEngine(options: SimdOptions): Promise<Engine> {
  checkWidths(options.config);
  const pool = await openPool(options.threads === undefined ? {} : { threads: options.threads });
  try {
    return new SimdEngine(pool, options);
  } catch (error) {
    pool.close();
    throw error;
  }
}

/** The kernels work on four numbers at a time. */
function checkWidths({ width, heads, kvHeads, hiddenWidth }: ModelConfig): void {
  const headWidth = width / heads;
  check(headWidth % 4 === 0, `a head of ${headWidth} is not a multiple of 4`);
  check(heads % kvHeads === 0, `${heads} heads do not share ${kvHeads} heads of keys evenly`);
  check(hiddenWidth % 4 === 0, `a hidden width of ${hiddenWidth} is not a multiple of 4`);
}

class SimdEngine implements Engine {
  readonly backend = 'simd';
  readonly config: ModelConfig;
  readonly lora?: LoraOptions;
  private readonly pool: KernelPool;
  private readonly memory: SimdMemory;
  private readonly layout: SimdLayout;
  private readonly network: SimdNetwork;
  /** address of the weights */
  private readonly weights: number;
  /** once training began; with LoRA from the start */
  private optimizer: SimdOptimizer | undefined;
  private readonly generator: Generator;

  constructor(pool: KernelPool, { config, weights, seed, generationDtype = 'f32', lora }: SimdOptions) {
    this.pool = pool;
    this.config = config;
    this.memory = createMemory(pool);
    this.layout = layoutOf(parametersOf(config));
    this.weights = this.memory.keep(this.layout.words);
    const tables = ropeTables(config);
    const [cos, sin] = [this.memory.keep(tables.cos.length), this.memory.keep(tables.sin.length)];
    pool.floats(cos, tables.cos.length).set(tables.cos);
    pool.floats(sin, tables.sin.length).set(tables.sin);
    this.network = { config, weights: addressesOf(config, this.layout, this.weights), rope: { cos, sin } };
    this.generator = this.createGenerator(generationDtype);
    this.importWeights(weights ?? initialWeights(parametersOf(config), seed));
    if (lora) {
      this.lora = lora;
      this.optimizer = createSimdLora(
        pool,
        this.memory,
        { config, layout: this.layout, weights: this.weights },
        lora,
        seed,
      );
    }
  }

  trainStep(batches: readonly TokenBatch[], options: StepOptions): Promise<StepResult> {
    return later(() => this.stepNow(batches, options));
  }

  private stepNow(batches: readonly TokenBatch[], options: StepOptions): StepResult {
    const targets = checkBatches(batches, this.config);
    const optimizer = this.trained();
    this.generator.weightsChanged();
    optimizer.begin();
    const gradients = addressesOf(this.config, this.layout, optimizer.gradients);
    let nats = 0;
    batches.forEach((batch, i) => {
      const seed = Math.imul(options.seed, 0x9e3779b1) + Math.imul(i, 0x85ebca6b);
      nats += this.runBatch(batch, gradients, 1 / targets, { rate: options.dropout, seed });
    });
    const lossNats = nats / targets;

    const gradNorm = optimizer.gradientNorm();
    optimizer.update(options, clipScale(lossNats, gradNorm, options.clipNorm));
    return { lossNats, targets, gradNorm };
  }

  private trained(): SimdOptimizer {
    return (this.optimizer ??= createWeightOptimizer(this.pool, this.memory, this.layout, this.weights));
  }

  /** Forward and backward of one batch, gradients added up. Returns the sum of its losses. */
  private runBatch(batch: TokenBatch, g: SimdWeights, scale: number, dropout: { rate: number; seed: number }): number {
    const targets = countTargets(batch);
    if (targets === 0) return 0;
    const { network } = this;
    const { tape } = this.pool;
    const a = this.place(batch, targets, true);
    check(a.gradients, 'a plan for training has gradients');
    recordForward(tape, network, a, dropout);
    recordLoss(tape, network, a, g, scale);
    recordBackward(tape, network, { ...a, gradients: a.gradients }, g, dropout);
    tape.run();
    return this.pool.floats(a.losses, targets).reduce((sum, nats) => sum + nats, 0);
  }

  /** Plans a batch and writes its ids. */
  private place({ inputs, targets, batchSize, length }: TokenBatch, count: number, training: boolean): Activations {
    const shape = { batch: batchSize, length, targets: count };
    const a = this.memory.workspace((take) => planActivations(this.config, shape, training, take));
    this.pool.ints(a.ids, inputs.length).set(inputs);
    const { positions, ids } = withTarget(targets);
    this.pool.ints(a.positions, count).set(positions);
    this.pool.ints(a.targetIds, count).set(ids);
    return a;
  }

  tokenLosses(batch: TokenBatch): Promise<Float32Array> {
    return later(() => this.lossesNow(batch));
  }

  private lossesNow(batch: TokenBatch): Float32Array {
    checkBatch(batch, this.config);
    const all = new Float32Array(batch.targets.length);
    const targets = countTargets(batch);
    if (targets === 0) return all;
    const a = this.place(batch, targets, false);
    recordForward(this.pool.tape, this.network, a, noDropout);
    recordLoss(this.pool.tape, this.network, a);
    this.pool.tape.run();
    const positions = this.pool.ints(a.positions, targets);
    this.pool.floats(a.losses, targets).forEach((nats, i) => {
      all[positions[i]!] = nats;
    });
    return all;
  }

  startCache(): CacheSession {
    return startSession(this.generator);
  }

  private createGenerator(dtype: PanelType): Generator {
    const { pool, memory, network, config } = this;
    let panels: ReturnType<typeof allocatePanels> | undefined;
    let current = false;
    return {
      pool,
      memory,
      network,
      panels() {
        panels ??= allocatePanels(config, dtype, (words) => memory.keep(words));
        if (!current) recordPacking(pool.tape, network, panels);
        current = true;
        return panels;
      },
      weightsChanged() {
        current = false;
      },
    };
  }

  exportWeights(): Promise<Weights> {
    return later(() => readWeights(this.layout, this.view()));
  }

  importWeights(weights: Weights): void {
    writeWeights(this.layout, weights, this.view());
    this.optimizer?.weightsReplaced();
    this.generator.weightsChanged();
  }

  exportOptimizer(): Promise<OptimizerState> {
    return later(() => this.optimizer?.exportState() ?? { step: 0, m: new Map(), v: new Map() });
  }

  importOptimizer(state: OptimizerState): void {
    this.trained().importState(state);
    this.generator.weightsChanged();
  }

  private view(): Float32Array {
    return this.pool.floats(this.weights, this.layout.words);
  }

  numTensors(): number {
    return this.memory.borrowed();
  }

  dispose(): void {
    this.pool.close();
  }
}

/** Arrays laid out as `layout` says, begun at `base`. */
function addressesOf(config: ModelConfig, layout: SimdLayout, base: number): SimdWeights {
  const find = (source: string): number => {
    const slot = layout.slots.get(source);
    check(slot, `no weight ${source}`);
    return at(base, slot.offset);
  };
  const embedding = find('model.embed_tokens.weight');
  return {
    embedding,
    head: config.tiedEmbeddings ? embedding : find('lm_head.weight'),
    layers: Array.from({ length: config.layers }, (_, i) => {
      const layer = (name: string): number => find(`model.layers.${i}.${name}.weight`);
      return {
        attentionNorm: layer('input_layernorm'),
        qkv: layer('self_attn.q_proj'), // with k_proj and v_proj right behind
        output: layer('self_attn.o_proj'),
        mlpNorm: layer('post_attention_layernorm'),
        gateUp: layer('mlp.gate_proj'), // with up_proj right behind
        down: layer('mlp.down_proj'),
      };
    }),
    finalNorm: find('model.norm.weight'),
  };
}
