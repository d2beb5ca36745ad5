/** What the models' pages are handed. Types alone: the server (pages/models*.ts, curve.ts) and the page share them. */

/** A line a validation or a stretch of training; null where a line has no such number. Nats a target. */
export interface Curve {
  steps: number[];
  training: (number | null)[];
  validation: (number | null)[];
}

export interface Progress {
  phase: string;
  /** 0 to 1; null where nobody knows */
  share: number | null;
  secondsLeft: number | null;
}

export interface RunningAnswer {
  /** null: nothing is trained now */
  progress: Progress | null;
  /** null: nothing of it is saved yet, or nothing is trained */
  curve: Curve | null;
}
