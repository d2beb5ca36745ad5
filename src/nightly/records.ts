/** What the store keeps of nights: one entry a run, once, also where the night was killed before it could write it. */
import { openStore, type Store } from '../store/store.ts';
import type { ProbeFindings } from './findings.ts';
import { runId, type RetrainOptions, type RetrainResult } from './night-options.ts';
import { unfinishedNight, type Night } from './night-state.ts';
import type { CardFigures } from './report/card.ts';
import { currentRun, settledRun } from './save-run.ts';

/** Of the newest probe run. */
export function latestProbe(dataDir: string): ProbeFindings | null {
  const probe = withStore(dataDir, (store) => store.nights.latestProbe());
  return probe === undefined ? null : (probe.report as ProbeFindings);
}

/** A night that was killed between publishing and recording: its run serves and must be known. */
export function recordInterrupted(options: RetrainOptions): void {
  const night = unfinishedNight(options.dataDir);
  const known = settledRun(night, options.modelsDir);
  if (night === undefined || known === undefined || currentRun(options.modelsDir) !== known.run) return;
  record(options, { ...known, bitsPerByte: null }, { night, figures: null });
}

/** Into the store, once. @returns the result */
export function record(
  options: RetrainOptions,
  result: RetrainResult,
  about?: { night: Night; figures: CardFigures | null },
): RetrainResult {
  const { verdict, reason, report } = result;
  const id = result.run ?? about?.night.run ?? `skipped-${runId(options.nowMs)}`;
  withStore(options.dataDir, (store) => {
    if (store.runs.get(id) !== undefined) return;
    store.runs.add({
      id,
      startedAtMs: about?.night.startedAtMs ?? options.nowMs,
      finishedAtMs: Date.now(),
      verdict,
      reason,
      report: { ...report, ...(about?.figures ? { card: about.figures } : {}) },
    });
  });
  return result;
}

export function withStore<T>(dataDir: string, work: (store: Store) => T): T {
  const store = openStore(dataDir);
  try {
    return work(store);
  } finally {
    store.close();
  }
}
