/**
 * The proof that setup:gpu asks for, in a process of its own: loads TensorFlow from the given folder and trains a small
 * network on it. Prints `{"device": ...}`, or ends 1 with the reason as its last line.
 * Run: node dist/scripts/setup-gpu-check.js FOLDER native|cuda
 */
import { prepareBackend } from '../src/model/backend.ts';
import { createTfjsEngine } from '../src/model/tfjs-engine.ts';
import { modelConfig } from '../src/model/sizes.ts';
import { useTensorflowFrom } from '../src/model/tensorflow.ts';
import { createRandom } from '../src/util/random.ts';

const steps = 4;

async function main(folder: string, backend: 'native' | 'cuda'): Promise<void> {
  useTensorflowFrom(folder);
  const { device } = await prepareBackend(backend);
  const config = { ...modelConfig('nano', 64), contextLength: 16 };
  const engine = await createTfjsEngine({ backend, config, seed: 1 });
  const random = createRandom('setup check');
  const inputs = Int32Array.from({ length: 32 }, () => random.int(64));
  const batch = { inputs, targets: inputs.map((id) => (id + 1) % 64), batchSize: 2, length: 16 };
  const options = { learningRate: 0.01, weightDecay: 0, beta1: 0.9, beta2: 0.99, clipNorm: 1, dropout: 0, seed: 1 };
  const losses: number[] = [];
  for (let i = 0; i < steps; i++)
    losses.push((await engine.trainStep([batch], { ...options, optimizer: 'adamw' })).lossNats);
  if (!((losses.at(-1) ?? NaN) < (losses[0] ?? NaN) - 0.5))
    throw new Error(`the loss does not fall: ${losses.join(', ')}`);
  console.log(JSON.stringify({ device }));
}

const [folder = '', backend] = process.argv.slice(2);
try {
  await main(folder, backend === 'cuda' ? 'cuda' : 'native');
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
