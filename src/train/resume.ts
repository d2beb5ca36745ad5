/** `train` with its state in a folder: what was killed or stopped goes on there, a run that is over leaves nothing behind. */
import { CheckpointError } from '../checkpoint/error.ts';
import type { Engine } from '../model/engine.ts';
import { train, type TrainOptions, type TrainResult } from './loop.ts';
import {
  fingerprintOf,
  loadTrainingState,
  removeTrainingState,
  saveTrainingState,
  type TrainingState,
} from './state.ts';

/** A state of another run, or a damaged one, is no reason to fail: the run starts anew and replaces it. */
export async function trainResumably(engine: Engine, run: TrainOptions, stateDir: string): Promise<TrainResult> {
  let resume: TrainingState | undefined;
  try {
    resume = loadTrainingState(stateDir, await fingerprintOf(engine, run));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
  }
  const result = await train(engine, { ...run, resume, onState: (state) => saveTrainingState(stateDir, state) });
  if (result.stoppedBecause !== 'aborted') removeTrainingState(stateDir);
  return result;
}
