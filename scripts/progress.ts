/** Progress of training and of imports: a bar on a terminal, a line at every tenth elsewhere. Always on stderr. */
import { Presets, SingleBar } from 'cli-progress';
import type { RetrainProgress } from '../src/ops/status.ts';
import type { TrainProgress } from '../src/train/loop.ts';

export interface ProgressView {
  phase: (name: string) => void;
  update: (progress: TrainProgress) => void;
  stop: () => void;
}

/** @param quiet show nothing (`--json`); a parent process that listens (start's night) is told all the same */
export function progressView(quiet: boolean): ProgressView {
  if (quiet) return parentView();
  return process.stderr.isTTY ? barView() : lineView();
}

/** A message over IPC for each phase, and one a second within it. */
function parentView(): ProgressView {
  let phase = '';
  let toldAtMs = 0;
  const tell = (progress: RetrainProgress): void => {
    if (process.connected !== true) return;
    toldAtMs = Date.now();
    process.send?.(progress, undefined, {}, () => undefined); // the parent may be gone by now
  };
  return {
    phase(name) {
      phase = name;
      tell({ phase, share: null, secondsLeft: null });
    },
    update({ share, secondsLeft }) {
      if (Date.now() - toldAtMs >= 1000) tell({ phase, share, secondsLeft });
    },
    stop: () => undefined,
  };
}

function barView(): ProgressView {
  const bar = new SingleBar(
    {
      format: '  training {bar} {percentage} %  loss {loss}  {speed} tokens/s  {left} left',
      hideCursor: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  let running = false;
  const stop = (): void => {
    if (running) bar.stop();
    running = false;
  };
  return {
    phase(name) {
      stop();
      process.stderr.write(`  ${name}\n`);
    },
    update(progress) {
      const shown = payload(progress);
      if (!running) bar.start(1000, 0, shown);
      running = true;
      bar.update(Math.round(progress.share * 1000), shown);
    },
    stop,
  };
}

function lineView(): ProgressView {
  let tenth = -1;
  return {
    phase: (name) => void process.stderr.write(`  ${name}\n`),
    update(progress) {
      const now = Math.floor(progress.share * 10);
      if (now === tenth) return;
      tenth = now;
      const { loss, speed, left } = payload(progress);
      process.stderr.write(`  training ${now * 10} %  loss ${loss}  ${speed} tokens/s  ${left} left\n`);
    },
    stop: () => undefined,
  };
}

function payload(progress: TrainProgress): { loss: string; speed: string; left: string } {
  const seconds = Math.max(0, Math.round(progress.secondsLeft));
  const left = seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${seconds} s`;
  return { loss: progress.lossNats.toFixed(2), speed: String(Math.round(progress.tokensPerSecond)), left };
}

export interface CountView {
  update: (done: number) => void;
  stop: () => void;
}

/** Fewer things than this are done at once, and need no report in a log. */
const worthTelling = 10_000;

/**
 * Progress through a known number of things.
 * @param quiet show nothing (`--json`)
 */
export function countView(what: string, total: number, quiet: boolean): CountView {
  if (quiet || total === 0) return { update: () => undefined, stop: () => undefined };
  if (process.stderr.isTTY) {
    const format = `  ${what} {bar} {percentage} %  {value} of {total}  {eta_formatted} left  (Ctrl-C stops)`;
    const bar = new SingleBar({ format, hideCursor: true, stream: process.stderr }, Presets.shades_classic);
    bar.start(total, 0);
    return { update: (done) => bar.update(done), stop: () => bar.stop() };
  }
  if (total < worthTelling) return { update: () => undefined, stop: () => undefined };
  let tenth = 0;
  return {
    update: (done) => {
      const now = Math.floor((done / total) * 10);
      if (now > tenth) process.stderr.write(`  ${what} ${now * 10} %  ${done} of ${total}\n`);
      tenth = now;
    },
    stop: () => undefined,
  };
}
