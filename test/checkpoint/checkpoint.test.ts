import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CheckpointError, loadCheckpoint } from '../../src/checkpoint/load.ts';
import { parseLexicon, renderLexicon } from '../../src/checkpoint/lexicon.ts';
import { parseManifest, renderManifest, type Manifest } from '../../src/checkpoint/manifest.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { sha256 } from '../../src/util/files.ts';
import { createRandom } from '../../src/util/random.ts';
import { publisher, temporaryModels, tinyParts } from './examples.ts';

const fileNames = [
  'config.json',
  'generation_config.json',
  'lexicon.bin',
  'manifest.json',
  'metrics.jsonl',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
];

describe('save', () => {
  test('what is saved comes back, number for number', () => {
    const parts = tinyParts(1);
    const dir = saveCheckpoint(temporaryModels(), 'run-1', parts);
    const loaded = loadCheckpoint(dir);
    expect(loaded).toMatchObject({ dir, runId: 'run-1', config: parts.config, tokenizerJson: parts.tokenizerJson });
    expect(loaded.weights).toEqual(new Map([...parts.weights].sort(([a], [b]) => (a < b ? -1 : 1))));
    expect(loaded.manifest.details).toEqual(parts.details);
    expect(loaded.lexicon).toEqual(parts.lexicon);
  });

  test('a run may say nothing about its words; what is no list of hashes is refused', () => {
    const { lexicon: _, ...parts } = tinyParts(1);
    const dir = saveCheckpoint(temporaryModels(), 'run-1', parts);
    expect(loadCheckpoint(dir).lexicon).toBeNull();
    expect(() => parseLexicon(Buffer.alloc(5), 'lexicon.bin')).toThrow('lexicon.bin: 5 bytes, no multiple of 4');
    expect(() => parseLexicon(renderLexicon(Uint32Array.of(7, 7)), 'lexicon.bin')).toThrow('not in order');
  });

  test('the folder is a Hugging Face model folder, open to this user only', () => {
    const models = temporaryModels();
    const dir = saveCheckpoint(models, 'run-1', tinyParts(1));
    expect(readdirSync(dir).sort()).toEqual(fileNames);
    expect(readdirSync(join(models, 'runs'))).toEqual(['run-1']);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of fileNames) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(dir, 'generation_config.json'), 'utf8'))).toEqual({
      bos_token_id: 0,
      eos_token_id: 41,
      pad_token_id: 41,
      do_sample: true,
      temperature: 0.8,
      top_k: 40,
      top_p: 0.95,
      repetition_penalty: 1.1,
      suppress_tokens: [0, 2, 3],
    });
    const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as Manifest;
    expect(Object.keys(manifest.files).sort()).toEqual(fileNames.filter((name) => name !== 'manifest.json'));
    for (const [name, { bytes, sha256: sum }] of Object.entries(manifest.files)) {
      const data = readFileSync(join(dir, name));
      expect([name, bytes, sum]).toEqual([name, data.length, sha256(data)]);
    }
  });

  test('the same run gives the same bytes', () => {
    const [a, b] = [
      saveCheckpoint(temporaryModels(), 'a', tinyParts(7)),
      saveCheckpoint(temporaryModels(), 'b', tinyParts(7)),
    ];
    for (const name of fileNames) expect(readFileSync(join(a, name))).toEqual(readFileSync(join(b, name)));
  });

  test('f16 weights take half the room and come back rounded', () => {
    const models = temporaryModels();
    const full = saveCheckpoint(models, 'full', tinyParts(1));
    const half = saveCheckpoint(models, 'half', { ...tinyParts(1), dtype: 'f16' });
    const size = (dir: string): number => statSync(join(dir, 'model.safetensors')).size;
    const numbers = [...tinyParts(1).weights.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(size(full) - size(half)).toBe(2 * numbers);
    const name = 'model.norm.weight';
    const exact = loadCheckpoint(full).weights.get(name)!.data;
    loadCheckpoint(half)
      .weights.get(name)!
      .data.forEach((value, i) => expect(value).toBeCloseTo(exact[i]!, 4));
    expect(JSON.parse(readFileSync(join(half, 'config.json'), 'utf8'))).toMatchObject({ torch_dtype: 'float16' });
  });

  test('temporary folders of a killed save are removed', () => {
    const models = temporaryModels();
    mkdirSync(join(models, 'runs', '.tmp-old'), { recursive: true });
    writeFileSync(join(models, 'runs', '.tmp-old', 'model.safetensors'), 'half of it');
    saveCheckpoint(models, 'run-1', tinyParts(1));
    expect(readdirSync(join(models, 'runs'))).toEqual(['run-1']);
  });

  test('an existing run is not written over', () => {
    const models = temporaryModels();
    const dir = saveCheckpoint(models, 'run-1', tinyParts(1));
    expect(() => saveCheckpoint(models, 'run-1', tinyParts(2))).toThrow('run run-1 exists already');
    expect(loadCheckpoint(dir).manifest.details.seed).toBe(1);
    expect(readdirSync(join(models, 'runs'))).toEqual(['run-1']);
  });

  test.each(['', '..', '../run', 'a/b', '.tmp-x', 'a\\b', 'a\0', 'x'.repeat(101)])('%j is no run id', (runId) => {
    const models = temporaryModels();
    expect(() => saveCheckpoint(models, runId, tinyParts(1))).toThrow('cannot be the id of a run');
    expect(readdirSync(models)).toEqual([]);
  });

  test('parts that do not fit together, or NaN, are a fault of the caller and leave nothing', () => {
    const models = temporaryModels();
    const parts = tinyParts(1);
    const without = new Map(parts.weights);
    without.delete('model.norm.weight');
    const misshapen = new Map(parts.weights).set('model.norm.weight', { shape: [17], data: new Float32Array(17) });
    const broken = new Map(parts.weights).set('model.norm.weight', {
      shape: [16],
      data: new Float32Array(16).fill(NaN),
    });
    expect(() => saveCheckpoint(models, 'r', { ...parts, weights: without })).toThrow('19 weights, expected 20');
    expect(() => saveCheckpoint(models, 'r', { ...parts, weights: misshapen })).toThrow(
      'model.norm.weight is 17, expected 16',
    );
    expect(() => saveCheckpoint(models, 'r', { ...parts, weights: broken })).toThrow('not finite');
    const larger = { ...parts.config, vocabSize: 321 };
    const embedding = { shape: [321, 16], data: new Float32Array(321 * 16) };
    const weights = new Map(parts.weights).set('model.embed_tokens.weight', embedding);
    expect(() => saveCheckpoint(models, 'r', { ...parts, config: larger, weights })).toThrow(
      'tokenizer of 320 ids, model of 321',
    );
    expect(readdirSync(models)).toEqual([]);
  });

  test('a full disk ends with the remedy, leaves nothing behind and the served run untouched', (context) => {
    // a real disk of 200 kB, in a mount namespace of its own; the tiny run takes about 50 kB
    const models = temporaryModels();
    const inside = (command: string): string[] => [
      '-rm',
      'sh',
      '-c',
      `mount -t tmpfs -o size=200k none ${models} && ${command}`,
    ];
    if (spawnSync('unshare', inside('true')).status !== 0) context.skip('needs user namespaces (unshare -rm)');
    const origin = saveCheckpoint(temporaryModels(), 'origin', tinyParts(1));
    const program = publisher(origin, models, 1, 9)
      .map((argument) => `'${argument.replaceAll("'", `'\\''`)}'`)
      .join(' ');
    // the publisher keeps 2: a run or two fit, but not another beside them while it is saved
    const { stdout, stderr } = spawnSync(
      'unshare',
      inside(`${process.execPath} ${program}; ls -A ${models}/runs; cat ${models}/current.json`),
      { encoding: 'utf8' },
    );
    const served = Number(/"run": "run-(\d)"/.exec(stdout)?.[1]);
    expect(stdout).toContain(`done ${served}\nbegin ${served + 1}\n`);
    expect(stdout).not.toContain('.tmp-');
    expect(stderr).toMatch(/UserError: disk full while saving run run-\d: it takes 1 MB, 0 MB are free/);
    expect(stderr).toMatch(
      /hint: 'Free at least 1 MB on the disk that holds .* and run the command again\. The model in use was not touched\.'/,
    );
  });
});

describe('load refuses', () => {
  /** Replace files of a whole run and make the manifest agree, as a faulty writer would. */
  function rewrite(dir: string, changes: Record<string, string | Uint8Array>): void {
    const { manifest } = loadCheckpoint(dir);
    for (const [name, data] of Object.entries(changes)) {
      writeFileSync(join(dir, name), data);
      manifest.files[name] = { bytes: Buffer.from(data).length, sha256: sha256(data) };
    }
    writeFileSync(join(dir, 'manifest.json'), renderManifest(manifest));
  }

  function refusal(dir: string): CheckpointError {
    try {
      loadCheckpoint(dir);
    } catch (error) {
      if (error instanceof CheckpointError) return error;
      throw error;
    }
    return expect.fail(`${dir} was loaded`);
  }

  test('files cut at any of 100 offsets', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const random = createRandom('offsets');
    let refused = 0;
    for (let i = 0; i < 100; i++) {
      const file = join(dir, fileNames[i % fileNames.length]!);
      const whole = readFileSync(file);
      // the first round cuts each file to nothing, the second cuts only its last byte
      const length = i < fileNames.length ? 0 : i < 2 * fileNames.length ? whole.length - 1 : random.int(whole.length);
      truncateSync(file, length);
      expect(refusal(dir).file).toBe(file);
      refused++;
      writeFileSync(file, whole);
    }
    expect(refused).toBe(100);
    expect(loadCheckpoint(dir).runId).toBe('run'); // it was the damage that was refused
  });

  test('any of 100 bits flipped', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const random = createRandom('bits');
    let refused = 0;
    for (let i = 0; i < 100; i++) {
      const file = join(dir, fileNames[i % fileNames.length]!);
      const whole = readFileSync(file);
      const damaged = Buffer.from(whole);
      const at = random.int(whole.length);
      damaged[at]! ^= 1 << random.int(8);
      writeFileSync(file, damaged);
      // a name in the manifest that flips may lead to another file being reported; the refusal is what counts
      const { file: named } = refusal(dir);
      if (!file.endsWith('manifest.json')) expect(named).toBe(file);
      refused++;
      writeFileSync(file, whole);
    }
    expect(refused).toBe(100);
    expect(loadCheckpoint(dir).runId).toBe('run');
  });

  test('every single bit of the manifest flipped, and every cut', () => {
    const file = join(saveCheckpoint(temporaryModels(), 'run', tinyParts(1)), 'manifest.json');
    const whole = readFileSync(file);
    expect(parseManifest(whole.toString(), file).details.seed).toBe(1);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => parseManifest(damaged.toString(), file)).toThrow(CheckpointError);
    }
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseManifest(whole.toString('utf8', 0, length), file)).toThrow(CheckpointError);
    }
  });

  test.each(fileNames)('a missing %s', (name) => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    rmSync(join(dir, name));
    expect(refusal(dir)).toMatchObject({ file: join(dir, name), exitCode: 1 });
    expect(refusal(dir).message).toContain('missing');
  });

  test('a folder that is not there', () => {
    const dir = join(temporaryModels(), 'runs', 'none');
    expect(refusal(dir)).toMatchObject({ file: dir, message: `${dir}: there is no such run` });
  });

  test('a manifest that does not list a file', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const { manifest } = loadCheckpoint(dir);
    delete manifest.files['metrics.jsonl'];
    writeFileSync(join(dir, 'manifest.json'), renderManifest(manifest));
    expect(refusal(dir).message).toContain('manifest.json: does not list metrics.jsonl');
  });

  test('a manifest that leads out of the folder', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const { manifest } = loadCheckpoint(dir);
    manifest.files['../../secret'] = { bytes: 0, sha256: sha256('') };
    writeFileSync(join(dir, 'manifest.json'), renderManifest(manifest));
    expect(refusal(dir).message).toContain('not a manifest of format 1');
  });

  test('a config of another model', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as Record<string, unknown>;
    rewrite(dir, { 'config.json': JSON.stringify({ ...config, intermediate_size: 48 }) });
    const { message } = refusal(dir);
    expect(message).toContain(
      'model.safetensors: tensor model.layers.0.mlp.gate_proj.weight is 32x16, config.json asks for 48x16',
    );
  });

  test('a layer too many or too few', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as Record<string, unknown>;
    const saved = loadCheckpoint(dir).manifest;
    rewrite(dir, { 'config.json': JSON.stringify({ ...config, num_hidden_layers: 3 }) });
    expect(refusal(dir).message).toContain('tensor model.layers.2.input_layernorm.weight is missing');
    writeFileSync(join(dir, 'config.json'), JSON.stringify(config, null, 2) + '\n');
    writeFileSync(join(dir, 'manifest.json'), renderManifest(saved));
    rewrite(dir, { 'config.json': JSON.stringify({ ...config, num_hidden_layers: 1 }) });
    expect(refusal(dir).message).toMatch(/tensor model\.layers\.1\.\S+ has no place in the model/);
  });

  test('a vocabulary of another size, or with a hole', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const { manifest, tokenizerJson } = loadCheckpoint(dir);
    rewrite(dir, { 'tokenizer.json': tokenizerJson.replace('"t255":319', '"t255":320') });
    expect(refusal(dir).message).toContain('tokenizer.json: 320 ids, but none is 319');
    writeFileSync(join(dir, 'tokenizer.json'), tokenizerJson);
    writeFileSync(join(dir, 'manifest.json'), renderManifest(manifest));
    rewrite(dir, { 'tokenizer.json': tokenizerJson.replace(',"t255":319', '') });
    expect(refusal(dir).message).toContain('tokenizer.json: 319 ids, but config.json says 320');
  });

  test.each([NaN, Infinity, -Infinity])('a weight that is %d', (value) => {
    const { weights } = tinyParts(1);
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    weights.get('model.layers.1.mlp.up_proj.weight')!.data[77] = value;
    rewrite(dir, { 'model.safetensors': writeSafetensors(weights, { dtype: 'f32' }) });
    expect(refusal(dir).message).toContain('tensor model.layers.1.mlp.up_proj.weight holds NaN or infinity');
  });

  test('a huge header length', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const bytes = readFileSync(join(dir, 'model.safetensors'));
    bytes.writeBigUInt64LE(2n ** 63n);
    rewrite(dir, { 'model.safetensors': bytes });
    expect(refusal(dir).message).toContain('header length 9223372036854775808 is out of bounds');
  });

  test('a file that cannot be read', () => {
    const dir = saveCheckpoint(temporaryModels(), 'run', tinyParts(1));
    const file = join(dir, 'manifest.json');
    rmSync(file);
    mkdirSync(file);
    expect(existsSync(file)).toBe(true);
    expect(refusal(dir).message).toBe(`${dir}: cannot be read (EISDIR)`);
  });
});
