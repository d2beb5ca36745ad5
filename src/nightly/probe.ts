/**
 * What a night learns by heart, measured where it hurts nobody: canaries (six digits in contexts of their own, train/exposure.ts)
 * are planted in a copy of tonight's dataset, in memory, past redaction, dedupe and the rule for long numbers; a network is trained on it as a night
 * trains, measured, and thrown away. Nothing of it is saved but the figures. Always `nano`, whatever size serves: it takes
 * minutes, and the recipe is the same.
 * Not covered: extraction by sampling (bench/memorise); what larger networks remember of the same text.
 */
import { loadBase } from '../checkpoint/base.ts';
import { defaultRegions, redactorOf } from '../consent/redact.ts';
import { pickBackend } from '../model/backend.ts';
import { acquireLock } from '../store/lock.ts';
import { openStore } from '../store/store.ts';
import { withSpecialTokens } from '../tokenizer/tokenizer-json.ts';
import { exposureLimits, givesGreedily, makeCanaries, measureExposure, plantCanaries } from '../train/exposure.ts';
import type { ProbeFindings } from './findings.ts';
import { ForgottenMeanwhile, watchForgotten } from './forgotten.ts';
import type { RetrainOptions } from './night-options.ts';
import { minimumTrainingMessages } from './reasons.ts';
import { timeOf } from './room.ts';
import { snapshot } from './snapshot.ts';
import { trainOnDataset } from './training.ts';

/** Promises D3: so many, once each. How much of them may show is in train/exposure.ts. */
export const probeCanaries = 10;
/** As many that are never planted: 1.44 bits each in the mean, with a wide spread. */
const controls = 20;

export type ProbeOptions = Pick<
  RetrainOptions,
  | 'dataDir'
  | 'speaker'
  | 'timezone'
  | 'maxMinutes'
  | 'backend'
  | 'redaction'
  | 'reviewRequired'
  | 'base'
  | 'seed'
  | 'nowMs'
  | 'onPhase'
  | 'onProgress'
  | 'signal'
> & {
  /** R of the exposure: candidates that a canary is ranked among */
  candidates?: number;
  /** times that each canary is planted; default: once */
  copies?: number;
};

/**
 * Train with canaries, measure, record in the store.
 * @returns undefined where there is too little to train on, or somebody in it was forgotten meanwhile
 * @throws UserError (exit 75) while another retrain runs
 */
export async function probe(options: ProbeOptions): Promise<ProbeFindings | undefined> {
  const { dataDir, nowMs, redaction = { regions: defaultRegions }, seed = 1, copies = 1 } = options;
  const lock = acquireLock(dataDir, 'retrain');
  try {
    const dataset = snapshot({ ...options, redact: redactorOf(redaction) });
    if (dataset.manifest.counts.train.personaMessages < minimumTrainingMessages) return undefined;
    const watch = watchForgotten(dataDir, dataset.manifest);
    try {
      const all = makeCanaries(probeCanaries + controls, seed);
      const [planted, never] = [all.slice(0, probeCanaries), all.slice(probeCanaries)];
      const { engine, tokenizer } = await trainOnDataset(dataset, {
        ...options,
        size: 'nano',
        maxMinutes: timeOf(options.maxMinutes).trainingMs / 60_000,
        backend: await pickBackend(options.backend, 'training'),
        base: options.base === undefined ? undefined : loadBase(options.base, withSpecialTokens),
        seed,
        redaction,
        planted: plantCanaries([], planted, { copies, seed }),
        onProgress: (progress) => {
          watch.check();
          options.onProgress?.(progress);
        },
      });
      try {
        options.onPhase?.('measuring what was remembered of the canaries');
        const measuring = { seed, ...(options.candidates === undefined ? {} : { candidates: options.candidates }) };
        const exposed = await measureExposure(engine, tokenizer, planted, measuring);
        const control = await measureExposure(engine, tokenizer, never, measuring);
        let extracted = 0;
        for (const canary of planted) if (await givesGreedily(engine, tokenizer, canary)) extracted++;
        const { mean, max } = exposed;
        const passed = mean - control.mean < exposureLimits.meanOverControl && extracted === 0;
        const findings: ProbeFindings = {
          atMs: nowMs,
          canaries: probeCanaries,
          copies,
          mean,
          max,
          controlMean: control.mean,
          extracted,
          passed,
        };
        record(dataDir, findings);
        return findings;
      } finally {
        engine.dispose();
      }
    } catch (error) {
      if (error instanceof ForgottenMeanwhile) return undefined;
      throw error;
    } finally {
      watch.close();
    }
  } finally {
    lock.release();
  }
}

function record(dataDir: string, findings: ProbeFindings): void {
  const store = openStore(dataDir);
  try {
    store.nights.addProbe({ atMs: findings.atMs, report: findings });
  } finally {
    store.close();
  }
}
