import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CheckpointError } from '../../src/checkpoint/error.ts';
import { readSafetensors, readSafetensorsFile, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { Weights } from '../../src/types.ts';
import { temporaryModels } from './examples.ts';

const weights: Weights = new Map([
  ['b.matrix', { shape: [2, 2], data: Float32Array.of(1.5, -2, 0.25, -0) }],
  ['a.vector', { shape: [3], data: Float32Array.of(3, 4, 5) }],
]);

// files made by the reference implementation: Python `safetensors` 0.8.0, serialize(..., {'format': 'pt'})
const referenceF32 =
  'oAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJhLnZlY3RvciI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzAsMTJdfSwiYi5tYXRyaXgiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRhdGFfb2Zmc2V0cyI6WzEyLDI4XX19ICAgAABAQAAAgEAAAKBAAADAPwAAAMAAAIA+AAAAgA==';
const referenceF16 =
  'oAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJhLnZlY3RvciI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzAsNl19LCJiLm1hdHJpeCI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIjpbNiwxNF19fSAgICAgAEIARABFAD4AwAA0AIA=';
const referenceMixed =
  '4AAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJhLmZ1bGwiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOlswLDEyXX0sImMuYnJhaW4iOnsiZHR5cGUiOiJCRjE2Iiwic2hhcGUiOlsxLDJdLCJkYXRhX29mZnNldHMiOlsxMiwxNl19LCJiLmhhbGYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzIsMl0sImRhdGFfb2Zmc2V0cyI6WzE2LDI0XX19ICAgICAgIAAAwD8AAACA//9/f4A/98IAPADAZi7/ew==';

const metadata = { format: 'pt' };

test.each([
  ['f32', referenceF32],
  ['f16', referenceF16],
] as const)('%s: the same bytes as the reference implementation', (dtype, reference) => {
  expect(Buffer.from(writeSafetensors(weights, { dtype, metadata })).toString('base64')).toBe(reference);
});

test('reads a file of the reference implementation with three dtypes', () => {
  expect(readSafetensors(Buffer.from(referenceMixed, 'base64'))).toEqual(
    new Map([
      ['a.full', { shape: [3], data: Float32Array.of(1.5, -0, 3.4028234663852886e38) }],
      ['b.half', { shape: [2, 2], data: Float32Array.of(1, -2, 0.0999755859375, 65504) }],
      ['c.brain', { shape: [1, 2], data: Float32Array.of(1, -123.5) }],
    ]),
  );
});

test.each(['f32', 'f16', 'bf16'] as const)('%s: what is written comes back, whatever the alignment', (dtype) => {
  const file = writeSafetensors(weights, { dtype });
  const shifted = new Uint8Array(file.length + 1);
  shifted.set(file, 1);
  expect(readSafetensors(file)).toEqual(weights); // all of these numbers exist in all three dtypes
  expect(readSafetensors(shifted.subarray(1))).toEqual(weights);
});

test('order of insertion does not change the bytes', () => {
  const reversed = new Map([...weights].reverse());
  expect(writeSafetensors(reversed, { dtype: 'f32' })).toEqual(writeSafetensors(weights, { dtype: 'f32' }));
});

test('a tensor whose shape and numbers disagree is not written', () => {
  const wrong: Weights = new Map([['x', { shape: [2, 3], data: new Float32Array(5) }]]);
  expect(() => writeSafetensors(wrong, { dtype: 'f32' })).toThrow('x: shape 2x3 but 5 numbers');
});

/** A file with this header and so many zero bytes of data. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

const headerLength = (length: bigint): Uint8Array => {
  const bytes = Buffer.from(file({}, 0));
  bytes.writeBigUInt64LE(length);
  return bytes;
};

const two = (first: unknown, second: unknown): unknown => ({
  x: { dtype: 'F32', shape: [1], data_offsets: first },
  y: { dtype: 'F32', shape: [1], data_offsets: second },
});

test.each<[string, Uint8Array, string]>([
  ['nothing', new Uint8Array(0), '0 bytes, too short for a header'],
  ['seven bytes', new Uint8Array(7), '7 bytes, too short for a header'],
  ['the longest header length', headerLength(2n ** 64n - 1n), 'header length 18446744073709551615 is out of bounds'],
  ['a header longer than the format allows', headerLength(100_000_001n), 'header length 100000001 is out of bounds'],
  ['a header longer than the file', headerLength(100n), 'header of 100 bytes in 10'],
  ['no JSON', file('{"x": ', 0), 'header is not JSON'],
  ['invalid UTF-8', Buffer.concat([file('', 0).fill(1, 0, 1), Buffer.of(0xff)]), 'header is not JSON'],
  ['an array', file([], 0), 'header is not a JSON object'],
  ['null', file('null', 0), 'header is not a JSON object'],
  ['an unknown dtype', file({ x: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, 8), 'dtype that is not F32'],
  [
    'a dtype of the prototype',
    file({ x: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } }, 4),
    'dtype that is not',
  ],
  ['no offsets', file({ x: { dtype: 'F32', shape: [1] } }, 4), 'tensor x has a malformed header entry'],
  ['a negative size', file({ x: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4), 'malformed header entry'],
  ['a fractional size', file({ x: { dtype: 'F32', shape: [0.5], data_offsets: [0, 2] } }, 2), 'malformed header entry'],
  ['three offsets', file({ x: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 4] } }, 4), 'malformed header entry'],
  [
    'a size that overflows',
    file({ x: { dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } }, 4),
    'expected 0..',
  ],
  [
    'a tensor that ends before it begins',
    file({ x: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 4),
    'tensor x lies at',
  ],
  [
    'a size and range that disagree',
    file({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, 4),
    'lies at 0..4, expected 0..8',
  ],
  ['overlapping tensors', file(two([0, 4], [0, 4]), 4), 'tensor y lies at 0..4, expected 4..8'],
  ['a gap', file(two([0, 4], [8, 12]), 12), 'tensor y lies at 8..12, expected 4..8'],
  ['data cut short', file(two([0, 4], [4, 8]), 7), 'tensor y ends beyond the file'],
  ['data after the last tensor', file(two([0, 4], [4, 8]), 9), '1 bytes after the last tensor'],
])('refuses %s, in memory and on disk', (_, bytes, message) => {
  expect(() => readSafetensors(bytes, 'a/model.safetensors')).toThrow(CheckpointError);
  expect(() => readSafetensors(bytes, 'a/model.safetensors')).toThrow(message);
  expect(() => readSafetensors(bytes, 'a/model.safetensors')).toThrow('a/model.safetensors: ');
  const path = onDisk(bytes);
  expect(() => readSafetensorsFile(path)).toThrow(CheckpointError);
  expect(() => readSafetensorsFile(path)).toThrow(message);
});

test.each(['f32', 'f16', 'bf16'] as const)('from disk comes what comes from memory: %s', (dtype) => {
  const bytes = writeSafetensors(weights, { dtype });
  expect(readSafetensorsFile(onDisk(bytes))).toEqual(readSafetensors(bytes));
});

test('from disk, only what is wanted is read', () => {
  const path = onDisk(writeSafetensors(weights, { dtype: 'f32' }));
  const [one] = weights.keys();
  expect([...readSafetensorsFile(path, (name) => name === one).keys()]).toEqual([one]);
});

/** A file of its own with these bytes. */
function onDisk(bytes: Uint8Array): string {
  const path = join(temporaryModels(), 'model.safetensors');
  writeFileSync(path, bytes);
  return path;
}
