/**
 * The GGUF file format, version 3 (ggml's docs/gguf.md): a header of typed keys and tensor infos, then the numbers, each
 * tensor at a multiple of 32 bytes. Written tensor by tensor, beside its final name, so that a file is whole or absent.
 * In: keys, and tensors that are made when their turn comes. Out: a file for llama.cpp and its kin.
 * Not covered: reading, quantised types.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { dirname } from 'node:path';
import { check } from '../util/errors.ts';
import { syncDir } from '../util/files.ts';
import { encodeHalf } from './float16.ts';

export type GgufValue =
  | { type: 'u32' | 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: readonly string[] }
  | { type: 'i32s'; value: readonly number[] };

export interface GgufTensor {
  name: string;
  /** row-major, as everywhere here; the file names the last dimension first */
  shape: readonly number[];
  dtype: 'f32' | 'f16';
  /** called once, when the numbers are written */
  data: () => Float32Array;
}

const alignment = 32;
/** Numbers of the format's types. */
const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;
const tensorTypes = { f32: { id: 0, bytes: 4 }, f16: { id: 1, bytes: 2 } } as const;

/** @throws errors of the file system; nothing is left behind then, and a file that was there stays */
export function writeGguf(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensor[],
): void {
  check(endianness() === 'LE', 'GGUF is written on little-endian machines only');
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    const fd = openSync(temporary, 'w', 0o600);
    try {
      writeAll(fd, pad(header(metadata, tensors)));
      for (const tensor of tensors) writeAll(fd, pad(numbersOf(tensor)));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDir(dirname(path));
}

function header(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly GgufTensor[]): Buffer {
  const parts: Buffer[] = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(metadata.size)];
  for (const [key, value] of metadata) parts.push(string(key), ...encode(value));
  let offset = 0;
  for (const { name, shape, dtype } of tensors) {
    const dimensions = shape.toReversed().map(u64);
    parts.push(string(name), u32(shape.length), ...dimensions, u32(tensorTypes[dtype].id), u64(offset));
    offset += aligned(shape.reduce((a, b) => a * b, 1) * tensorTypes[dtype].bytes);
  }
  return Buffer.concat(parts);
}

function encode(entry: GgufValue): Buffer[] {
  switch (entry.type) {
    case 'u32':
      return [u32(valueTypes.u32), u32(entry.value)];
    case 'f32':
      return [u32(valueTypes.f32), f32(entry.value)];
    case 'bool':
      return [u32(valueTypes.bool), Buffer.of(entry.value ? 1 : 0)];
    case 'string':
      return [u32(valueTypes.string), string(entry.value)];
    case 'strings':
      return [...array(valueTypes.string, entry.value.length), ...entry.value.map(string)];
    case 'i32s':
      return [...array(valueTypes.i32, entry.value.length), Buffer.from(Int32Array.from(entry.value).buffer)];
  }
}

const array = (type: number, length: number): Buffer[] => [u32(valueTypes.array), u32(type), u64(length)];

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function numbersOf({ name, shape, dtype, data }: GgufTensor): Buffer {
  const numbers = data();
  const expected = shape.reduce((a, b) => a * b, 1);
  check(numbers.length === expected, `${name}: shape ${shape.join('x')} but ${numbers.length} numbers`);
  if (dtype === 'f32') return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return Buffer.from(encodeHalf(numbers).buffer);
}

const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

const pad = (bytes: Buffer): Buffer =>
  bytes.length === aligned(bytes.length)
    ? bytes
    : Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30));
}
