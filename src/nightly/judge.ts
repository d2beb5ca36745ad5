/**
 * All that the gate is told of a new network: what it costs on held-out conversations beside what serves, and what it says.
 * Nothing is changed here. Bounded in time: samples fill what is left of the night, the least number of them apart.
 */
import type { LlamaFolder } from '../checkpoint/folder.ts';
import type { Checkpoint } from '../checkpoint/load.ts';
import { redactorOf, type RedactOptions } from '../consent/redact.ts';
import type { Dataset } from '../dataset/build.ts';
import { affordableCandidates } from '../reply/compose.ts';
import type { BackendName, SamplingOptions } from '../types.ts';
import type { ProbeFindings, Sample, SampleFindings } from './findings.ts';
import { decide, type Decision } from './gate.ts';
import { measureHeldOut, type HeldOut } from './measure.ts';
import { drawSamples } from './samples.ts';
import { conversationsOf, personaP99Chars, type Trained } from './training.ts';

export interface JudgeOptions {
  dataDir: string;
  backend: BackendName;
  /** what serves, if it may go on serving */
  champion: Checkpoint | undefined;
  championRun: string | null;
  championStale: boolean;
  base: LlamaFolder | undefined;
  sampling: SamplingOptions;
  redaction: RedactOptions;
  seed: number;
  /** time for measuring and sampling together */
  maxMs: number;
  probe: ProbeFindings | null;
  samples?: number | undefined;
  onPhase?: ((phase: string) => void) | undefined;
  onShare?: ((share: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface Judged {
  decision: Decision;
  heldOut: HeldOut;
  samples: Sample[];
}

export async function judge(dataset: Dataset, trained: Trained, options: JudgeOptions): Promise<Judged> {
  const { sampling, redaction, seed, maxMs, onPhase, onShare, signal } = options;
  const deadlineMs = Date.now() + maxMs;
  const { engine, tokenizer } = trained;
  onPhase?.('measuring on held-out conversations');
  const heldOut = await measureHeldOut(dataset, trained, options);
  onPhase?.('listening to samples');
  const drawn = isUsable(heldOut)
    ? await drawSamples(engine, tokenizer, dataset, {
        sampling,
        redact: redactorOf(redaction),
        seed,
        maxChars: personaP99Chars(conversationsOf(dataset, 'train')),
        deadlineMs,
        ...(onShare === undefined ? {} : { onProgress: onShare }),
        ...(options.samples === undefined ? {} : { wanted: options.samples }),
        signal,
      })
    : undefined;
  const decision = decide({
    heldOut,
    learned: trained.learned,
    championRun: options.championRun,
    championStale: options.championStale,
    samples: drawn?.findings,
    replyMs: drawn === undefined ? 0 : ownMs(drawn.findings) * affordableCandidates(engine),
    probe: options.probe,
    seed,
  });
  return { decision, heldOut, samples: drawn?.samples ?? [] };
}

/** The clock, or processor time where that is less: a machine that is busy with other things makes no model slow. */
function ownMs({ latencyMs, processorMs }: SampleFindings): number {
  return Math.min(latencyMs.p95, processorMs.p95);
}

/** Nothing can be drawn from a network whose loss is no number. */
function isUsable({ bits }: HeldOut): boolean {
  return bits.run === null || Number.isFinite(bits.run.bitsPerByte);
}
