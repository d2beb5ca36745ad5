/** What the models' pages are handed. Types alone: the server (pages/models*.ts, curve.ts) and the page share them. */

/** A line a validation or a stretch of training; null where a line has no such number. Nats a target. */
export interface Curve {
  steps: number[];
  training: (number | null)[];
  validation: (number | null)[];
}

export interface RunningAnswer {
  /** null: nothing is trained now, or nothing of it is saved yet */
  curve: Curve | null;
}
