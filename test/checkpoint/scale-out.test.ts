/**
 * The way of docs/scale-out.md, with the Python that is here: export, two steps of TRL, back as a run. PERSONA_PYTHON names
 * an interpreter with `trl`; without one the test is skipped (docs/scale-out.md tells what was run).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { importSample, sample } from '../../scripts/sample.ts';
import { loadCheckpoint } from '../../src/checkpoint/load.ts';
import { adoptFolder } from '../../src/nightly/adopt.ts';
import { exportSft } from '../../src/nightly/export-sft.ts';
import { projectRoot } from '../../src/util/dist.ts';

const python = process.env['PERSONA_PYTHON'] ?? 'python3';
const hasTrl = spawnSync(python, ['-c', 'import trl'], { encoding: 'utf8' }).status === 0;

test('two steps of TRL on the exported rows come back as a run', { timeout: 300_000 }, async (context) => {
  if (!hasTrl) context.skip('no Python with trl here; PERSONA_PYTHON can name one');
  const dir = mkdtempSync(join(tmpdir(), 'persona-scale-out-'));
  try {
    const own = join(projectRoot, 'test', 'checkpoint', 'references', 'own');
    const dataDir = join(dir, 'data');
    await importSample(dataDir);
    const where = { dataDir, modelsDir: join(dir, 'models'), speaker: 'me', timezone: sample.timezone };
    const { file, datasetHash } = exportSft({ ...where, file: join(dir, 'sft.jsonl'), format: 'text' });
    const script = join(projectRoot, 'bench', 'interop', 'train_sft.py');
    const out = join(dir, 'out');
    const trained = spawnSync(python, [script, own, file, out, '--max-steps', '2'], {
      encoding: 'utf8',
      env: { ...process.env, ACCELERATE_USE_CPU: 'true', HF_HUB_OFFLINE: '1', HF_HOME: join(dir, 'hf') },
    });
    expect(trained.stdout, trained.stderr).toMatch(/\d+ rows, 2 steps on 1 devices, loss \d/);
    const { run, datasetKnown } = await adoptFolder(out, {
      ...where,
      backend: 'simd',
      sampling: { temperature: 0.8, topK: 40, topP: 0.95, repetitionPenalty: 1.1 },
      datasetHash,
      use: true,
      nowMs: Date.UTC(2026, 8, 1, 3),
    });
    expect(datasetKnown).toBe(true);
    const [before, after] = [loadCheckpoint(own), loadCheckpoint(join(dir, 'models', 'runs', run))];
    expect(after.config).toEqual(before.config);
    expect(after.weights).not.toEqual(before.weights);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
