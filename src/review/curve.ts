/**
 * Training curves as the page draws them: of a run that is on disk (metrics.jsonl), and of the training that runs now, as far
 * as it was saved (data/training/<way>/state.json, about once a minute). Numbers only. A damaged file is no curve.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { trainingDir } from '../nightly/forgotten.ts';
import type { Curve } from './client/models-types.ts';

const row = z.object({
  step: z.number(),
  lossNats: z.number().nullable(),
  validationNats: z.number().nullable(),
});
const state = z.object({ curve: z.array(row) });

const toCurve = (rows: readonly z.output<typeof row>[]): Curve => ({
  steps: rows.map(({ step }) => step),
  training: rows.map(({ lossNats }) => lossNats),
  validation: rows.map(({ validationNats }) => validationNats),
});

/** @param folder of a run; undefined: it has no curve */
export function curveOf(folder: string): Curve | undefined {
  const file = join(folder, 'metrics.jsonl');
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, 'utf8').split('\n');
  return drawable(lines.flatMap((line) => parsed(line, row) ?? []));
}

/** Of the way that is being learned now. */
export function runningCurve(dataDir: string): Curve | undefined {
  const folder = trainingDir(dataDir);
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder)
    .map((way) => join(folder, way, 'state.json'))
    .flatMap((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? [] : [{ file, atMs: stat.mtimeMs }];
    })
    .sort((a, b) => b.atMs - a.atMs);
  const [newest] = files;
  const text = newest === undefined ? undefined : readIfThere(newest.file);
  return text === undefined ? undefined : drawable(parsed(text, state)?.curve ?? []);
}

/** The folder of a way is replaced while others read it. */
function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function drawable(rows: readonly z.output<typeof row>[]): Curve | undefined {
  return rows.length < 2 ? undefined : toCurve(rows);
}

function parsed<S extends z.ZodType>(text: string, schema: S): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
