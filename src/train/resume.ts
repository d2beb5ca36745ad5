/** `train` with its state in a folder: what was killed or stopped goes on there. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CheckpointError, explainWriteError } from '../checkpoint/error.ts';
import { readSafetensors, writeSafetensors } from '../checkpoint/safetensors.ts';
import type { Engine } from '../model/engine.ts';
import type { Weights } from '../types.ts';
import { ensurePrivateDir, sha256, syncDir, writeFileDurable } from '../util/files.ts';
import { train, type TrainOptions, type TrainResult } from './loop.ts';
import {
  fingerprintOf,
  loadTrainingState,
  removeTrainingState,
  saveTrainingState,
  type TrainingState,
} from './state.ts';

/**
 * A state of another run, or a damaged one, is no reason to fail: the run starts anew and replaces it. A run that is over
 * leaves nothing behind.
 */
export async function trainResumably(engine: Engine, run: TrainOptions, stateDir: string): Promise<TrainResult> {
  const result = await goOn(engine, run, stateDir, await fingerprintOf(engine, run));
  if (result.stoppedBecause !== 'aborted') removeTrainingState(stateDir);
  return result;
}

/**
 * The same as one part of something longer, which may be killed later: what came of the run is kept beside its state, and
 * asked again with the same run, it is taken from there. The caller removes the folders when all is over.
 */
export async function trainOnce(engine: Engine, run: TrainOptions, stateDir: string): Promise<TrainResult> {
  const fingerprint = await fingerprintOf(engine, run);
  const finishedDir = `${stateDir}.finished`;
  const known = loadFinished(finishedDir, fingerprint);
  if (known !== undefined) {
    engine.importWeights(known.weights);
    return known.result;
  }
  const result = await goOn(engine, run, stateDir, fingerprint);
  if (result.stoppedBecause !== 'aborted') {
    saveFinished(finishedDir, { fingerprint, result, weights: await engine.exportWeights() });
    removeTrainingState(stateDir);
  }
  return result;
}

async function goOn(engine: Engine, run: TrainOptions, stateDir: string, fingerprint: string): Promise<TrainResult> {
  let resume: TrainingState | undefined;
  try {
    resume = loadTrainingState(stateDir, fingerprint);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
  }
  return await train(engine, { ...run, resume, onState: (state) => saveTrainingState(stateDir, state) });
}

interface Finished {
  fingerprint: string;
  result: TrainResult;
  weights: Weights;
}

const resultName = 'result.json';
const weightsName = 'model.safetensors';

/** @throws UserError when the disk refuses */
function saveFinished(dir: string, { fingerprint, result, weights }: Finished): void {
  const temporary = `${dir}.tmp`;
  const data = writeSafetensors(weights, { dtype: 'f32', metadata: { format: 'pt' } });
  try {
    ensurePrivateDir(dirname(dir));
    for (const left of [temporary, dir]) rmSync(left, { recursive: true, force: true });
    mkdirSync(temporary, { mode: 0o700 });
    writeFileDurable(join(temporary, weightsName), data);
    writeFileDurable(join(temporary, resultName), JSON.stringify({ fingerprint, weights: sha256(data), result }));
    syncDir(temporary);
    renameSync(temporary, dir);
    syncDir(dirname(dir));
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw explainWriteError(error, 'saving what was trained', dirname(dir), data.length);
  }
}

/** undefined where there is none, or that of another run, or a damaged one */
function loadFinished(dir: string, fingerprint: string): Finished | undefined {
  const file = join(dir, resultName);
  if (!existsSync(file)) return undefined;
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as {
      fingerprint: string;
      weights: string;
      result: TrainResult;
    };
    const data = readFileSync(join(dir, weightsName));
    if (saved.fingerprint !== fingerprint || saved.weights !== sha256(data)) return undefined;
    return { fingerprint, result: saved.result, weights: readSafetensors(data, join(dir, weightsName)) };
  } catch {
    return undefined; // unreadable: trained again
  }
}
