/** The one place that knows which engine runs which backend. An engine is loaded when it is first asked for. */
import type { BackendName, ModelConfig, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import type { Engine, LoraOptions } from './engine.ts';

/**
 * @param options.backend a usable one (`pickBackend`)
 * @param options.weights by Hugging Face name; without them the weights are drawn from `seed`
 * @param options.threads of `simd`; the number of cores where not said
 * @param options.lora train adapters of the given `weights` instead of all weights (lora.ts); A is drawn from `seed`
 */
export async function createEngine(options: {
  backend: BackendName;
  config: ModelConfig;
  weights?: Weights;
  seed: number;
  threads?: number;
  lora?: LoraOptions;
}): Promise<Engine> {
  check(!options.lora || options.weights, 'LoRA adapts weights that are given');
  if (options.backend === 'simd') {
    const { createSimdEngine } = await import('./simd-engine.ts');
    return await createSimdEngine(options);
  }
  const { createTfjsEngine } = await import('./tfjs-engine.ts');
  return await createTfjsEngine(options);
}
