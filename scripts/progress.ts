/** Progress of a training run: a bar on a terminal, a line at every tenth elsewhere. Always on stderr. */
import { Presets, SingleBar } from 'cli-progress';
import type { TrainProgress } from '../src/train/loop.ts';

export interface ProgressView {
  phase: (name: string) => void;
  update: (progress: TrainProgress) => void;
  stop: () => void;
}

/** @param quiet show nothing (`--json`) */
export function progressView(quiet: boolean): ProgressView {
  if (quiet) return { phase: () => undefined, update: () => undefined, stop: () => undefined };
  return process.stderr.isTTY ? barView() : lineView();
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
