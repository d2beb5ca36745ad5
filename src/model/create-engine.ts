/** The one place that knows which engine runs which backend. */
import type { BackendName, ModelConfig, Weights } from '../types.ts';
import type { Engine } from './engine.ts';
import { createTfjsEngine } from './tfjs-engine.ts';

/**
 * @param options.backend a usable one (`pickBackend`)
 * @param options.weights by Hugging Face name; without them the weights are drawn from `seed`
 */
export async function createEngine(options: {
  backend: BackendName;
  config: ModelConfig;
  weights?: Weights;
  seed: number;
}): Promise<Engine> {
  return await createTfjsEngine(options);
}
